"""What a check found, and how a check is asked so that none aborts another."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from schemas.errors import CODES, Exit, RecadoError

log = structlog.get_logger()


class State(StrEnum):
    """How it is. Skipped: it could not be asked or has no meaning here, which is no failure."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    state: State
    check: str
    about: str
    text: str
    code: str | None = None

    @property
    def remedy(self) -> str:
        """What to do, empty where nothing is wrong."""
        return CODES[self.code].remedy if self.code is not None else ""

    @property
    def exit(self) -> Exit:
        """The exit code that this finding asks for."""
        if self.state is not State.FAIL:
            return Exit.OK
        return CODES[self.code].exit if self.code is not None else Exit.BUG


Told = tuple[State, str] | tuple[State, str, str | None]
"""State, text and code of a finding whose check and subject are known."""

Check = Callable[[], Iterable[Told]]


def ask(check: str, about: str, look: Check) -> list[Finding]:
    """Run one check; whatever happens in it becomes a finding."""
    try:
        return [Finding(told[0], check, about, told[1], told[2] if len(told) > 2 else None) for told in look()]
    except RecadoError as error:
        return [Finding(State.FAIL, check, about, error.detail, error.code)]
    except psycopg.errors.InsufficientPrivilege as error:
        return [Finding(State.SKIP, check, about, f"not allowed to look: {error.diag.message_primary}")]
    except psycopg.errors.QueryCanceled:
        return [Finding(State.SKIP, check, about, "took too long")]
    except (psycopg.OperationalError, psycopg.InterfaceError, SQLAlchemyError) as error:
        first = str(error).splitlines()[0][:200]
        return [Finding(State.FAIL, check, about, first, "RCD-110")]
    except Exception as error:  # the boundary of one check: the others are asked all the same
        log.exception("check_failed", check=check, about=about)
        return [Finding(State.FAIL, check, about, f"an error of Recado itself: {type(error).__name__}")]


_WORST = (Exit.BUG, Exit.DEPENDENCY_DOWN, Exit.CONFIGURATION, Exit.REFUSED, Exit.HUMAN_STEP)


def worst(findings: Iterable[Finding]) -> Exit:
    """Return the exit code of a report: what must be mended first."""
    asked = {found.exit for found in findings}
    return next((code for code in _WORST if code in asked), Exit.OK)

"""Options that several commands share, and who is asking."""

import getpass
import os
import re
from typing import Annotated, Any

import typer

from admin.registry.rows import By
from schemas.errors import Invalid

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept in the audit.")]

_DURATION = re.compile(r"(\d+)(ms|s|min|h|d)?")
_UNITS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


def by(why: str = "") -> By:
    """Return who asks: the person behind sudo, else the process's user."""
    try:
        who = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        who = f"uid {os.getuid()}"
    return By(who=who, via="cli", why=why)


def given(**values: Any) -> dict[str, Any]:
    """Return the options that were given (those that are not None)."""
    return {name: value for name, value in values.items() if value is not None}


def pairs(texts: list[str], what: str) -> dict[str, str]:
    """Read `name=value` words. Raises `Invalid` RCD-405."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise Invalid("RCD-405", f"{what} {text!r}: give name=value")
        if name.strip() in found:
            raise Invalid("RCD-405", f"{what} {name.strip()!r} is given twice")
        found[name.strip()] = value.strip()
    return found


def parameters(texts: list[str]) -> dict[str, int | None]:
    """Read `settle=3s window=1min max_items=20`; `settle=default` undoes one. Raises `Invalid` RCD-405."""
    found: dict[str, int | None] = {}
    for name, value in pairs(texts, "parameter").items():
        number = _DURATION.fullmatch(value)
        if value == "default":
            found[name] = None
        elif number is None:
            raise Invalid(
                "RCD-405", f"parameter {name}={value}: give a number, or a time such as 500ms, 3s, 8min, 4h, 30d"
            )
        else:
            found[name] = int(number[1]) * _UNITS[number[2] or "ms"]
    return found

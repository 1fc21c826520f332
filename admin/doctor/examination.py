"""A whole examination: which sources, seen with whose eyes, and all checks side by side in a few seconds."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from admin.doctor import delivery
from admin.doctor.cell import CellChecks
from admin.doctor.database import Database, Subject
from admin.doctor.finding import Check, Finding, State, ask
from admin.doctor.own import Own
from admin.install import address as addresses
from admin.install import registration
from admin.install.address import Address, Place
from admin.install.capture import capture_of
from cdc.flavours.registry import flavour as known_flavour
from cdc.postgres import connect, names
from schemas.errors import Invalid, RecadoError
from schemas.secrets import resolve
from schemas.settings import Settings

UNNAMED = "database"
GONE = "was uninstalled; recado install makes it again, recado source remove forgets it"
KAFKA, CONNECT, RECADO, MACHINE = "kafka", "connect", "recado", "machine"


@dataclass(frozen=True)
class Target:
    """A source to look at. `source` None: a database for which no id has been chosen yet."""

    source: str | None
    address: Address | None
    row: dict[str, Any] | None = field(default=None, repr=False)
    remembered: bool = False
    taken_away: bool = False
    """By `recado uninstall`, with the read role that the registry names: nobody is left to ask as."""

    @property
    def about(self) -> str:
        """How the report calls it."""
        return self.source or UNNAMED

    @property
    def installed(self) -> bool:
        """Whether ours has to be there."""
        return self.row["state"] == registration.INSTALLED if self.row is not None else self.remembered


def targets(settings: Settings, own: Own, sources: Sequence[str], address: Address | None) -> list[Target]:
    """Return what to look at: the sources asked for, else all that are known; with an address, that database.

    A source is looked at as its read role would, with the registry's address; where the registry says nothing, as
    the administrator who installed it.
    """
    rows = own.sources()
    if address is not None:
        source = sources[0] if sources else None
        return [Target(source, address, rows.get(source or ""))]
    known = [*rows, *(name for name in addresses.known(settings.data_dir) if name not in rows)]
    found = []
    for source in sources or known:
        row, kept = rows.get(source), addresses.remembered(settings.data_dir, source)
        where = addresses.of_row(row) if row is not None else kept
        # An installation that was interrupted has the role as well, but its administrator's address is still known.
        gone = (
            row is not None
            and kept is None
            and (row["state"], row["username"]) == (registration.ADDED, names(source).app_role)
        )
        found.append(Target(source, where, row, remembered=kept is not None, taken_away=gone))
    return found


class Examination:
    """All checks of some targets and of the cell. Reads only."""

    def __init__(self, settings: Settings, own: Own, found: Sequence[Target]) -> None:
        self._settings = settings
        self._own = own
        self._targets = list(found)
        self._cell = CellChecks(settings)

    def run(self) -> list[Finding]:
        """Ask everything at once; findings come in a fixed order. Blocks for seconds."""
        groups: list[Callable[[], list[Finding]]] = [self._ours, self._kafka, self._connect]
        groups += [partial(self._database, target) for target in self._targets]
        with ThreadPoolExecutor(max_workers=min(8, len(groups))) as pool:
            return [found for job in [pool.submit(group) for group in groups] for found in job.result()]

    def _ours(self) -> list[Finding]:
        first = ask("database", RECADO, self._own.database)
        rest: list[tuple[str, Check]] = [("switches", self._own.switches), ("people", self._own.people)]
        return [*first, *_after(first, RECADO, rest), *ask("room", MACHINE, self._own.machine)]

    def _kafka(self) -> list[Finding]:
        first = ask("topics", KAFKA, self._cell.topics)
        installed = [target.source for target in self._targets if target.installed and target.source is not None]
        rest: list[tuple[str, Check]] = [
            ("roles", self._cell.roles),
            ("positions", self._cell.positions),
            ("heartbeats", lambda: self._cell.heartbeats(installed)),
            ("delivery", lambda: delivery.channels(self._settings)),
        ]
        rest += [
            (f"createdAt of {target.source}", partial(self._cell.offset, target.source or "", _offset(target)))
            for target in self._targets
            if target.installed
        ]
        # A missing topic is one finding, not one for everything that would be in it.
        return [*first, *_after(first, KAFKA, rest)]

    def _connect(self) -> list[Finding]:
        first = ask("worker", CONNECT, self._cell.connect)
        rest: list[tuple[str, Check]] = [
            (f"connector of {target.source}", partial(self._connector, target))
            for target in self._targets
            if target.source is not None and (target.row is not None or target.installed)
        ]
        return [*first, *_after(first, CONNECT, rest)]

    def _connector(self, target: Target) -> Any:
        source = target.source or ""
        if target.taken_away:
            return iter([(State.SKIP, GONE)])
        if target.address is None or target.row is None:
            raise Invalid("RCD-403", f"source {source!r} is not in the registry")
        fork = known_flavour(target.row["flavour"])
        capture = capture_of(self._settings, source, fork, Place.of(target.address.conninfo()))
        return self._cell.connector(capture, installed=target.installed)

    def _database(self, target: Target) -> list[Finding]:
        if target.taken_away:
            return [Finding(State.SKIP, "connection", target.about, GONE)]
        try:
            if target.address is None:
                raise Invalid("RCD-403", f"source {target.source!r} is not known; give its address: --dsn env:NAME")
            conninfo = target.address.conninfo()
            connection = connect(conninfo)
        except RecadoError as error:
            return [Finding(State.FAIL, "connection", target.about, error.detail, error.code)]
        with connection:
            connection.execute("SET default_transaction_read_only = on; SET statement_timeout = '3s'")
            subject = Subject(
                connection,
                conninfo,
                Place.of(conninfo),
                target.source or "",
                names(target.source) if target.source is not None else None,
                target.installed,
                target.row["flavour"] if target.row is not None else None,
                self._app_password(target),
                _offset(target),
            )
            checks = Database(subject).checks()
            return [found for name, look in checks for found in ask(name, target.about, look)]

    def _app_password(self, target: Target) -> str | None:
        if target.source is None:
            return None
        if target.row is not None and target.row["username"] == names(target.source).app_role:
            reference = target.row["secret_ref"]
        else:
            file = self._settings.data_dir.absolute() / "secrets" / names(target.source).app_role
            reference = f"file:{file}" if file.exists() else None
        return resolve(reference) if reference else None


def _offset(target: Target) -> int:
    return int(target.row["created_offset_ms"]) if target.row is not None else 0


def _after(first: Sequence[Finding], about: str, rest: Sequence[tuple[str, Check]]) -> list[Finding]:
    """Ask the rest, or say once for each that it could not be asked because nobody answers."""
    down = next((found for found in first if found.code is not None and found.code not in ANSWERED), None)
    if down is None:
        return [found for name, look in rest for found in ask(name, about, look)]
    return [Finding(State.SKIP, name, about, f"not asked: {down.code}") for name, _ in rest]


ANSWERED = frozenset({"RCD-201", "RCD-204", "RCD-209"})
"""Failures of somebody who answers: what else there is can be asked."""

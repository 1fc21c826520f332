"""Taking a source away again: connector, slot, publication, roles, settings; with the last one topics and groups.

What is to be removed is found by asking. The recado database is used if it is there, and not needed.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from admin.install import address as addresses
from admin.install import broker, left, registration, system
from admin.install.address import Address, Place
from admin.install.installation import CELL, Part
from admin.install.journal import Journal
from admin.install.left import Thing
from admin.install.lock import exclusive
from admin.install.source import Wanted
from admin.install.step import Done, Line, Step, run
from admin.registry.rows import By
from cdc import provision, slot
from cdc.connect import Connect
from cdc.connector import connector_name
from cdc.flavours.registry import FLAVOURS
from cdc.postgres import Connection, connect, names, read_state
from schemas.errors import RecadoError
from schemas.settings import Settings
from schemas.topics import Cell

RELEASE_S = 20.0
LEAVE_S = 20.0
CONNECT_RETRY_S = 5.0


class Removal:
    """The removal of sources, and of the cell with its last one. The methods block.

    Args:
        settings: of the cell.
        url: of the recado database, None when there is none any more.
        wanted: the sources.
        by: who asks.
        dial: opens connections to sources; for tests.
    """

    def __init__(
        self,
        settings: Settings,
        url: str | None,
        wanted: Sequence[Wanted],
        by: By,
        dial: Callable[[str], Connection] = connect,
    ) -> None:
        self._settings = settings
        self._cell = Cell(settings.cell)
        self._url = url
        self._wanted = tuple(wanted)
        self._by = by
        self._dial = dial
        self._journal = Journal(settings.data_dir, settings.cell, by.who, url)

    # ── the plan ─────────────────────────────────────────────────────────────────

    def plan(self) -> list[Part]:
        """Return what would be removed, part by part. Changes nothing."""
        parts = []
        for wanted in self._wanted:
            parts.append(self._planned(f"{wanted.source} connector", partial(self._connector, wanted.source)))
            parts.append(self._planned(f"{wanted.source} database", partial(self._look, wanted)))
            parts.append(self._planned(f"{wanted.source} registry", partial(self._registry, wanted.source)))
        parts.append(self._planned(CELL, self._broker))
        for wanted in self._wanted:
            parts.append(self._planned(f"{wanted.source} files", partial(self._files, wanted.source)))
        return parts

    def _planned(self, name: str, look: Callable[[], list[Step]]) -> Part:
        try:
            return Part(name, tuple(look()))
        except RecadoError as error:
            return Part(name, problem=error)

    def _look(self, wanted: Wanted) -> list[Step]:
        with self._open(wanted) as connection:
            return [step for group in self._database(wanted, connection) for step in group]

    # ── the doing ────────────────────────────────────────────────────────────────

    def apply(self, done: Done) -> list[Part]:
        """Remove, calling `done` after each step; return what was done and what stands in the way.

        One source's trouble does not stop the others. A slot that is in use keeps its publication and roles; while
        anything of a source is left, its files and the cell's topics are kept.
        """
        parts: list[Part] = []
        for wanted in self._wanted:
            found = self._take_away(wanted, done)
            if all(part.problem is None for part in found):
                found.append(self._done(f"{wanted.source} registry", done, partial(self._registry, wanted.source)))
            parts += found
        if all(part.problem is None for part in parts):
            parts.append(self._done(CELL, done, self._broker))
        for wanted in self._wanted:
            # Also when topics or groups stay, so that the same command may be repeated without an address.
            whose = (CELL, f"{wanted.source} ")
            if all(part.problem is None for part in parts if part.name.startswith(whose)):
                parts.append(self._done(f"{wanted.source} files", done, partial(self._files, wanted.source)))
        self._journal.copy()
        return parts

    def _take_away(self, wanted: Wanted, done: Done) -> list[Part]:
        """Connector and database, under the source's lock. Where the database is gone, the connector goes alone."""
        name = f"{wanted.source} database"
        connector = partial(self._done, f"{wanted.source} connector", done, partial(self._connector, wanted.source))
        try:
            connection = self._open(wanted)
        except RecadoError as error:
            return [connector(), Part(name, problem=error)]
        with connection:
            try:
                with exclusive(connection, f"source {wanted.source}"):
                    return [connector(), self._take_down(name, connection, wanted, done)]
            except RecadoError as error:
                return [Part(name, problem=error)]

    def _take_down(self, name: str, connection: Connection, wanted: Wanted, done: Done) -> Part:
        """The database's part; each group of steps is looked up after the one before is done."""
        finished: list[Step] = []
        try:
            for steps in self._database(wanted, connection):
                self._run(steps, finished, done)
        except RecadoError as error:
            return Part(name, tuple(finished), error)
        return Part(name, tuple(finished))

    def _done(self, name: str, done: Done, look: Callable[[], list[Step]]) -> Part:
        finished: list[Step] = []
        try:
            self._run(look(), finished, done)
        except RecadoError as error:
            return Part(name, tuple(finished), error)
        return Part(name, tuple(finished))

    def _run(self, steps: Sequence[Step], finished: list[Step], done: Done) -> None:
        def told(step: Step) -> None:
            finished.append(step)
            done(step)

        run(steps, self._journal, told, state="undone")

    # ── the parts ────────────────────────────────────────────────────────────────

    def _open(self, wanted: Wanted) -> Connection:
        return self._dial(self._address(wanted).conninfo())

    def _address(self, wanted: Wanted) -> Address:
        found = wanted.address or addresses.remembered(self._settings.data_dir, wanted.source)
        if found is None:
            found = registration.address(self._url, wanted.source)
        if found is None:
            raise addresses.unknown(wanted.source, "uninstall")
        return found

    def _connector(self, source: str) -> list[Step]:
        name = connector_name(self._cell, source)
        with self._rest() as rest:
            if not left.in_connect(rest, self._cell, source):
                return []
        line = Line(f"delete connector {name} and its offsets", f"DELETE /connectors/{name}", "recado install")
        return [Step("connector", (line,), lambda: self._delete_connector(name), source)]

    def _delete_connector(self, name: str) -> None:
        with self._rest() as rest:
            # Offsets outlive a connector: one that is installed again would ask for WAL of long ago.
            rest.stop(name)
            rest.reset_offsets(name)
            rest.delete(name)

    def _rest(self) -> Connect:
        return Connect(self._settings.connect.url, retry_s=CONNECT_RETRY_S)

    def _database(self, wanted: Wanted, connection: Connection) -> Iterator[list[Step]]:
        """Yield slot, then publication and roles, then settings, each looked up when it is asked for."""
        source, ours = wanted.source, names(wanted.source)
        if any(thing.kind == "replication slot" for thing in left.in_database(connection, source)):
            drop = f"SELECT pg_drop_replication_slot('{ours.slot}')"
            line = Line(f"drop replication slot {ours.slot}", drop, "recado install")
            yield [Step("slot", (line,), lambda: _drop_slot(connection, ours.slot), source)]
        found = provision.to_remove(read_state(connection, source, FLAVOURS[0]))
        if found:
            lines = tuple(Line(step.what, step.sql, "recado install") for step in found)
            yield [Step("roles", lines, lambda: provision.apply(connection, found), source)]
        server = Place.of(self._address(wanted).conninfo()).server
        yield system.to_restore(connection, system.read(connection), source, ours.slot, self._journal, server)

    def _registry(self, source: str) -> list[Step]:
        return registration.to_undo(self._url, self._by, self._journal, source)

    def _others(self) -> list[str]:
        """Return the sources that stay: their connectors need the cell's topics."""
        ours = {wanted.source for wanted in self._wanted}
        with self._rest() as rest:
            found = set(left.connectors(rest, self._cell))
        return sorted(found - ours)

    def _broker(self) -> list[Step]:
        """With the last source go groups and topics. Groups first: while somebody reads, nothing is deleted."""
        kafka = self._settings.kafka
        if self._others():
            mine = [
                name
                for wanted in self._wanted
                for name in broker.groups_of_source(kafka, self._cell.signals, wanted.source)
            ]
            return [self._group(name) for name in mine]
        steps = []
        found = left.in_broker(kafka, self._cell)
        for thing in sorted(found, key=lambda thing: thing.kind != "consumer group"):
            steps.append(self._group(thing.name) if thing.kind == "consumer group" else self._topic(thing.name))
        return steps

    def _group(self, name: str) -> Step:
        line = Line(f"delete consumer group {name}", name, "")
        # A deleted connector's reader of signals takes a moment to leave; a role of ours would stay.
        patience_s = LEAVE_S if name.startswith(f"{self._cell.signals}.") else 0.0
        return Step(f"group {name}", (line,), lambda: broker.delete_group(self._settings.kafka, name, patience_s))

    def _topic(self, name: str) -> Step:
        line = Line(f"delete topic {name} with what waits in it", name, "recado install (it is empty then)")
        return Step(f"topic {name}", (line,), lambda: broker.delete_topic(self._settings.kafka, name))

    def _files(self, source: str) -> list[Step]:
        there = left.in_files(secret_files(self._settings, source))
        lines = tuple(Line("delete a secret", f"rm {thing.name}", "") for thing in there)
        steps = [Step("secrets", lines, lambda: _unlink(there), source)] if there else []
        if addresses.remembered(self._settings.data_dir, source) is not None:
            line = Line(f"forget the administrator's address of {source}", "a reference, no secret", "")
            steps.append(
                Step("address", (line,), lambda: addresses.forget(self._settings.data_dir, source), source)
            )
        return steps

    # ── afterwards ───────────────────────────────────────────────────────────────

    def verify(self) -> tuple[list[Thing], list[Part]]:
        """Ask the database, Connect and the broker what is left; return that, and where nobody answered."""
        things: list[Thing] = []
        silent: list[Part] = []

        def ask(name: str, look: Callable[[], list[Thing]]) -> None:
            try:
                things.extend(look())
            except RecadoError as error:
                silent.append(Part(name, problem=error))

        for wanted in self._wanted:
            ask(f"{wanted.source} database", partial(self._ask_database, wanted))
            ask(f"{wanted.source} connector", partial(self._ask_connect, wanted.source))
            things.extend(left.in_files(secret_files(self._settings, wanted.source)))
        ask(CELL, self._ask_broker)
        return things, silent

    def _ask_database(self, wanted: Wanted) -> list[Thing]:
        with self._open(wanted) as connection:
            return left.in_database(connection, wanted.source)

    def _ask_connect(self, source: str) -> list[Thing]:
        with self._rest() as rest:
            return left.in_connect(rest, self._cell, source)

    def _ask_broker(self) -> list[Thing]:
        return [] if self._others() else left.in_broker(self._settings.kafka, self._cell)


def known(settings: Settings, url: str | None) -> list[str]:
    """Return the sources that were installed from here, that the registry calls installed, or that are captured."""
    found = {*addresses.known(settings.data_dir), *registration.installed(url)}
    with Connect(settings.connect.url, retry_s=CONNECT_RETRY_S) as rest:
        found.update(left.connectors(rest, Cell(settings.cell)))
    return sorted(found)


def secret_files(settings: Settings, source: str) -> list[Path]:
    """Return where an installation keeps the passwords of its roles."""
    ours = names(source)
    files = [settings.data_dir.absolute() / "secrets" / ours.app_role]
    if settings.connect.secrets_dir is not None:
        files.append(Path(settings.connect.secrets_dir).absolute() / ours.cdc_role)
    return files


def _drop_slot(connection: Connection, name: str) -> None:
    """Drop the slot when its last reader has let go of it. Raises `Fatal` RCD-114 when it does not."""
    end = time.monotonic() + RELEASE_S
    while (found := slot.read(connection, name)) is not None and found.active and time.monotonic() < end:
        time.sleep(0.1)
    slot.drop(connection, name)


def _unlink(things: Sequence[Thing]) -> None:
    for thing in things:
        Path(thing.name).unlink(missing_ok=True)

"""Plays a recording into a real PostgreSQL: rows enter only by SQL, as the application wrote them."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from deploy.demo import ddl
from deploy.demo.recording import Change, Scenario, TimeShift, Transaction, Values, read_scenarios
from schemas.errors import Invalid

Connection = psycopg.Connection[Any]

_ZONES = {"canove": timezone(timedelta(hours=-3))}
_BASE_AGE_MS = 3_600_000
_BOOLEAN_CAST = (
    "UPDATE pg_cast SET castcontext = 'a' WHERE castsource = 'int4'::regtype AND casttarget = 'bool'::regtype"
)


class Recording:
    """A flavour's folder of recordings with its tables.

    Raises:
        Invalid: RCD-601, the folder or its schema listing is missing or damaged.
    """

    def __init__(self, traces: Path, flavour: str = "ticketz") -> None:
        listing = traces / "schemas" / f"{flavour}.tsv"
        if not listing.is_file():
            raise Invalid("RCD-601", f"no schema listing {listing.name} among the recordings")
        self.flavour = flavour
        self.tables = ddl.read(listing)
        self.script = ddl.statements(listing)
        self.indexes = ddl.indexes(traces / "schemas" / f"{flavour}.indexes.tsv", self.tables)
        folder = traces / flavour
        base = folder / "base.pg.sql"
        self.base = base if base.is_file() else folder / "base.sql"
        self.scenarios = read_scenarios(folder)

    def named(self, *names: str) -> list[Scenario]:
        """Return scenarios by name or by their leading number, in recorded order; all when none is named.

        Raises:
            Invalid: RCD-601, there is no such scenario.
        """
        for name in names:
            if not any(_is(scenario, name) for scenario in self.scenarios):
                raise Invalid("RCD-601", f"no scenario {name!r} in the recording of {self.flavour}")
        return [s for s in self.scenarios if not names or any(_is(s, name) for name in names)]


def _is(scenario: Scenario, name: str) -> bool:
    return scenario.name == name or (name.isdecimal() and int(scenario.name[:2]) == int(name))


class Replay:
    """Plays scenarios, in recorded order, over one connection to one database.

    The connection is used in autocommit mode; each recorded transaction is one transaction here.
    """

    def __init__(self, recording: Recording, connection: Connection) -> None:
        self.recording = recording
        self._connection = connection
        self._shift = TimeShift(_ZONES.get(recording.flavour, UTC))
        self._instants = {
            table.name: frozenset(
                column.name
                for column in table.columns.values()
                # A key stays as recorded: the row must be found again (ticketz counts by half hours).
                if column.type.startswith("timestamp")
                and not column.generated
                and column.name not in table.primary_key
            )
            for table in recording.tables.values()
        }

    def create(self, now_ms: float | None = None) -> None:
        """Create the fork's tables in the empty schema and load the rows before the first scenario.

        Those rows become an hour old, whatever the date of the recording: they are nobody's news.

        Args:
            now_ms: epoch ms of the clock that plays the scenarios; None: the host's.
        """
        with self._connection.transaction():
            self._connection.execute(self.recording.script)
            self._connection.execute(self.recording.indexes)
            if self.recording.flavour == "canove":  # its rows hold 0 and 1 where PostgreSQL has booleans
                self._connection.execute(_BOOLEAN_CAST)
        self._connection.execute(self.recording.base.read_text(encoding="utf-8"))
        first = next(scenario for scenario in self.recording.scenarios if scenario.transactions)
        now_ms = time.time() * 1_000 if now_ms is None else now_ms
        age = timedelta(milliseconds=now_ms - _BASE_AGE_MS - first.start_ms)
        with self._connection.transaction():
            for table, names in self._instants.items():
                moved = ", ".join(f"{ddl.quote(name)} = {ddl.quote(name)} + %(age)s" for name in sorted(names))
                if moved:
                    self._connection.execute(f"UPDATE {ddl.quote(table)} SET {moved}", {"age": age})  # noqa: S608

    def steps(
        self, scenario: Scenario, now_ms: float, speed: float | None = 1.0
    ) -> Iterator[tuple[float, Transaction]]:
        """Begin a scenario at `now_ms` and yield its transactions with the instant at which each is due.

        The caller moves its clock and calls `apply`; so a virtual clock can drive a replay.

        Args:
            scenario: the next one in recorded order.
            now_ms: epoch ms of its first step.
            speed: how much faster than recorded (> 0); None: everything is due at once.
        """
        self._shift.begin(scenario, now_ms, speed)
        for transaction in scenario.transactions:
            yield now_ms + (transaction.rel_ms / speed if speed else 0.0), transaction

    def apply(self, transaction: Transaction) -> int:
        """Commit one recorded transaction; return how many rows it wrote.

        Raises:
            Invalid: RCD-601, the database is not in the state from which this was recorded.
        """
        with self._connection.transaction():
            for change in transaction.changes:
                self._write(change)
        return len(transaction.changes)

    def row(self, change: Change) -> Values:
        """Return the row that a change leaves, as this replay writes it: instants moved, no computed columns."""
        table = self.recording.tables[change.table]
        moved = self._shift.row(change.after or {}, self._instants[table.name])
        return {
            name: _adapt(value, table.columns[name].type)
            for name, value in moved.items()
            if not table.columns[name].generated
        }

    def run(
        self,
        scenario: Scenario,
        speed: float | None = 1.0,
        now_ms: Callable[[], float] = lambda: time.time() * 1_000,
        sleep: Callable[[float], None] = time.sleep,
        played: Callable[[Transaction], None] = lambda _: None,
    ) -> None:
        """Play a scenario in real time; `played` is told of each transaction once it is committed."""
        for due_ms, transaction in self.steps(scenario, now_ms(), speed):
            wait = (due_ms - now_ms()) / 1_000
            if wait > 0:
                sleep(wait)
            self.apply(transaction)
            played(transaction)

    def _write(self, change: Change) -> None:
        table = self.recording.tables[change.table]
        values = self.row(change)
        if change.op == "c":
            columns = ", ".join(map(ddl.quote, values))
            marks = ", ".join(["%s"] * len(values))
            self._connection.execute(
                f"INSERT INTO {ddl.quote(table.name)} ({columns}) VALUES ({marks})",  # noqa: S608
                list(values.values()),
            )
            return
        where, key = self._key(table, change)
        if change.op == "u":
            for name in self._instants[table.name]:
                if change.before and change.after and change.before.get(name) == change.after.get(name):
                    values.pop(name, None)  # it stays when this replay first wrote it
            columns = ", ".join(f"{ddl.quote(name)} = %s" for name in values)
            statement = f"UPDATE {ddl.quote(table.name)} SET {columns} WHERE {where}"  # noqa: S608
            done = self._connection.execute(statement, [*values.values(), *key])
        else:
            statement = f"DELETE FROM {ddl.quote(table.name)} WHERE {where}"  # noqa: S608
            done = self._connection.execute(statement, key)
        if done.rowcount != 1:
            detail = f"{change.table}: a recorded change met {done.rowcount} rows; play in order on base rows"
            raise Invalid("RCD-601", detail)

    def _key(self, table: ddl.TableDef, change: Change) -> tuple[str, list[Any]]:
        before = change.before or change.after or {}
        # Where the fork forgot the primary key there is at least an `id`.
        names = table.primary_key or (("id",) if "id" in table.columns else tuple(before))
        return (
            " AND ".join(f"{ddl.quote(name)} IS NOT DISTINCT FROM %s" for name in names),
            [before[name] for name in names],
        )


def _adapt(value: Any, kind: str) -> Any:
    if kind == "boolean" and isinstance(value, int):
        return bool(value)
    return Jsonb(value) if isinstance(value, dict | list) else value

"""Recordings are played into a real PostgreSQL, row for row."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from deploy.demo.recording import Transaction
from deploy.demo.replay import Connection, Recording, Replay
from schemas.errors import Invalid
from tests.stack_fixture import Database

TRACES = Path(__file__).parents[1] / "traces"
NOW = 1_900_000_000_000.0


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.dsn, autocommit=True) as connected:
        yield connected


def rows(connection: Connection, table: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    cursor = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
    names = [column.name for column in cursor.description or ()]
    found = (dict(zip(names, values, strict=True)) for values in cursor)
    return {(row["id"], row.get("ticketId")): row for row in found}


def test_an_unknown_flavour_is_refused() -> None:
    with pytest.raises(Invalid, match=r"RCD-601: no schema listing other\.tsv"):
        Recording(TRACES, "other")


def test_scenarios_are_chosen_by_name_or_number() -> None:
    recording = Recording(TRACES)

    assert [one.name for one in recording.named("10", "2", "01-first-message-menu")] == [
        "01-first-message-menu",
        "02-menu-choose-queue",
        "10-burst-short",
    ]
    assert len(recording.named()) == 63
    with pytest.raises(Invalid, match="no scenario '99'"):
        recording.named("99")


def same(value: Any, recorded: Any) -> bool:
    """One database records numbers as text, the other booleans as 0 and 1."""
    if isinstance(value, Decimal):
        return value == Decimal(recorded)
    return value == recorded or str(value) == str(recorded)


@pytest.mark.stack
@pytest.mark.parametrize(("flavour", "messages"), [("ticketz", 209), ("maurilio", 49), ("canove", 83)])
def test_the_database_ends_as_recorded(connection: Connection, flavour: str, messages: int) -> None:
    recording = Recording(TRACES, flavour)
    replay = Replay(recording, connection)
    replay.create()
    recorded: dict[tuple[str, Any, Any], dict[str, Any]] = {}
    for scenario in recording.scenarios:
        replay.run(scenario, None)
        for change in scenario.changes():
            if change.table in {"Messages", "Tickets", "Contacts"} and change.after:
                recorded[change.table, change.after["id"], change.after.get("ticketId")] = change.after

    tables = {table: rows(connection, table) for table in ("Messages", "Tickets", "Contacts")}
    moved = {"createdAt", "updatedAt", "dataJson"}
    differing = [
        (table, row_id, name)
        for (table, row_id, ticket_id), after in recorded.items()
        for name, value in after.items()
        if name not in moved and not same(tables[table][row_id, ticket_id][name], value)
    ]
    assert (len(tables["Messages"]), differing) == (messages, [])


@pytest.mark.stack
def test_a_virtual_clock_drives_a_replay(connection: Connection) -> None:
    recording = Recording(TRACES)
    replay = Replay(recording, connection)
    replay.create()
    burst = recording.named("10")[0]

    due = []
    for due_ms, transaction in replay.steps(burst, NOW):
        due.append(due_ms)
        assert replay.apply(transaction) == len(transaction.changes)

    found = connection.execute(
        'SELECT body, "createdAt" FROM "Messages" ORDER BY "createdAt" DESC LIMIT 3'
    ).fetchall()
    assert due == [NOW + transaction.rel_ms for transaction in burst.transactions]
    assert [body for body, _ in found] == ["preciso de ajuda", "tudo bem?", "Oi"]
    assert all(isinstance(at, datetime) and 0 <= at.timestamp() * 1_000 - NOW < 600 for _, at in found)


@pytest.mark.stack
def test_real_time_is_kept_and_each_transaction_reported(connection: Connection) -> None:
    recording = Recording(TRACES)
    replay = Replay(recording, connection)
    replay.create()
    burst = recording.named("10")[0]
    clock = {"now": NOW}
    played: list[Transaction] = []

    def sleep(seconds: float) -> None:
        clock["now"] += seconds * 1_000

    replay.run(burst, 2.0, lambda: clock["now"], sleep, played.append)

    assert played == list(burst.transactions)
    assert clock["now"] == pytest.approx(NOW + burst.length_ms / 2)


@pytest.mark.stack
def test_a_change_that_meets_no_row_is_refused_and_rolled_back(connection: Connection) -> None:
    recording = Recording(TRACES)
    replay = Replay(recording, connection)
    replay.create()
    reopened = recording.named("33")[0]
    connection.execute('DELETE FROM "Tickets"')

    with pytest.raises(Invalid, match="RCD-601: Tickets: a recorded change met 0 rows"):
        replay.run(reopened, None)


@pytest.mark.stack
def test_base_rows_are_an_hour_old_whatever_the_date_of_the_recording(connection: Connection) -> None:
    recording = Recording(TRACES)
    replay = Replay(recording, connection)
    replay.create(NOW)
    newest = 'SELECT max("createdAt") FROM "Messages"'
    ticket = 'SELECT "createdAt", "updatedAt" FROM "Tickets" WHERE id = 6'

    message = connection.execute(newest).fetchone()
    before = connection.execute(ticket).fetchone()
    replay.run(recording.named("23")[0], None, lambda: NOW)
    after = connection.execute(ticket).fetchone()

    assert message is not None
    assert -3_660_000 < message[0].timestamp() * 1_000 - NOW < -3_600_000
    assert before is not None
    assert after is not None
    assert (after[0] == before[0], after[1] > before[1]) == (True, True)

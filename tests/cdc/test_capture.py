"""The way of one row: a real ticketz table, Debezium, one record in `messages`."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from psycopg.conninfo import conninfo_to_dict

from cdc import slot
from cdc.change import decode
from cdc.connect import Connect
from cdc.connector import SourceAddress, connector_config, connector_name
from cdc.debezium import Debezium
from cdc.flavours.registry import flavour
from cdc.postgres import Connection, connect, names
from cdc.provision import ensure, remove
from deploy.stack import LocalStack
from schemas.clock import SystemClock
from schemas.topics import Cell
from tests.cdc.ticketz_database import INSERT, fill
from tests.stack_fixture import Database, fresh_cell, fresh_database

pytestmark = [pytest.mark.stack]

TICKETZ = flavour("ticketz")
T = TypeVar("T")


def eventually(look: Callable[[], T], seconds: float = 30) -> T:
    """Return what `look` finds, as soon as that is true."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found or time.monotonic() > end:
            return found
        time.sleep(0.1)


class Captured(NamedTuple):
    """A database whose inserts are captured into a cell."""

    stack: LocalStack
    cell: Cell
    source: str
    config: dict[str, str]
    passwords: dict[str, str]
    owner: Connection

    @property
    def connector(self) -> str:
        return connector_name(self.cell, self.source)

    def insert(self, row_id: str, ticket: int = 7, body: str = "Oi") -> None:
        self.owner.execute(INSERT, [row_id, ticket, body, 7])

    def records(self, topic: str, at_least: int, seconds: float = 30) -> list[Any]:
        """Read a whole topic until it holds so many records."""
        reader = Consumer(
            {"bootstrap.servers": self.stack.bootstrap, "group.id": "unused", "enable.auto.commit": False}
        )
        try:
            partitions = reader.list_topics(topic).topics[topic].partitions
            reader.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
            found: list[Any] = []
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                record = reader.poll(0.5)
                if record is not None and not record.error():
                    found.append(record)
                elif len(found) >= at_least:
                    break
            return found
        finally:
            reader.close()


def captured(stack: LocalStack, cell: Cell, database: Database) -> Captured:
    fill(database.dsn)
    source = database.name
    owner = connect(database.dsn)
    passwords = dict(ensure(owner, source, TICKETZ).passwords)
    secret = Path(stack.secrets_dir) / source
    secret.write_text(passwords[names(source).cdc_role], encoding="utf-8")
    known = conninfo_to_dict(database.dsn)
    address = SourceAddress(
        host=str(known["host"]),
        port=int(str(known["port"])),
        database=database.name,
        user=names(source).cdc_role,
        password=f"${{dir:{stack.secrets_dir}:{source}}}",
    )
    config = connector_config(source, TICKETZ, address, cell, stack.bootstrap, heartbeat_ms=1_000)
    return Captured(stack, cell, source, config, passwords, owner)


@pytest.fixture(scope="module")
def capture(stack: LocalStack) -> Iterator[Captured]:
    database = fresh_database(stack)
    made = captured(stack, fresh_cell(stack), database)
    with Connect(stack.connect_url) as rest:
        try:
            rest.ensure(made.connector, made.config)
            yield made
        finally:
            rest.delete(made.connector)
            slot.drop(made.owner, names(made.source).slot)
            remove(made.owner, made.source, TICKETZ)
            made.owner.close()
            stack.drop_database(database.name)


def test_one_insert_is_one_record_with_the_tickets_key_and_a_cut_body(capture: Captured) -> None:
    before = SystemClock().now_ms()
    capture.insert("3EB0AA", 7, "Olá, preciso muito de ajuda")
    (record,) = (r for r in capture.records(capture.cell.messages, 1) if b"3EB0AA" in r.value())
    assert (record.key(), record.headers()) == (b'{"ticketId":7}', None)
    change = decode(record.value())
    row = change.after
    assert row is not None
    assert (row.id, row.ticket_id, row.company_id, row.contact_id, row.from_me, row.read, row.ack) == (
        "3EB0AA", 7, 1, 7, False, False, 0,
    )  # fmt: skip
    assert (row.body, row.remote_jid, row.media_type) == ("Olá, preciso mui", "5", None)
    assert (change.op, change.source.name, change.source.table) == ("c", capture.source, "Messages")
    assert before - 1000 < change.source.ts_ms <= change.ts_ms + 1000
    assert b"dataJson" not in record.value()


def test_an_emoji_cut_in_two_is_still_read(capture: Captured) -> None:
    capture.insert("EMOJI", 8, "123456789012345😀😀")
    found = [r for r in capture.records(capture.cell.messages, 1) if b"EMOJI" in r.value()]
    assert len(found) == 1
    row = decode(found[0].value()).after
    assert row is not None
    assert row.body == "123456789012345"


def test_updates_and_deletes_are_not_captured(capture: Captured) -> None:
    capture.insert("CHANGED", 9)
    capture.owner.execute("UPDATE \"Messages\" SET read = true, ack = 3 WHERE id = 'CHANGED'")
    capture.owner.execute("DELETE FROM \"Messages\" WHERE id = 'CHANGED'")
    capture.insert("LAST", 9)
    records = eventually(
        lambda: [r for r in capture.records(capture.cell.messages, 1) if r.key() == b'{"ticketId":9}'][1:] and
        [r for r in capture.records(capture.cell.messages, 1) if r.key() == b'{"ticketId":9}']
    )  # fmt: skip
    assert [decode(r.value()).op for r in records] == ["c", "c"]


def test_heartbeats_go_to_their_own_topic_and_tell_the_age(capture: Captured) -> None:
    beats = capture.records(capture.cell.heartbeats, 1)
    assert {r.key() for r in beats} == {f'{{"serverName":"{capture.source}"}}'.encode()}
    assert not any(b"heartbeat" in r.value() for r in capture.records(capture.cell.messages, 0, 2))
    with Debezium(capture.stack.bootstrap, capture.cell) as debezium:
        age = eventually(lambda: debezium.heartbeat_age_ms(capture.source))
        assert age is not None
        assert age < 10_000
        first = debezium.heartbeats()[capture.source]
        assert eventually(lambda: debezium.heartbeats()[capture.source] > first)
        assert debezium.heartbeat_age_ms("another") is None


def test_the_configuration_that_connect_shows_holds_no_secret(capture: Captured) -> None:
    with Connect(capture.stack.connect_url) as rest:
        shown = rest.config(capture.connector)
        assert shown is not None
        assert rest.drift(capture.connector, capture.config) == ()
    assert not any(password in value for password in capture.passwords.values() for value in shown.values())


def test_the_slot_follows_and_lets_go_of_an_idle_tables_wal(capture: Captured) -> None:
    name = names(capture.source).slot
    capture.owner.execute(
        "CREATE TABLE IF NOT EXISTS filler AS SELECT repeat('x', 1000) FROM generate_series(1, 5000)"
    )

    def caught_up() -> bool:
        health = slot.read(capture.owner, name)
        return health is not None and health.active and health.lag_bytes is not None and health.lag_bytes < 100_000

    assert eventually(caught_up)


def test_a_signal_reaches_the_connector(capture: Captured) -> None:
    with Debezium(capture.stack.bootstrap, capture.cell) as debezium:
        word = f"hello-{capture.source}"
        debezium.signal(capture.source, "log", {"message": word + " {}"})
        told = list(debezium.notifications(0))
    assert [(each.aggregate_type, each.type) for each in told] == [("Initial Snapshot", "SKIPPED")]
    log = capture.stack.log_file("connect")
    assert eventually(lambda: word in log.read_text(encoding="utf-8", errors="replace"), 60)


def test_ensuring_again_changes_nothing_and_a_drift_is_put_right(capture: Captured) -> None:
    with Connect(capture.stack.connect_url) as rest:
        assert rest.ensure(capture.connector, capture.config)[:2] == (False, ())
        rest.pause(capture.connector)
        changed = rest.ensure(capture.connector, capture.config | {"poll.interval.ms": "20"})
        assert [difference.name for difference in changed.changed] == ["poll.interval.ms"]
        assert changed.status.running
        rest.ensure(capture.connector, capture.config)
        assert capture.connector in rest.names()
        assert eventually(lambda: rest.offsets(capture.connector))


def test_a_killed_worker_comes_back_and_no_row_is_lost(own_stack: LocalStack) -> None:
    made = captured(own_stack, fresh_cell(own_stack), fresh_database(own_stack))
    with Connect(own_stack.connect_url, retry_s=60) as rest, made.owner:
        rest.ensure(made.connector, made.config)
        made.insert("BEFORE")
        assert len(made.records(made.cell.messages, 1)) == 1
        own_stack.kill("connect")
        killed_ms = SystemClock().now_ms()
        for number in range(20):
            made.insert(f"DURING-{number}", 1 + number % 5)
        assert rest.ensure(made.connector, made.config).changed == ()
        with Debezium(own_stack.bootstrap, made.cell) as debezium:
            assert eventually(lambda: debezium.heartbeats().get(made.source, 0) > killed_ms, 90)
        wanted = {"BEFORE", *(f"DURING-{number}" for number in range(20))}
        assert eventually(lambda: wanted == ids(made), 30)


def ids(made: Captured) -> set[str]:
    rows = (decode(record.value()).after for record in made.records(made.cell.messages, 1))
    return {row.id for row in rows if row is not None}

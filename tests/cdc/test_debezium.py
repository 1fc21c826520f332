"""Heartbeats, signals and notifications on a real Kafka."""

import json
import socket

import pytest
from confluent_kafka import Producer

from cdc.debezium import LOOK_BACK_MS, Debezium, Notification
from deploy.stack import LocalStack
from schemas.clock import ManualClock, SystemClock
from schemas.errors import Recoverable
from schemas.topics import Cell


def write(stack: LocalStack, topic: str, *records: tuple[bytes | None, bytes | None, int]) -> None:
    producer = Producer({"bootstrap.servers": stack.bootstrap})
    for key, value, at_ms in records:
        producer.produce(topic, value=value, key=key, partition=0, timestamp=at_ms)
    assert producer.flush(10) == 0


def beat(source: str, at_ms: int) -> tuple[bytes, bytes, int]:
    return json.dumps({"serverName": source}).encode(), json.dumps({"ts_ms": at_ms}).encode(), at_ms


@pytest.mark.stack
def test_the_age_is_that_of_each_sources_last_heartbeat(stack: LocalStack, cell: Cell) -> None:
    now = SystemClock().now_ms()
    clock = ManualClock(now)
    write(stack, cell.heartbeats, beat("loja", now - 9_000), beat("sol", now - 5_000), beat("loja", now - 4_000))
    with Debezium(stack.bootstrap, cell, clock=clock) as debezium:
        assert debezium.heartbeats() == {"loja": now - 4_000, "sol": now - 5_000}
        assert debezium.heartbeat_age_ms("loja") == 4_000
        write(stack, cell.heartbeats, beat("loja", now + 1_000))
        assert debezium.heartbeat_age_ms("loja") == 0
        clock.advance(3_000)
        assert (debezium.heartbeat_age_ms("loja"), debezium.heartbeat_age_ms("sol")) == (2_000, 8_000)
        clock.advance(LOOK_BACK_MS)
        assert (debezium.heartbeats(), debezium.heartbeat_age_ms("loja")) == ({}, None)


@pytest.mark.stack
def test_old_heartbeats_and_strange_records_say_nothing(stack: LocalStack, cell: Cell) -> None:
    now = SystemClock().now_ms()
    write(
        stack,
        cell.heartbeats,
        beat("old", now - LOOK_BACK_MS - 60_000),
        (b"?", b"?", now),
        (None, None, now),
        (b'{"serverName":"loja"}', None, now),
        beat("loja", now - 1),
    )
    with Debezium(stack.bootstrap, cell, clock=ManualClock(now)) as debezium:
        assert debezium.heartbeats() == {"loja": now - 1}


@pytest.mark.stack
def test_an_empty_topic_has_no_heartbeats_and_the_first_one_is_seen(stack: LocalStack, cell: Cell) -> None:
    now = SystemClock().now_ms()
    with Debezium(stack.bootstrap, cell, clock=ManualClock(now)) as debezium:
        assert debezium.heartbeats() == {}
        write(stack, cell.heartbeats, beat("loja", now))
        assert debezium.heartbeats() == {"loja": now}


@pytest.mark.stack
def test_notifications_are_read_from_a_moment_on(stack: LocalStack, cell: Cell) -> None:
    now = SystemClock().now_ms()
    for number, at_ms in enumerate((now - 60_000, now - 1_000, now)):
        told = {
            "id": str(number),
            "type": "COMPLETED",
            "aggregate_type": "Incremental Snapshot",
            "timestamp": at_ms,
        }
        write(stack, cell.notifications, (None, json.dumps(told).encode(), at_ms))
    write(stack, cell.notifications, (None, b"?", now))
    with Debezium(stack.bootstrap, cell) as debezium:
        assert list(debezium.notifications(now - 30_000)) == [
            Notification("1", "COMPLETED", "Incremental Snapshot", None, now - 1_000),
            Notification("2", "COMPLETED", "Incremental Snapshot", None, now),
        ]


def test_a_kafka_that_does_not_answer_is_a_dependency_that_is_down() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with Debezium(address, Cell("none"), {"bootstrap_timeout_ms": 300}) as debezium:
            for ask in (
                debezium.heartbeats,
                lambda: list(debezium.notifications(0)),
                lambda: debezium.signal("loja", "log"),
            ):
                with pytest.raises(Recoverable, match="RCD-207"):
                    ask()

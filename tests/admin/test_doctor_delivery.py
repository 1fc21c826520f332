"""What the doctor says of gateways that accept and keep silent."""

from typing import Any

import pytest
from confluent_kafka import Producer

from admin.doctor.delivery import channels, silent
from admin.doctor.finding import State
from deploy.stack import LocalStack
from schemas.clock import SystemClock
from schemas.codec import encode
from schemas.records import Outcome
from schemas.settings import KafkaSettings, Settings
from schemas.topics import Cell


def outcome(
    at_ms: int, reason: str, channel: str | None = "main", kind: Any = "receipt", name: str = "n1"
) -> Outcome:
    return Outcome(
        outcome_id=f"{at_ms}", kind=kind, tenant="shop/1", source="shop", ticket_id=1, at_ms=at_ms, reason=reason,
        channel_id=channel, notification_id=name,
    )  # fmt: skip


def test_notices_are_counted_once_and_only_since_the_last_receipt() -> None:
    found = [
        outcome(4, "unacknowledged", name="n2"),
        outcome(3, "unacknowledged", name="n2"),
        outcome(5, "unacknowledged", name="n3"),
        outcome(1, "unacknowledged", name="n1"),
        outcome(2, "delivered", name="n1"),
    ]
    assert silent(found) == {"main": 2}


def test_another_channels_receipt_and_other_outcomes_say_nothing() -> None:
    found = [
        outcome(1, "unacknowledged"),
        outcome(2, "delivered", "other"),
        outcome(3, "delivered", None),
        outcome(4, "", kind="sent"),
    ]
    assert silent(found) == {"main": 1}


def test_a_receipt_ends_it() -> None:
    assert silent([outcome(1, "unacknowledged"), outcome(2, "server")]) == {}
    assert silent([outcome(1, "unacknowledged"), outcome(2, "failed", kind="bounced")]) == {}


@pytest.mark.stack
def test_the_newest_outcomes_are_read_from_the_topic(stack: LocalStack, cell: Cell) -> None:
    settings = Settings.load(cell=cell.name, kafka=KafkaSettings(bootstrap=stack.bootstrap))
    assert list(channels(settings)) == [(State.OK, "no gateway keeps silent about what it accepted")]
    producer = Producer({"bootstrap.servers": stack.bootstrap})
    now = SystemClock().now_ms()
    for number in range(3):
        told = outcome(now + number, "unacknowledged", name=f"n{number}")
        producer.produce(cell.outcomes, key=f"{number}", value=encode(told))
    assert producer.flush(20) == 0
    said = "channel main: 3 accepted in the last hour, and nothing reported since"
    assert list(channels(settings)) == [(State.WARN, said, "RCD-309")]

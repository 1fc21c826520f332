"""What the doctor says of gateways that accept and keep silent."""

from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from admin.doctor.delivery import channels, holding, silent
from admin.doctor.finding import State
from deploy.stack import LocalStack
from schemas.clock import SystemClock
from schemas.codec import encode
from schemas.records import HoldInfo, Outcome
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


def held(at_ms: int, reason: str, until_ms: int, agent: int = 1, channel: str = "main") -> Outcome:
    hold = HoldInfo(reason=reason, from_ms=at_ms, until_ms=until_ms)
    return msgspec.structs.replace(
        outcome(at_ms, reason, channel, kind="held"), agent=f"shop/1/{agent}", hold=hold
    )  # fmt: skip


def test_agents_who_wait_for_a_channel_are_counted_by_channel_and_reason() -> None:
    found = [
        held(1, "channel", until_ms=100),
        held(2, "channel", until_ms=100, agent=2),
        held(3, "channel", until_ms=100, agent=2),
        held(4, "session_down", until_ms=5, channel="other"),
        held(5, "quiet", until_ms=100),
    ]
    assert holding(found, 50) == {("main", "channel"): 2, ("other", "session_down"): 1}


def test_a_wait_that_is_over_and_a_channel_that_sends_again_are_nobodys_concern() -> None:
    found = [held(1, "channel", until_ms=50), held(2, "breaker", until_ms=5), outcome(3, "", kind="sent")]
    assert holding(found, 50) == {}
    assert holding([outcome(1, "", kind="sent"), held(2, "breaker", until_ms=5)], 50) == {("main", "breaker"): 1}


def test_a_restricted_channel_that_sends_to_those_it_knows_is_restricted_still() -> None:
    found = [held(1, "restricted", until_ms=100), outcome(3, "", kind="sent")]
    assert holding(found, 50) == {("main", "restricted"): 1}


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

"""What is taken in of what gateways say."""

from dataclasses import replace

import msgspec

from admin.hooks.intake import FAILED, LANE_KEPT_MS, LONGEST_ID, Acknowledged, Lanes, records
from provider.api import ReceiptEvent
from schemas.config import TenantConfig
from schemas.reasons import Rejection
from schemas.records import Receipt

SENT = ReceiptEvent("wamid.1", 1, "sent", 10)
DELIVERED = replace(SENT, rank=2, status="delivered")
FAILURE = replace(SENT, rank=FAILED, status="failed", code="131026", kind=Rejection.PERMANENT_RECIPIENT)


def test_a_repetition_says_nothing_new_once_it_was_acknowledged() -> None:
    known = Acknowledged()
    assert known.new("main", [SENT]) == [SENT]
    assert known.new("main", [SENT]) == [SENT], "not written yet"
    known.note("main", [SENT])
    assert known.new("main", [SENT]) == []


def test_one_webhook_may_repeat_itself() -> None:
    assert Acknowledged().new("main", [SENT, SENT, DELIVERED, DELIVERED]) == [SENT, DELIVERED]


def test_ranks_only_rise() -> None:
    known = Acknowledged()
    known.note("main", [DELIVERED])
    assert known.new("main", [SENT, DELIVERED]) == []
    read = replace(SENT, rank=3, status="read")
    assert known.new("main", [read, DELIVERED]) == [read]


def test_a_failure_is_new_whatever_came_before_and_only_once() -> None:
    known = Acknowledged()
    known.note("main", [SENT])
    assert known.new("main", [FAILURE]) == [FAILURE]
    known.note("main", [FAILURE])
    assert known.new("main", [FAILURE]) == []
    assert known.new("main", [DELIVERED]) == [DELIVERED]


def test_the_same_id_in_another_channel_is_another_message() -> None:
    known = Acknowledged()
    known.note("main", [SENT])
    assert known.new("other", [SENT]) == [SENT]


def test_an_id_that_no_gateway_would_give_is_left_out() -> None:
    found = [replace(SENT, provider_message_id=each) for each in ("", "x" * LONGEST_ID, "x" * (LONGEST_ID + 1))]
    assert Acknowledged().new("main", found) == [found[1]]


def test_only_so_many_are_remembered_the_oldest_forgotten_first() -> None:
    known = Acknowledged(remembered=2)
    messages = [replace(SENT, provider_message_id=f"wamid.{n}") for n in range(3)]
    for message in messages:
        known.note("main", [message])
    assert known.new("main", messages) == [messages[0]]


def tenant(name: str, channel: str | None, lane: str = "") -> TenantConfig:
    return TenantConfig(tenant=name, channel_id=channel, lane=lane)


def test_a_channel_is_in_the_lanes_of_its_tenants() -> None:
    lanes = Lanes()
    lanes.learn([tenant("shop/1", "main"), tenant("shop/2", "main", "shared"), tenant("shop/3", None)], 0)
    assert lanes.of("main") == ["shared", "shop/1"]
    assert lanes.of("other") == []


def test_a_lane_that_a_channel_has_left_is_known_for_a_day() -> None:
    lanes = Lanes()
    lanes.learn([tenant("shop/1", "main")], 0)
    lanes.learn([tenant("shop/1", "other")], 1)
    assert (lanes.of("main"), lanes.of("other")) == (["shop/1"], ["shop/1"])
    lanes.learn([tenant("shop/1", "other")], LANE_KEPT_MS)
    assert (lanes.of("main"), lanes.of("other")) == ([], ["shop/1"])


def test_each_lane_gets_each_status() -> None:
    found = records("main", ["a", "b"], [replace(FAILURE, attempt_id="0f" * 16)])
    whole = Receipt(
        lane="a",
        channel_id="main",
        notification_id="0f" * 16,
        provider_message_id="wamid.1",
        rank=-1,
        status="failed",
        code="131026",
        at_ms=10,
        kind="permanent_recipient",
    )
    assert found == [whole, msgspec.structs.replace(whole, lane="b")]

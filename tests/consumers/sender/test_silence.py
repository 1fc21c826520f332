"""Accepted, but nothing is reported: an alarm for the channel, and nothing is sent again."""

from typing import Any

from provider.api import Unknown
from schemas.config import HOUR, SECOND
from schemas.records import Channel, Receipt
from tests.consumers.sender.test_receipts import receipt
from tests.consumers.sender.world import Reply, World


def channel(world: World) -> Channel:
    found = world.store.get("c/main")
    return found if isinstance(found, Channel) else Channel()


def told(world: World, kind: str = "receipt") -> list[Any]:
    return [outcome.reason for outcome in world.outcomes if outcome.kind == kind]


def test_a_notice_without_a_receipt_in_time_raises_the_channels_alarm_once() -> None:
    world = World(receipts=True)
    alert = world.alert()
    sent = world.now_ms
    world.run(59 * SECOND)
    assert (channel(world).unheard, told(world)) == (0, [])
    world.run(1 * SECOND)
    assert (channel(world).unheard, channel(world).unheard_since_ms) == (1, sent + 60 * SECOND)
    assert told(world) == ["unacknowledged"]
    entry = world.entry(alert)
    assert entry is not None
    assert (entry.phase, entry.unheard) == ("SENT", True)
    world.run(23 * HOUR)
    assert (len(world.phones), told(world), world.entry(alert) is None) == (1, ["unacknowledged"], False)
    world.run(HOUR)
    assert world.entry(alert) is None, "kept as long as any other"
    world.check()


def test_a_receipt_in_time_raises_nothing() -> None:
    world = World(receipts=True)
    alert = world.alert()
    world.run(30 * SECOND)
    world.record(receipt(world, 1))
    world.run(HOUR)
    assert (channel(world).unheard, told(world)) == (0, ["rank 1"])
    world.run(23 * HOUR + 30 * SECOND)
    assert world.entry(alert) is None


def test_the_next_receipt_of_the_channel_ends_the_alarm() -> None:
    world = World(receipts=True)
    world.alert()
    world.run(2 * 60 * SECOND)
    assert channel(world).unheard == 1
    world.record(receipt(world, 2))
    assert (channel(world).unheard, channel(world).unheard_since_ms) == (0, 0)


def test_a_failure_is_a_report_too() -> None:
    world = World(receipts=True)
    world.alert()
    world.run(2 * 60 * SECOND)
    assert channel(world).unheard == 1
    world.record(receipt(world, -1, kind="transient"))
    assert channel(world).unheard == 0
    world.check()


def test_a_receipt_that_settles_an_unknown_attempt_counts_as_its_first() -> None:
    world = World(receipts=True)
    world.replies.append(lambda _: Reply(Unknown("reset")))
    world.alert()
    world.record(receipt(world, 2, notification_id=world.phones[0].notification_id))
    world.run(HOUR)
    assert channel(world).unheard == 0


def test_a_channel_without_receipts_raises_nothing() -> None:
    world = World()
    world.alert()
    world.run(HOUR)
    assert channel(world).unheard == 0


def test_who_reports_for_another_channel_is_not_heard() -> None:
    world = World(receipts=True)
    world.replies.append(lambda _: Reply(Unknown("reset")))
    world.alert()
    forged: Receipt = receipt(world, 2, channel_id="other", notification_id=world.phones[0].notification_id)
    world.record(forged)
    assert world.story() == [("assigned", 1, None)]
    world.record(receipt(world, 1, notification_id=world.phones[0].notification_id))
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]
    world.record(receipt(world, -1, channel_id="other", kind="transient"))
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]

"""Rows S23, S27 and S28: what a provider reports later."""

from typing import Any

import pytest

from provider.api import Unknown
from schemas.config import HOUR, SECOND
from schemas.records import Receipt
from tests.consumers.sender.world import LANE, START, Reply, World, agent


def receipt(world: World, rank: int, **changes: Any) -> Receipt:
    seen = world.phones[-1]
    fields: dict[str, Any] = {
        "lane": LANE,
        "channel_id": "main",
        "notification_id": None,
        "provider_message_id": f"wamid.{seen.notification_id}",
        "rank": rank,
        "status": "failed" if rank < 0 else f"rank {rank}",
    }
    return Receipt(**(fields | changes))


def test_s23_a_receipt_settles_an_unknown_attempt() -> None:
    world = World(receipts=True)
    world.replies.append(lambda _: Reply(Unknown("reset")))
    alert = world.alert()
    world.record(receipt(world, 2, notification_id=world.phones[0].notification_id))
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]
    entry = world.entry(alert)
    assert entry is not None
    assert (entry.phase, entry.provider_message_id) == ("SENT", f"wamid.{world.phones[0].notification_id}")
    world.run(HOUR)
    assert len(world.phones) == 1
    world.check()


def test_s23_a_receipt_may_be_faster_than_the_answer() -> None:
    world = World(receipts=True)
    world.replies.append(lambda i: Reply(lost=True))
    world.alert()
    world.record(receipt(world, 1, notification_id=world.phones[0].notification_id))
    world.run(HOUR)
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]
    assert len(world.phones) == 1


def test_receipts_only_advance() -> None:
    world = World(receipts=True)
    alert = world.alert()
    for rank in (1, 3, 2, 3, -1):
        world.record(receipt(world, rank))
    assert [o.reason for o in world.outcomes if o.kind == "receipt"] == ["rank 1", "rank 3"]
    entry = world.entry(alert)
    assert entry is not None
    assert (entry.phase, entry.receipt_rank) == ("SENT", 3)


def test_s27_what_bounced_is_told_again() -> None:
    world = World(receipts=True)
    world.alert()
    world.record(receipt(world, -1, kind="transient"))
    world.run(10 * SECOND)
    told = [(o.kind, o.hop) for o in world.outcomes if o.kind != "held"]
    assert told == [("assigned", 0), ("sent", 0), ("bounced", 1), ("sent", 1)]
    world.check()


@pytest.mark.parametrize("kind", [None, "permanent_recipient", "unheard of"])
def test_s27_a_failure_that_will_not_pass_is_dead(kind: str | None) -> None:
    world = World(receipts=True)
    world.alert()
    world.record(receipt(world, -1, kind=kind, code="131026"))
    assert world.story()[2:] == [("bounced", 1, "failed"), ("dead", 1, "recipient")]
    assert [letter.agent for letter in world.dead] == [agent(1)]
    world.check()


def test_a_receipt_of_nothing_that_we_know_changes_nothing() -> None:
    world = World()
    world.record(
        Receipt(lane=LANE, channel_id="main", notification_id="x", provider_message_id="y", rank=1, status="s")
    )
    assert world.state() == {}
    assert world.counts["recado_alerts_dropped_total", ("unknown_receipt",)] == 1
    assert world.now_ms == START


@pytest.mark.parametrize("chooses_ids", [True, False])
def test_s23_where_we_choose_the_messages_id_it_leads_to_the_attempt(chooses_ids: bool) -> None:
    world = World(receipts=True, chooses_ids=chooses_ids)
    world.replies.append(lambda _: Reply(Unknown("reset")))
    world.alert()
    world.record(receipt(world, 1, provider_message_id="wamid.of somebody else"))
    assert world.story() == [("assigned", 1, None)]
    world.record(receipt(world, 1))
    assert (("sent", 1, None) in world.story()) == chooses_ids
    world.run(HOUR)
    assert len(world.phones) == (1 if chooses_ids else 2)
    world.check()

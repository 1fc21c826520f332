"""Rows S23, S27 and S28: what a provider reports later."""

from typing import Any

import pytest

from provider.api import Unknown
from schemas.config import HOUR, MINUTE, SECOND
from schemas.reasons import Rejection
from schemas.records import Channel, Receipt
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


# ── a failure that is the channel's, or of the text ───────────────────────────────────────────────────────────


def channel(world: World) -> Channel:
    found = world.store.get("c/main")
    assert isinstance(found, Channel)
    return found


def fails(world: World, kind: str, code: str = "x") -> None:
    """Report the latest message as failed."""
    world.record(receipt(world, -1, kind=kind, code=code))


@pytest.mark.parametrize(
    ("kind", "hold"),
    [(Rejection.PERMANENT_CONFIG, "configuration"), (Rejection.SESSION_DOWN, "session_down")],
)
def test_s27_a_receipt_that_blames_the_channel_opens_its_breaker_and_burns_no_attempt(
    kind: Rejection, hold: str
) -> None:
    world = World(receipts=True)
    alert = world.alert()
    fails(world, kind, "131042")
    assert world.story()[2:] == [("bounced", 1, "failed")]
    assert (channel(world).breaker, channel(world).reason) == ("open", hold)
    assert world.counts["recado_breaker_opened_total", ("sandbox", hold)] == 1
    entry = world.entry(alert)
    assert entry is not None
    assert (entry.phase, entry.attempts, entry.hop) == ("HELD", 0, 1)
    assert world.header().hold_reason == hold
    world.run(30 * SECOND)
    assert len(world.phones) == 2
    world.check()


def test_what_is_accepted_after_such_a_receipt_proves_nothing_for_a_while() -> None:
    world = World(receipts=True)
    for user in (1, 2, 3):
        world.ticket(user + 10, user_id=user)
        world.alert(user + 10)
    for seen in world.phones[:3]:
        world.record(
            receipt(world, -1, kind="permanent_config", provider_message_id=f"wamid.{seen.notification_id}")
        )
    assert channel(world).failures == 1
    world.run(30 * SECOND)
    assert (len(world.phones), channel(world).breaker) == (4, "open"), "one probe, and nobody else behind it"
    fails(world, "permanent_config")
    assert channel(world).probe_ms == world.now_ms + 60 * SECOND, "the next wait is longer"
    world.run(60 * SECOND)
    assert (len(world.phones), channel(world).breaker) == (5, "open")
    world.run(30 * SECOND)
    assert (len(world.phones), channel(world).breaker) == (7, "closed"), "its receipt did not refuse it: in order"
    world.check()


def test_a_probe_whose_receipt_is_awaited_survives_a_crash() -> None:
    world = World(receipts=True)
    world.alert()
    fails(world, "permanent_config")
    world.run(30 * SECOND)
    world.crash()
    assert channel(world).breaker == "open"
    world.run(30 * SECOND)
    assert channel(world) == Channel()
    world.check()


def test_what_was_under_way_when_a_receipt_opened_it_does_not_close_it() -> None:
    world = World(receipts=True)
    world.alert()
    world.auto = False
    world.ticket(8, user_id=2)
    world.alert(8)
    while world.asked:
        world.step()
    fails(world, "permanent_config")
    world.auto = True
    world.settle()
    assert [seen.agent for seen in world.phones] == [agent(1), agent(2)]
    assert (channel(world).breaker, channel(world).proof_ms) == ("open", 0)
    world.check()


def test_what_keeps_bouncing_expires_as_what_a_channel_holds_does() -> None:
    world = World(receipts=True)
    world.alert()
    while world.story()[-1][0] != "suppressed":
        fails(world, "permanent_config")
        world.run(10 * MINUTE)
        assert len(world.phones) < 60
    assert world.story()[-1] == ("suppressed", 1, "expired")
    assert world.now_ms - START < 5 * HOUR
    assert world.dead == []
    world.check()


def test_rcd_303_three_receipts_that_restrict_pause_the_channel_for_new_contacts() -> None:
    world = World(receipts=True)
    world.alert(7)  # agent 1 is told, and is a known contact
    known = world.phones[-1].notification_id
    for user in (2, 3, 4):
        world.ticket(user + 10, user_id=user)
        world.alert(user + 10)
        fails(world, "restricted", "463")
    assert channel(world).restricted_until_ms == START + 24 * HOUR
    assert world.counts["recado_breaker_opened_total", ("sandbox", "restricted")] == 1
    world.run(HOUR)
    assert [world.header(user).hold_reason for user in (2, 3, 4)] == ["restricted"] * 3
    world.alert(7)
    assert [seen.agent for seen in world.phones].count(agent(1)) == 2
    assert known != world.phones[-1].notification_id
    assert world.dead == []
    world.check()


def test_one_restricting_receipt_of_a_message_of_two_alerts_counts_once_and_waits_an_hour() -> None:
    world = World(receipts=True)
    world.agent(1, paused_until_ms=START + MINUTE)
    world.alert(7, "a"), world.alert(8, "b")
    world.run(MINUTE)
    fails(world, "restricted", "463")
    assert world.story()[-2:] == [("bounced", 1, "failed")] * 2
    assert channel(world).restricted_count == 1
    world.run(HOUR - 1)
    assert len(world.phones) == 1
    world.run(1)
    assert len(world.phones) == 2
    world.check()


@pytest.mark.parametrize("kind", [Rejection.THROTTLE_SENDER, Rejection.THROTTLE_APP, Rejection.THROTTLE_PAIR])
def test_s27_a_receipt_that_throttles_lets_its_scope_wait_and_burns_no_attempt(kind: Rejection) -> None:
    world = World(receipts=True)
    alert = world.alert()
    fails(world, kind, "131048")
    entry = world.entry(alert)
    assert entry is not None
    assert (entry.phase, entry.attempts) == ("HELD", 0)
    whole = kind != Rejection.THROTTLE_PAIR
    assert world.header().hold_reason == ("channel" if whole else "pair")
    world.run(MINUTE)
    assert len(world.phones) == 2
    world.check()


def test_s27_a_text_that_a_receipt_refuses_is_dead_by_its_text() -> None:
    world = World(receipts=True)
    world.alert()
    fails(world, "permanent_payload", "131049")
    assert world.story()[2:] == [("bounced", 1, "failed"), ("dead", 1, "payload")]
    assert [letter.agent for letter in world.dead] == [agent(1)]
    world.check()


def test_a_number_that_a_receipt_refuses_is_tried_in_its_other_form_for_all_that_it_carried() -> None:
    world = World(receipts=True)
    world.agent(1, number="+5511987654321", paused_until_ms=START + MINUTE)
    world.alert(7, "a"), world.alert(8, "b")
    world.run(MINUTE)
    fails(world, "permanent_recipient", "131026")
    world.run(10 * SECOND)
    assert [seen.address for seen in world.phones] == ["+5511987654321", "+551187654321"]
    assert world.dead == []
    world.check()


def test_a_window_that_stays_closed_for_templates_too_ends_as_dead() -> None:
    world = World(receipts=True)
    world.alert()
    while not world.dead:
        fails(world, "window_closed", "131047")
        world.run(15 * MINUTE)
        assert len(world.phones) < 10
    assert world.story()[-1] == ("dead", 1, "payload")
    world.check()

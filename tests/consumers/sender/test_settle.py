"""Rows S16-S21: what a result does to the outbox."""

import pytest

from consumers.dlq.headers import parse
from consumers.sender.ready import Limits
from provider.api import Opening
from schemas.config import HOUR, MINUTE, SECOND
from schemas.reasons import Rejection
from schemas.records import Receipt, Retraction, Template
from tests.consumers.sender.world import CELL, HOME, LANE, START, World, agent, rejected


def test_s16_an_accepted_notice_is_counted_and_told_to_the_others_who_hold_it() -> None:
    world = World()
    world.agent(2, paused_until_ms=START + HOUR)
    world.ticket(7, user_id=None, queue_id=3, queue_members=(1, 2))
    alert = world.alert()
    header = world.header()
    assert (header.cap_count, header.last_sent_ms, header.sending, header.due_ms) == (1, START, None, None)
    other = world.entry(alert, 2)
    assert other is not None
    assert other.told_to == [agent(1)]
    sent = world.outcomes[-1]
    assert (sent.provider, sent.http, sent.latency_ms, sent.attempt, sent.marked_ms) == (
        "sandbox",
        200,
        7,
        1,
        START,
    )


def test_s16_where_there_are_receipts_the_entry_waits_for_them() -> None:
    world = World(receipts=True)
    alert = world.alert()
    entry = world.entry(alert)
    assert entry is not None
    assert (entry.phase, entry.due_ms) == ("SENT", START + MINUTE)
    world.run(24 * HOUR)  # S28
    assert world.entry(alert) is None
    world.check()


def test_s17_a_retry_takes_along_what_came_meanwhile_and_drops_what_was_answered() -> None:
    world = World()
    world.auto = False
    first = world.alert(7, "a")
    world.step()
    world.record(
        Retraction(
            lane=LANE, source="vps1", ticket_id=7, up_to_seq=first.items[0].seq, reaction_ref="r", created_ms=0
        )
    )
    world.alert(8, "b")
    world.answer(world.asked.popleft())
    world.replies.append(rejected(Rejection.TRANSIENT))
    world.auto = True
    world.run(10 * SECOND)
    assert [seen.body for seen in world.phones] == ["#8: b"]
    assert sorted(world.story()) == [
        ("assigned", 1, None),
        ("assigned", 1, None),
        ("sent", 1, None),
        ("suppressed", 1, "answered"),
    ]
    world.check()


def test_s17_back_off_doubles_with_full_jitter() -> None:
    world = World(chance=0.999)
    world.reply = rejected(Rejection.TRANSIENT)
    world.alert()
    world.run(HOUR)
    attempts = [o.at_ms - START for o in world.outcomes if o.kind == "attempt"]
    assert attempts == [0, 1_998, 1_998 + 3_996, 1_998 + 3_996 + 7_992, 1_998 + 3_996 + 7_992 + 15_984]


@pytest.mark.parametrize("kind", [Rejection.THROTTLE_PAIR, Rejection.THROTTLE_SENDER, Rejection.THROTTLE_APP])
def test_s18_a_throttled_scope_waits_as_told_and_burns_no_attempt(kind: Rejection) -> None:
    world = World()
    world.replies.append(rejected(kind, retry_after_ms=42_000))
    alert = world.alert()
    entry = world.entry(alert)
    assert entry is not None
    assert (entry.phase, entry.attempts) == ("HELD", 0)
    world.ticket(8, user_id=2)
    world.alert(8)
    told_at_once = [seen.agent for seen in world.phones]
    assert told_at_once == ([agent(2)] if kind == Rejection.THROTTLE_PAIR else [])
    world.run(41_999)
    assert agent(1) not in [seen.agent for seen in world.phones]
    world.run(1)
    assert agent(1) in [seen.agent for seen in world.phones]
    world.check()


@pytest.mark.parametrize(
    ("kind", "hold"), [(Rejection.SESSION_DOWN, "session_down"), (Rejection.PERMANENT_CONFIG, "configuration")]
)
def test_s19_a_channel_that_is_down_holds_everyone_and_is_probed_by_one(kind: Rejection, hold: str) -> None:
    world = World()
    world.replies.extend([rejected(kind), rejected(kind)])
    world.alert(7, "a")
    for number, user in ((8, 2), (9, 3)):
        world.ticket(number, user_id=user)
        world.alert(number, "b")
    assert world.phones == []
    assert [world.header(user).hold_reason for user in (1, 2, 3)] == [hold] * 3
    attempts = len([o for o in world.outcomes if o.kind == "attempt"])
    assert attempts == 1
    world.run(30 * SECOND)
    assert len([o for o in world.outcomes if o.kind == "attempt"]) == 2
    world.run(59 * SECOND)
    assert world.phones == []
    world.run(SECOND)
    assert sorted(seen.agent for seen in world.phones) == [agent(1), agent(2), agent(3)]
    assert {seen.at_ms for seen in world.phones} == {START + 90 * SECOND}
    assert world.counts["recado_breaker_opened_total", ("sandbox", hold)] == 2
    world.check()


def test_s20_outside_the_window_the_text_is_rendered_anew_as_a_template() -> None:
    world = World()
    world.replies.append(rejected(Rejection.WINDOW_CLOSED))
    world.alert()
    assert [notice.template for notice in world.notices] == ["plan", "opening"]
    sent = world.outcomes[-1]
    assert (sent.kind, sent.attempt) == ("sent", 1)
    assert not world.header().as_template
    world.check()


def test_s20_where_the_provider_has_templates_the_marker_carries_the_opening() -> None:
    world = World(templates=True)
    world.auto = False
    world.replies.append(rejected(Rejection.WINDOW_CLOSED))
    world.alert(7, "oi", "tudo bem?")
    world.step()
    world.send(world.marked.popleft())
    while world.asked:
        world.step()
    sending = world.header().sending
    assert sending is not None
    assert sending.opening == Template(["#7: oi / tudo bem?"])
    assert (sending.body, sending.template_id, sending.attempt) == ("#7: oi / tudo bem?", "opening", 1)
    assert world.marked[0].opening == Opening("", "pt_BR", ("#7: oi / tudo bem?",))
    world.crash()
    world.auto = True
    world.run(MINUTE)
    assert world.phones[-1].body == "#7: oi / tudo bem?"
    world.check()


def test_s20_for_a_day_free_text_is_not_tried_again() -> None:
    world = World(templates=True)
    world.replies.append(rejected(Rejection.WINDOW_CLOSED))
    world.alert(7)
    world.run(HOUR)
    world.alert(8)
    assert len([o for o in world.outcomes if o.kind == "attempt"]) == 1
    world.run(24 * HOUR)
    world.alert(9)
    assert [o.template_id for o in world.outcomes if o.kind == "sent"] == ["opening", "opening", "plan"]
    world.check()


def test_s20_a_window_that_a_receipt_calls_closed_opens_with_a_template() -> None:
    world = World(templates=True, receipts=True)
    world.alert()
    message = f"wamid.{world.phones[0].notification_id}"
    world.record(
        Receipt(
            lane=LANE, channel_id="main", notification_id=None, provider_message_id=message, rank=-1,
            status="failed", code="131047", kind="window_closed",
        )
    )  # fmt: skip
    world.run(10 * SECOND)
    assert [o.template_id for o in world.outcomes if o.kind == "sent"] == ["plan", "opening"]
    assert world.story() == [("assigned", 1, None), ("sent", 1, None), ("bounced", 1, "failed"), ("sent", 1, None)]
    world.check()


def test_s20_a_template_that_is_refused_too_is_dead() -> None:
    world = World()
    world.replies.extend([rejected(Rejection.WINDOW_CLOSED)] * 2)
    world.alert()
    assert world.story() == [("assigned", 1, None), ("dead", 1, "payload")]
    world.check()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(Rejection.PERMANENT_RECIPIENT, "recipient"), (Rejection.PERMANENT_PAYLOAD, "payload")],
)
def test_s21_a_permanent_refusal_is_a_dead_letter_for_each_alert(kind: Rejection, reason: str) -> None:
    world = World()
    world.agent(1, paused_until_ms=START + MINUTE)
    alerts = [world.alert(7, "a"), world.alert(8, "b")]
    world.replies.append(rejected(kind, "131026"))
    world.run(MINUTE)
    assert world.story()[2:] == [("dead", 1, reason), ("dead", 1, reason)]
    assert [(d.redrive_of, d.agent, d.ticket_id) for d in world.dead] == [
        (alert.alert_id, agent(1), alert.ticket_id) for alert in alerts
    ]
    emit = world.dead_emits[0]
    assert (emit.topic, emit.key, emit.partition) == (CELL.dlq, LANE.encode(), HOME)
    letter = parse(emit.headers)
    assert letter is not None
    assert (letter.code, letter.error_class, letter.stage, letter.group) == (
        "131026",
        reason,
        "sender",
        CELL.sender_group,
    )
    world.run(30 * 24 * HOUR)  # S28
    assert world.entry(alerts[0]) is None
    world.check()


def test_s21_only_those_who_failed_often_enough_die() -> None:
    world = World(chance=0.0)
    world.tenant(machine={"attempts": 2})
    world.auto = False
    world.alert(7, "a")
    world.step()
    world.alert(8, "b")
    world.answer(world.asked.popleft())
    world.replies.extend([rejected(Rejection.TRANSIENT)] * 2)
    world.auto = True
    world.run(10 * SECOND)
    assert sorted(world.story()) == [
        ("assigned", 1, None),
        ("assigned", 1, None),
        ("dead", 1, "attempts"),
        ("sent", 1, None),
    ]
    assert [seen.body for seen in world.phones] == ["#8: b"]
    world.check()


def test_a_notice_that_cannot_be_rendered_is_dead_and_stops_nobody() -> None:
    world = World()
    world.auto = False
    world.alert()
    broken = world.processor.fixed.render
    object.__setattr__(world.processor.fixed, "render", lambda _: 1 / 0)
    world.step()
    object.__setattr__(world.processor.fixed, "render", broken)
    world.auto = True
    world.alert(8)
    assert world.story() == [
        ("assigned", 1, None),
        ("dead", 1, "payload"),
        ("assigned", 1, None),
        ("sent", 1, None),
    ]
    world.check()


def test_one_channel_takes_only_so_many_at_once() -> None:
    world = World(limits=Limits(channel=2))
    world.auto = False
    for number, user in ((7, 1), (8, 2), (9, 3), (10, 4)):
        world.ticket(number, user_id=user)
        world.alert(number)
    while world.asked:
        world.step()
    assert len(world.marked) == 2
    world.auto = True
    world.settle()
    assert sorted(seen.agent for seen in world.phones) == [agent(1), agent(2), agent(3), agent(4)]
    world.check()

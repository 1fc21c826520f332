"""Rows S1-S6: an alert is taken in and resolved, or told to nobody."""

from typing import Any

import msgspec
import pytest

from consumers.runtime.api import Ask
from consumers.runtime.murmur2 import partition
from consumers.sender.work import Resolve
from schemas.config import HOUR, MINUTE, SECOND, SourceConfig
from schemas.records import Rejected
from tests.consumers.sender.world import HOME, LANE, PARTITIONS, World, agent


def test_s1_an_alert_that_is_known_is_dropped() -> None:
    world = World()
    alert = world.alert()
    world.record(alert)
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]
    assert world.counts["recado_alerts_dropped_total", ("known",)] == 1
    world.check()


def test_s2_an_alert_in_a_foreign_partition_is_sent_on_at_most_three_times() -> None:
    world = World()
    lane = next(f"lane{n}" for n in range(99) if partition(f"lane{n}".encode(), PARTITIONS) != HOME)
    world.tenant(lane=lane)
    alert = world.alert()
    assert [(a.lane, a.forwards, a.alert_id) for a in world.forwarded] == [(lane, 1, alert.alert_id)]
    assert world.state() == {}
    world.record(msgspec.structs.replace(alert, forwards=3))
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]


def test_s3_a_question_without_answer_is_asked_again() -> None:
    world = World()
    world.auto = False
    alert = world.alert()
    assert [(work.key, [q.ticket_id for q in work.questions]) for work in world.asked] == [
        (f"u/{alert.alert_id}", [7])
    ]
    world.asked.clear()
    world.run(3 * SECOND)
    assert len(world.asked) == 1
    world.auto = True
    world.run(0)
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]


@pytest.mark.parametrize(
    ("ticket", "reason"),
    [
        ({"status": "closed"}, "closed"),
        ({"is_group": True}, "group"),
        ({"contact_number": "551190000002"}, "loop"),
        ({"user_id": None, "admins": ()}, "nobody"),
    ],
)
def test_s4_some_tickets_are_told_to_nobody(ticket: dict[str, Any], reason: str) -> None:
    world = World()
    world.configure(loop_numbers={"vps1": ("551190000002",)})
    world.ticket(7, **ticket)
    world.alert()
    assert world.story() == [("suppressed", None, reason)]
    assert world.outcomes[-1].tenant == LANE
    world.check()


def test_s4_a_ticket_that_is_gone_is_told_to_nobody() -> None:
    world = World()
    world.auto = False
    world.alert()
    world.tickets.clear()
    world.auto = True
    world.run(0)
    assert world.story() == [("suppressed", None, "gone")]


def test_s4_a_number_with_the_ninth_digit_is_the_same_number() -> None:
    world = World()
    world.configure(loop_numbers={"vps1": ("551187654321",)})
    world.ticket(7, contact_number="5511987654321")
    world.alert()
    assert world.story() == [("suppressed", None, "loop")]


def test_s4_a_group_is_told_where_the_tenant_wants_it() -> None:
    world = World()
    world.tenant(groups=True)
    world.ticket(7, is_group=True)
    world.alert()
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"enabled": False}, "global_disabled"), ({"disabled_at_ms": 2**42}, "global_disabled")],
)
def test_s4_the_kill_switch_stops_everything(settings: dict[str, Any], reason: str) -> None:
    world = World()
    world.configure(**settings)
    world.alert()
    assert world.story() == [("suppressed", None, reason)]


def test_s4b_while_the_bot_talks_the_alert_waits_and_is_asked_for_ever_more_rarely() -> None:
    world = World()
    world.ticket(7, chatbot=True)
    world.alert()
    start = world.now_ms
    world.effects.clear()
    world.run(60 * SECOND)
    works = [effect.work for effect in world.effects if isinstance(effect, Ask)]
    asked = [work.asked_ms - start for work in works if isinstance(work, Resolve)]
    assert asked == [3_000, 6_000, 12_000, 24_000, 39_000, 54_000]
    assert world.story(info=True) == [("held", None, "bot")]
    world.ticket(7, chatbot=False)
    world.run(15 * SECOND)
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]


@pytest.mark.parametrize(
    ("policy", "story"),
    [("wait", [("assigned", 1, None), ("sent", 1, None)]), ("suppress", [("suppressed", None, "bot")])],
)
def test_s4b_the_bot_has_its_time(policy: str, story: list[Any]) -> None:
    world = World()
    world.tenant(bot_policy=policy)
    world.ticket(7, chatbot=True)
    world.alert()
    world.run(15 * MINUTE - 1)
    assert world.story() == []
    world.run(1)
    assert world.story() == story


def test_s4b_a_menu_holds_for_two_minutes_where_the_flag_does_not_cover_it() -> None:
    world = World()
    world.configure(sources=(SourceConfig("vps1", "unheard-of"),))
    world.ticket(7, menu=True, user_id=None)
    world.alert()
    world.run(2 * MINUTE - 1)
    assert world.story() == []
    world.run(1)
    assert world.story() == [("assigned", 5, None), ("sent", 5, None)]


def test_s4b_ticketz_tells_the_menu_by_its_flag() -> None:
    world = World()
    world.ticket(7, menu=True, user_id=None)
    world.alert()
    assert world.story() == [("assigned", 5, None), ("sent", 5, None)]


def test_s5_the_queue_is_told_up_to_the_fan_out() -> None:
    world = World()
    world.agent(2, notify_on_new_message=False)
    world.ticket(7, user_id=None, queue_id=3, queue_name="Suporte", queue_members=(1, 2, 3, 4))
    world.alert()
    told = [("assigned", 1, None), ("assigned", 3, None), ("assigned", 4, None)]
    assert world.story() == [*told, ("sent", 1, None), ("sent", 3, None), ("sent", 4, None)]
    assert world.outcomes[0].rejected == [Rejected(agent(2), "fan_out")]
    assert (world.notices[0].informed, world.notices[0].tickets[0].via_queue) == (3, True)
    world.check()


def test_s5_first_only_takes_turns() -> None:
    world = World()
    world.tenant(first_only=True)
    world.ticket(7, user_id=None, queue_id=3, queue_members=(1, 2))
    for _ in range(3):
        world.alert()
        world.run(SECOND)
    assert [seen.agent for seen in world.phones] == [agent(1), agent(2), agent(1)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"notify_on_new_message": False}, "agent_disabled"),
        ({"verified": False}, "unverified"),
        ({"number": None}, "no_number"),
        ({"number": "11987654321"}, "bad_number"),
    ],
)
def test_s5_an_agent_who_cannot_be_told_is_assigned_and_suppressed(changes: dict[str, Any], reason: str) -> None:
    world = World()
    world.agent(1, **changes)
    world.alert()
    assert world.story() == [("assigned", 1, None), ("suppressed", 1, reason)]
    world.check()


def test_s5_messages_that_need_no_notice_end_agentless() -> None:
    world = World()
    world.auto = False
    alert = world.alert(7, "a", "b", "c")
    world.row(alert.items[0].message_ref, deleted=True)
    world.row(alert.items[1].message_ref, read=True)
    world.auto = True
    world.run(0)
    assert world.story() == [
        ("suppressed", None, "deleted"),
        ("suppressed", None, "read"),
        ("assigned", 1, None),
        ("sent", 1, None),
    ]
    assert [seen.body for seen in world.phones] == ["#7: c"]
    world.check()


def test_s5_read_counts_only_once_the_ticket_has_an_owner() -> None:
    world = World()
    world.auto = False
    alert = world.alert()
    world.ticket(7, user_id=None)
    world.row(alert.items[0].message_ref, read=True)
    world.auto = True
    world.run(0)
    assert world.story() == [("assigned", 5, None), ("sent", 5, None)]


def test_s6_a_directory_that_is_down_for_long_is_a_dead_letter_that_can_be_redriven() -> None:
    world = World()
    world.directory_down = True
    alert = world.alert()
    world.run(4 * HOUR + MINUTE)
    assert world.story(info=True) == [("held", None, "stale_check"), ("dead", None, "directory")]
    assert [(d.redrive_of, d.agent, d.alert_id) for d in world.dead] == [(alert.alert_id, None, alert.alert_id)]
    world.check()
    world.directory_down = False
    for _ in range(3):
        world.record(world.dead[0])
    assert world.story()[1:] == [("revived", None, None), ("assigned", 1, None), ("sent", 1, None)]
    world.check()

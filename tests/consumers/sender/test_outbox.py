"""Rows S9-S14 and S26: what waits in an agent's outbox, and how it leaves."""

from typing import Any

import msgspec
import pytest

from schemas.config import HOUR, MINUTE, SECOND
from schemas.quiet import QuietHours, QuietRange
from schemas.reasons import Mode
from tests.consumers.sender.world import START, World, agent


def night_until(end_ms: int) -> Any:
    return lambda _agent, _tenant, now_ms: end_ms if now_ms < end_ms else None


def test_s9_what_waits_leaves_as_one_message() -> None:
    world = World(quiet=night_until(START + 9 * HOUR))
    world.alert(7, "oi")
    world.run(HOUR)
    world.alert(8, "alguém?")
    world.run(HOUR)
    world.alert(7, "ainda aqui")
    assert world.phones == []
    assert (world.header().hold_reason, world.header().due_ms) == ("quiet", START + 9 * HOUR)
    assert [o.reason for o in world.outcomes if o.kind == "held"] == ["quiet"]
    world.run(7 * HOUR)
    assert [seen.body for seen in world.phones] == ["#7: oi / ainda aqui\n#8: alguém?"]
    assert world.notices[0].quiet_since_ms == START
    assert len({o.notification_id for o in world.outcomes if o.kind == "sent"}) == 1
    world.check()


def test_s9_those_whose_night_ends_at_the_same_time_leave_spread_over_a_little() -> None:
    world = World(quiet=night_until(START + HOUR), chance=0.5)
    world.tenant(machine={"release_spread": 5 * SECOND})
    world.alert()
    world.run(HOUR + 2_499)
    assert world.phones == []
    world.run(1)
    assert len(world.phones) == 1


def test_s9_the_night_of_the_agents_own_hours_holds() -> None:
    world = World()
    now = START - START % (24 * HOUR)
    today = QuietRange("00:00", "24:00", ((now // (24 * HOUR) + 3) % 7,))
    hours = msgspec.json.encode(QuietHours((today,), "UTC")).decode()
    world.agent(1, quiet_hours=hours)
    world.alert()
    assert (world.header().hold_reason, world.header().due_ms) == ("quiet", now + 24 * HOUR)
    world.agent(1, quiet_hours='{"ranges":[]}')
    assert len(world.phones) == 1


def test_s10_what_is_always_quiet_is_not_held_for_ever() -> None:
    world = World()
    world.agent(1, quiet_hours='{"ranges":[{"start":"00:00","end":"24:00"}]}')
    world.alert()
    assert world.story() == [("assigned", 1, None), ("suppressed", 1, "quiet")]


def test_s9_a_pause_holds_and_its_end_releases() -> None:
    world = World()
    world.agent(1, paused_until_ms=START + HOUR)
    world.alert()
    world.run(10 * MINUTE)
    assert world.phones == []
    world.agent(1, paused_until_ms=0)
    assert [seen.at_ms for seen in world.phones] == [START + 10 * MINUTE]


def test_s9_the_agent_cap_folds_what_is_too_much_into_the_next_hour() -> None:
    world = World()
    world.tenant(machine={"agent_cap": 2})
    for text in ("a", "b", "c", "d"):
        world.alert(7, text)
        world.run(MINUTE)
    assert [seen.body for seen in world.phones] == ["#7: a", "#7: b"]
    assert world.header().hold_reason == "agent_cap"
    world.run(HOUR)
    assert [seen.body for seen in world.phones] == ["#7: a", "#7: b", "#7: c / d"]
    world.check()


def test_s10_the_tenant_may_drop_what_falls_into_the_night() -> None:
    world = World(quiet=night_until(START + HOUR))
    world.tenant(quiet_policy="drop")
    world.alert()
    assert world.story() == [("assigned", 1, None), ("suppressed", 1, "quiet")]
    world.check()


def test_s11_what_has_waited_is_looked_up_again() -> None:
    world = World(quiet=night_until(START + HOUR))
    alert = world.alert(7, "oi")
    world.run(MINUTE)
    world.row(alert.items[0].message_ref, body="oi, editado")
    world.run(HOUR)
    assert [seen.body for seen in world.phones] == ["#7: oi, editado"]


def test_s11_a_directory_that_is_down_for_a_minute_is_no_longer_waited_for() -> None:
    world = World(quiet=night_until(START + HOUR))
    world.alert()
    world.directory_down = True
    world.run(HOUR + 59 * SECOND)
    assert world.phones == []
    world.run(20 * SECOND)
    assert [seen.body for seen in world.phones] == ["#7: ?"]
    assert [o.flags for o in world.outcomes if o.kind == "sent"] == [["unchecked"]]
    world.check()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda w, a: w.ticket(7, status="closed"), "closed"),
        (lambda w, a: w.row(a.items[0].message_ref, deleted=True), "deleted"),
        (lambda w, a: w.row(a.items[0].message_ref, read=True), "read"),
        (lambda w, a: w.tickets.clear(), "gone"),
        (lambda w, a: w.agent(1, notify_on_new_message=False), "agent_disabled"),
        (lambda w, a: w.agent(1, disabled_at_ms=w.now_ms), "agent_disabled"),
        (lambda w, a: w.tenant(mode=Mode.OFF), "tenant_disabled"),
        (lambda w, a: w.tenant(disabled_at_ms=w.now_ms), "tenant_disabled"),
        (lambda w, a: w.configure(enabled=False), "global_disabled"),
        (lambda w, a: w.configure(disabled_at_ms=w.now_ms), "global_disabled"),
    ],
)
def test_s12_what_became_needless_while_it_waited_is_not_sent(change: Any, reason: str) -> None:
    world = World(quiet=night_until(START + HOUR))
    alert = world.alert()
    world.run(MINUTE)
    change(world, alert)
    world.run(HOUR)
    assert world.story() == [("assigned", 1, None), ("suppressed", 1, reason)]
    assert world.phones == []
    world.check()


def test_s12_switched_off_and_on_again_sends_nothing_of_what_was_held() -> None:
    world = World(quiet=night_until(START + HOUR))
    world.alert()
    world.configure(enabled=False)
    world.configure(enabled=True)
    world.run(HOUR)
    assert world.story() == [("assigned", 1, None), ("suppressed", 1, "global_disabled")]


def test_s14_a_technical_hold_expires_and_a_quiet_one_does_not() -> None:
    world = World()
    world.tenant(channel_id=None)
    world.alert()
    world.run(4 * HOUR - 1)
    assert world.header().hold_reason == "configuration"
    world.run(1)
    assert world.story() == [("assigned", 1, None), ("suppressed", 1, "expired")]
    world.check()
    night = World(quiet=night_until(START + 12 * HOUR))
    night.alert()
    night.run(12 * HOUR)
    assert len(night.phones) == 1


def test_s26_an_alert_that_comes_while_one_is_under_way_waits_for_the_next_message() -> None:
    world = World()
    world.auto = False
    world.alert(7, "oi")
    world.step()
    world.alert(8, "alguém?")
    world.answer(world.asked.popleft())
    world.auto = True
    world.settle()
    assert [seen.body for seen in world.phones] == ["#7: oi"]
    world.run(3 * SECOND)
    assert [(seen.agent, seen.body) for seen in world.phones] == [(agent(1), "#7: oi"), (agent(1), "#8: alguém?")]
    world.check()

"""Breakers: by the gateway's word, by failures, by probes; and a number that WhatsApp restricts (RCD-303)."""

import pytest

from consumers.sender.turn import Recent
from provider.api import Rejected, Unknown
from schemas.config import HOUR, MINUTE, SECOND
from schemas.reasons import Rejection
from schemas.records import Channel, Control, Scope
from tests.consumers.sender.world import LANE, START, Reply, World, accepted, agent, rejected


def channel(world: World) -> Channel:
    found = world.store.get("c/main")
    assert isinstance(found, Channel)
    return found


def gateway_down(_: str) -> Reply:
    return Reply(Rejected(Rejection.TRANSIENT, "connect", scope="gateway"), seen=False)


def attempts(world: World) -> int:
    return len([o for o in world.outcomes if o.kind == "attempt"])


def alerts(world: World, *users: int) -> None:
    for user in users:
        world.ticket(user + 10, user_id=user)
        world.alert(user + 10)


def test_three_failures_of_the_gateway_in_a_row_open_the_breaker() -> None:
    world = World()
    world.reply = gateway_down
    alerts(world, 1, 2, 3, 4)
    assert attempts(world) == 3
    assert (channel(world).breaker, channel(world).reason) == ("open", "breaker")
    world.reply = accepted
    world.run(30 * SECOND)
    assert channel(world).breaker == "closed"
    world.run(MINUTE)
    assert sorted(seen.agent for seen in world.phones) == [agent(user) for user in (1, 2, 3, 4)]
    world.check()


def test_a_success_between_them_starts_the_count_again() -> None:
    recent = Recent()
    verdicts = [recent.note("a", ok=ok, gateway=True) for ok in (False, False, True, False, False)]
    assert verdicts == [False] * 5
    assert recent.note("a", ok=False, gateway=True)


def test_half_of_ten_attempts_of_several_agents_open_it_and_those_of_one_alone_do_not() -> None:
    alone, several = Recent(), Recent()
    assert not any(alone.note("a", ok=step % 2 == 0) for step in range(20))
    assert [several.note(f"{step % 3}", ok=step % 2 == 0) for step in range(10)] == [False] * 9 + [True]


def test_a_probe_that_fails_burns_no_attempt() -> None:
    world = World()
    world.reply = gateway_down
    alert = world.alert()
    world.run(3 * HOUR)
    entry = world.entry(alert)
    assert entry is not None
    assert (entry.phase, entry.attempts) == ("HELD", 3)
    assert attempts(world) > 20
    assert world.dead == []
    world.check()


@pytest.mark.parametrize("kind", [Rejection.PERMANENT_RECIPIENT, Rejection.PERMANENT_PAYLOAD])
def test_a_definite_answer_about_the_probes_message_closes_the_breaker(kind: Rejection) -> None:
    world = World()
    world.replies.append(rejected(Rejection.SESSION_DOWN))
    alerts(world, 1, 2)
    world.replies.append(rejected(kind))
    world.run(30 * SECOND)
    assert channel(world).breaker == "closed"
    assert [seen.agent for seen in world.phones] != []
    world.check()


def test_a_probe_that_hangs_opens_it_again() -> None:
    world = World()
    world.replies.append(rejected(Rejection.SESSION_DOWN))
    world.alert()
    world.replies.append(lambda _: Reply(Unknown("timeout"), seen=False))
    world.run(30 * SECOND)
    assert (channel(world).breaker, channel(world).failures) == ("open", 2)


def test_what_a_crash_left_unknown_says_nothing_about_the_channel() -> None:
    world = World()
    world.auto = False
    for user in (1, 2, 3, 4):
        world.ticket(user + 10, user_id=user)
        world.alert(user + 10)
    while world.asked:
        world.step()
    assert len(world.marked) == 4
    world.crash()
    world.auto = True
    world.run(20 * SECOND)
    assert world.store.get("c/main") is None
    assert sorted(seen.agent for seen in world.phones) == [agent(user) for user in (1, 2, 3, 4)]
    world.check()


def test_a_channel_that_refuses_one_recipient_as_its_own_fault_holds_only_that_one() -> None:
    world = World()
    world.replies.append(
        lambda _: Reply(Rejected(Rejection.PERMANENT_CONFIG, "131030", scope="recipient"), seen=False)
    )
    alerts(world, 1, 2)
    assert [seen.agent for seen in world.phones] == [agent(2)]
    assert world.store.get("c/main") is None
    world.run(10 * MINUTE)
    assert [seen.agent for seen in world.phones] == [agent(2), agent(1)]
    world.check()


def restrict(world: World) -> None:
    world.alert(7)  # agent 1 is a known contact
    world.replies.extend([rejected(Rejection.RESTRICTED, "463")] * 3)
    alerts(world, 2, 3, 4)


def test_rcd_303_three_refused_first_contacts_pause_the_channel_for_new_ones_alone() -> None:
    world = World()
    restrict(world)
    assert channel(world).restricted_until_ms == START + 24 * HOUR
    alerts(world, 5)
    world.run(HOUR)
    world.alert(7)
    assert [seen.agent for seen in world.phones] == [agent(1), agent(1)]
    assert [world.header(user).hold_reason for user in (2, 3, 4, 5)] == ["restricted"] * 4
    assert attempts(world) == 3
    assert world.counts["recado_breaker_opened_total", ("sandbox", "restricted")] == 1
    world.crash()
    world.run(3 * HOUR)
    assert {reason for kind, _, reason in world.story() if kind == "suppressed"} == {"expired"}
    assert world.dead == []
    world.check()


def test_rcd_303_a_probe_lets_new_contacts_be_tried_again() -> None:
    world = World()
    restrict(world)
    world.run(HOUR)
    world.record(Control(lane=LANE, action="probe", scope=Scope(channel="main"), by="test", at_ms=world.now_ms))
    assert sorted(seen.agent for seen in world.phones) == [agent(user) for user in (1, 2, 3, 4)]
    world.check()


def test_one_refused_first_contact_waits_an_hour_by_itself() -> None:
    world = World()
    world.replies.append(rejected(Rejection.RESTRICTED, "463"))
    alerts(world, 2, 3)
    assert [seen.agent for seen in world.phones] == [agent(3)]
    world.run(HOUR - 1)
    assert len(world.phones) == 1
    world.run(1)
    assert [seen.agent for seen in world.phones] == [agent(3), agent(2)]
    world.check()


def test_a_channel_that_must_wait_for_long_raises_one_alarm_and_one_that_paces_none() -> None:
    world = World()
    alarm = "recado_breaker_opened_total", ("sandbox", "channel")
    world.replies.append(rejected(Rejection.THROTTLE_SENDER, "80007", retry_after_ms=MINUTE))
    alerts(world, 1)
    world.run(MINUTE)
    assert (len(world.phones), world.counts[alarm]) == (1, 0)
    world.replies.append(rejected(Rejection.THROTTLE_SENDER, "131048", retry_after_ms=HOUR))
    world.replies.append(rejected(Rejection.THROTTLE_SENDER, "131048", retry_after_ms=HOUR))
    world.auto = False
    alerts(world, 2, 3)
    while world.asked:
        world.step()
    world.auto = True
    world.settle()
    assert (len(world.phones), world.counts[alarm]) == (1, 1)
    until = channel(world).throttled_until_ms
    assert until == world.now_ms + HOUR
    held = [o for o in world.outcomes if o.kind == "held" and o.at_ms == world.now_ms]
    assert {(o.reason, o.channel_id, o.hold and o.hold.until_ms) for o in held} == {("channel", "main", until)}
    world.run(HOUR)
    assert len(world.phones) == 3
    world.check()


def test_those_who_wait_for_a_throttled_channel_are_released_spread_over_a_little() -> None:
    world = World(chance=0.5)
    world.tenant(machine={"release_spread": 4 * SECOND})
    world.replies.append(rejected(Rejection.THROTTLE_SENDER, retry_after_ms=MINUTE))
    alerts(world, 1)
    world.run(MINUTE + 1_999)
    assert world.phones == []
    world.run(1)
    assert [seen.agent for seen in world.phones] == [agent(1)]
    world.check()

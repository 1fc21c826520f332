"""kill -9 at every point of an attempt, with many in flight: what a phone may see, by policy.

`dead` never delivers twice, `resend` never leaves anybody without, and what may have been seen twice says so.
"""

from collections.abc import Callable
from typing import Literal

import pytest

from consumers.sender.limits import Limits
from provider.api import Accepted, Unknown
from schemas.config import MINUTE, SECOND
from schemas.records import Receipt
from tests.consumers.sender.laws import Duty
from tests.consumers.sender.world import (
    LANE,
    Reply,
    World,
    agent,
    agent_config,
    snapshot,
)

Policy = Literal["resend", "dead"]


def flying(count: int, policy: Policy, *, receipts: bool = False) -> World:
    """A world in which `count` agents were looked up; what follows is done by hand."""
    world = World(
        config=snapshot(agents=tuple(agent_config(user) for user in range(1, count + 1))),
        limits=Limits(channel=count, partition=count),
        receipts=receipts,
    )
    world.tenant(unknown_policy=policy, machine={"pair_interval": 0})
    world.auto = False
    for user in range(1, count + 1):
        world.ticket(user, user_id=user)
        world.alert(user)
    return world


def look_up(world: World) -> None:
    while world.asked:
        world.answer(world.asked.popleft())


def send_all(world: World) -> None:
    while world.marked:
        world.send(world.marked.popleft())


def before_the_marker(world: World) -> None:
    """The look-up was answered, but nothing of what that changed was committed."""
    undone(world, look_up)


def after_the_marker(world: World) -> None:
    look_up(world)


def after_accept(world: World) -> None:
    look_up(world)
    world.reply = lambda identity: Reply(Accepted(f"wamid.{identity}"), lost=True)
    send_all(world)


def request_lost(world: World) -> None:
    look_up(world)
    world.reply = lambda _: Reply(Unknown("reset"), seen=False, lost=True)
    send_all(world)


def after_the_answer(world: World) -> None:
    """The answer came, but what it changed was not committed."""
    look_up(world)
    undone(world, send_all)


def after_the_commit(world: World) -> None:
    look_up(world)
    send_all(world)


def undone(world: World, happens: Callable[[World], None]) -> None:
    """Let something happen whose transaction is never committed: only phones remember it."""
    state, due = dict(world.store.data), dict(world.store.due)
    lengths = len(world.outcomes), len(world.dead)
    happens(world)
    world.store.data, world.store.due = state, due
    del world.outcomes[lengths[0] :], world.dead[lengths[1] :]


POINTS = [before_the_marker, after_the_marker, request_lost, after_accept, after_the_answer, after_the_commit]
SHOWN_BEFORE = {after_accept, after_the_answer, after_the_commit}


def crash_and_recover(world: World, point: Callable[[World], None]) -> None:
    point(world)
    world.crash()
    world.auto = True
    world.reply = lambda identity: Reply(Accepted(f"wamid.{identity}"))
    world.run(10 * MINUTE)
    world.check()


def times(world: World, count: int) -> list[int]:
    """How often each agent's phone showed its message."""
    shown = dict.fromkeys(range(1, count + 1), 0)
    for duty, seen in world.sightings.items():
        shown[int(duty.agent.rpartition("/")[2])] += seen
    return list(shown.values())


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.__name__)
@pytest.mark.parametrize("count", [20, pytest.param(1_000, marks=pytest.mark.slow)])
def test_resend_leaves_nobody_without_and_flags_what_may_be_twice(
    point: Callable[[World], None], count: int
) -> None:
    world = flying(count, "resend")
    crash_and_recover(world, point)
    expected = 2 if point in {after_accept, after_the_answer} else 1
    assert set(times(world, count)) == {expected}
    sent = [outcome for outcome in world.outcomes if outcome.kind == "sent"]
    doubtful = point in {after_the_marker, request_lost, after_accept, after_the_answer}
    assert len(sent) == count
    assert {tuple(outcome.flags) for outcome in sent} == {("maybe_duplicate",) if doubtful else ()}
    assert world.dead == []


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.__name__)
@pytest.mark.parametrize("count", [20, pytest.param(1_000, marks=pytest.mark.slow)])
def test_dead_never_delivers_twice(point: Callable[[World], None], count: int) -> None:
    world = flying(count, "dead")
    crash_and_recover(world, point)
    seen = 0 if point in {after_the_marker, request_lost} else 1
    assert set(times(world, count)) == {seen}
    doubtful = point in {after_the_marker, request_lost, after_accept, after_the_answer}
    assert len(world.dead) == (count if doubtful else 0)
    assert len([o for o in world.outcomes if o.kind == "sent"]) == (0 if doubtful else count)


def test_receipts_settle_what_a_crash_left_unknown_before_anything_is_sent_again() -> None:
    world = flying(20, "resend", receipts=True)
    after_accept(world)
    world.crash()
    world.reply = lambda identity: Reply(Accepted(f"wamid.{identity}"))
    world.auto = True
    world.run(20 * SECOND)
    for seen in list(world.phones):
        world.record(
            Receipt(
                lane=LANE, channel_id="main", notification_id=seen.notification_id,
                provider_message_id=f"wamid.{seen.notification_id}", rank=1, status="server",
            )
        )  # fmt: skip
    world.run(10 * MINUTE)
    assert set(times(world, 20)) == {1}
    assert {tuple(o.flags) for o in world.outcomes if o.kind == "sent"} == {()}
    world.check()


def test_a_crash_with_many_in_flight_comes_back_paced_by_the_channel() -> None:
    world = flying(40, "resend")
    after_the_marker(world)
    world.limits = Limits(channel=4)
    world.crash()
    most = 0
    for _ in range(40):
        world.run(SECOND)
        most = max(most, len(world.marked))
        if world.marked:
            world.send(world.marked.popleft())
        while world.asked:
            world.answer(world.asked.popleft())
    assert most == 4
    world.auto = True
    world.run(10 * MINUTE)
    assert {Duty(ref, agent_, hop).agent for ref, agent_, hop in world.sightings} == {
        agent(user) for user in range(1, 41)
    }
    world.check()

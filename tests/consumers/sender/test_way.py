"""The plain way of an alert, and the ways on which nobody is told."""

from provider.api import Rejected
from schemas.reasons import Rejection
from tests.consumers.sender.world import Reply, World, accepted, agent


def test_an_alert_reaches_the_assigned_agent() -> None:
    world = World()
    alert = world.alert(7, "oi", "tudo bem?")
    assert [(seen.agent, seen.body) for seen in world.phones] == [(agent(1), "#7: oi / tudo bem?")]
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]
    assert world.entry(alert) is None
    assert world.header().sending is None
    assert world.header().due_ms is None
    world.check()


def test_a_transient_failure_is_retried_after_a_back_off() -> None:
    world = World()
    world.replies.append(lambda _: Reply(Rejected(Rejection.TRANSIENT, "503", 503), seen=False))
    world.alert()
    assert world.phones == []
    assert world.header().retry_at_ms == world.now_ms + 1_000
    world.run(1_000)
    assert [seen.agent for seen in world.phones] == [agent(1)]
    world.check()


def test_the_last_failed_attempt_is_dead_and_can_be_redriven_once() -> None:
    world = World()
    world.reply = lambda _: Reply(Rejected(Rejection.TRANSIENT, "503", 503), seen=False)
    world.alert()
    world.run(600_000)
    assert world.story() == [("assigned", 1, None), ("dead", 1, "attempts")]
    assert len([o for o in world.outcomes if o.kind == "attempt"]) == 5
    world.check()
    world.reply = accepted
    for _ in range(3):
        world.record(world.dead[0])
        world.run(5_000)
    assert len(world.phones) == 1
    assert world.story()[2:] == [("revived", 1, None), ("sent", 1, None)]
    world.check()

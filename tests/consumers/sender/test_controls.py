"""Row S31: an operator acts."""

from typing import Any

import pytest

from schemas.config import HOUR, SECOND
from schemas.reasons import Rejection
from schemas.records import Control, Scope
from tests.consumers.sender.world import LANE, START, World, agent, rejected


def control(action: Any, **scope: str) -> Control:
    return Control(lane=LANE, action=action, scope=Scope(**scope), by="ana", at_ms=START)


@pytest.mark.parametrize("scope", [{"agent": agent(1)}, {"channel": "main"}, {"tenant": LANE}, {}])
def test_s31_a_pause_holds_until_it_is_resumed_and_survives_a_crash(scope: dict[str, str]) -> None:
    world = World()
    world.record(control("pause", **scope))
    world.crash()
    world.alert()
    world.run(12 * HOUR)
    assert world.phones == []
    assert world.header().hold_reason == "paused"
    world.record(control("resume", **scope))
    assert [seen.at_ms for seen in world.phones] == [START + 12 * HOUR]
    world.check()


def test_s31_a_probe_tries_at_once() -> None:
    world = World()
    world.replies.append(rejected(Rejection.SESSION_DOWN))
    world.alert()
    world.run(SECOND)
    world.record(control("probe", channel="main"))
    assert [seen.at_ms for seen in world.phones] == [START + SECOND]


@pytest.mark.parametrize(
    ("scope", "purged"),
    [
        ({"agent": agent(1)}, [1]),
        ({"ticket": "vps1/8"}, [2]),
        ({"tenant": LANE}, [1, 2]),
        ({"tenant": "vps1/9"}, []),
    ],
)
def test_s31_a_purge_ends_what_waits_in_its_scope(scope: dict[str, str], purged: list[int]) -> None:
    world = World()
    for number, user in ((7, 1), (8, 2)):
        world.agent(user, paused_until_ms=START + HOUR)
        world.ticket(number, user_id=user)
        world.alert(number)
    world.record(control("purge", **scope))
    assert [user for kind, user, reason in world.story() if reason == "purged"] == purged
    world.check()


def test_s31_a_purge_reaches_what_is_not_resolved() -> None:
    world = World()
    world.ticket(7, chatbot=True)
    world.alert()
    world.record(control("purge", tenant=LANE))
    assert world.story() == [("suppressed", None, "purged")]
    world.check()


def test_s31_erase_forgets_the_agents_outbox_with_what_was_learnt_of_the_number() -> None:
    world = World()
    world.alert()
    world.ticket(8, user_id=2)
    world.alert(8)
    assert {key for key in world.state() if key.startswith("o/")} == {f"o/{agent(1)}", f"o/{agent(2)}"}
    world.record(control("erase", agent=agent(1)))
    assert {key for key in world.state() if key.startswith("o/")} == {f"o/{agent(2)}"}
    world.record(control("erase", tenant=LANE))
    assert [key for key in world.state() if key.startswith("o/")] == []
    world.run(1_000)
    world.alert(7)
    assert len(world.phones) == 3
    assert len({seen.notification_id for seen in world.phones}) == 3
    world.check()


def test_s31_erase_forgets_what_has_ended_too() -> None:
    world = World(receipts=True)
    world.alert()
    world.record(control("erase", agent=agent(1)))
    assert [key for key in world.state() if key[0] == "e"] == []
    world.check()


def test_s31_erase_lets_what_is_under_way_end_by_itself() -> None:
    world = World()
    world.auto = False
    world.alert()
    while world.asked:
        world.step()
    world.record(control("erase", agent=agent(1)))
    world.auto = True
    world.settle()
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]
    world.record(control("erase", agent=agent(1)))
    assert [key for key in world.state() if key[0] in "oe"] == []
    world.check()


def test_s31_erase_forgets_what_waits_as_a_dead_letter() -> None:
    world = World()
    world.replies.append(rejected(Rejection.PERMANENT_PAYLOAD))
    world.alert()
    world.record(control("erase", agent=agent(1)))
    assert [key for key in world.state() if key[0] in "oe"] == []
    world.record(world.dead[0])
    assert world.counts["recado_redrive_refused_total", ("not_dead",)] == 1
    assert world.phones == []
    world.check()

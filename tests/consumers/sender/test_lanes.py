"""Row S2: what waits follows a lane that was changed."""

from consumers.runtime.murmur2 import partition
from schemas.config import HOUR
from tests.consumers.sender import laws
from tests.consumers.sender.world import HOME, LANE, PARTITIONS, START, World, agent

ELSEWHERE = next(name for name in map(str, range(100)) if partition(name.encode(), PARTITIONS) != HOME)
THERE = partition(ELSEWHERE.encode(), PARTITIONS)


def moved() -> tuple[World, World]:
    """A world in which two notices are held and whose lane then moves, and the one that has that lane."""
    here = World()
    here.agent(1, paused_until_ms=START + HOUR)
    here.alert(7, "oi")
    here.alert(8, "alguém?")
    here.tenant(lane=ELSEWHERE)
    there = World(config=here.config, home=THERE)
    there.tickets = here.tickets
    return here, there


def test_what_is_held_moves_to_the_lanes_partition_as_a_duty_of_the_same_agent() -> None:
    here, there = moved()
    assert here.story() == [("assigned", 1, None)] * 2 + [("moved", 1, None)] * 2
    assert [(a.agent, a.lane, a.hop) for a in here.forwarded] == [(agent(1), ELSEWHERE, 1)] * 2
    assert [entry for entry in here.state() if entry.startswith("e/")] == []
    for _ in range(2):
        for alert in here.forwarded:
            there.record(alert)
    assert there.header().hold_reason == "paused"
    there.run(HOUR)
    assert [seen.body for seen in there.phones] == ["#7: oi\n#8: alguém?"]
    laws.check(here.admitted, here.outcomes + there.outcomes, there.state())


def test_identities_do_not_begin_anew_in_another_partition() -> None:
    here, there = moved()
    for alert in here.forwarded:
        there.record(alert)
    there.run(HOUR)
    assert there.header().send_no > START


def test_what_is_under_way_ends_where_it_is() -> None:
    world = World()
    world.auto = False
    world.alert()
    world.step()
    world.tenant(lane=ELSEWHERE)
    world.auto = True
    world.settle()
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]
    assert world.forwarded == []
    world.check()


def test_what_came_to_the_wrong_partition_after_three_forwards_stays() -> None:
    world = World(home=THERE)
    world.agent(1, paused_until_ms=START + HOUR)
    world.alert(7, "oi", forwards=3)
    world.run(HOUR)
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]
    assert world.forwarded == []


def test_a_lane_with_another_name_in_the_same_partition_changes_nothing() -> None:
    name = next(f"{LANE}{n}" for n in range(100) if partition(f"{LANE}{n}".encode(), PARTITIONS) == HOME)
    world = World()
    world.agent(1, paused_until_ms=START + HOUR)
    world.alert()
    world.tenant(lane=name)
    world.run(HOUR)
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]
    world.check()

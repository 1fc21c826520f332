"""Row S13: the duty moves with the ticket, is never copied, and nobody is told twice."""

from schemas.config import HOUR, MINUTE
from tests.consumers.sender.world import START, World, agent


def test_a_reassigned_notice_moves_to_the_new_owner() -> None:
    world = World()
    world.agent(1, paused_until_ms=START + HOUR)
    world.alert()
    world.run(MINUTE)
    world.ticket(7, user_id=2)
    world.run(HOUR)
    assert world.story() == [("assigned", 1, None), ("moved", 1, None), ("sent", 2, None)]
    moved = world.outcomes[-2]
    assert (moved.to, moved.to_hop, moved.hop, world.outcomes[-1].hop) == ([agent(2)], None, 0, 1)
    assert world.notices[-1].tickets[0].moved
    world.check()


def test_who_was_told_already_does_not_get_it_from_another() -> None:
    world = World()
    world.agent(2, paused_until_ms=START + HOUR)
    world.ticket(7, user_id=None, queue_id=3, queue_members=(1, 2))
    world.alert()
    assert [seen.agent for seen in world.phones] == [agent(1)]
    world.ticket(7, user_id=1)
    world.run(HOUR)
    assert world.story()[-1] == ("suppressed", 2, "reassigned")
    assert len(world.phones) == 1
    world.check()


def test_who_holds_it_already_does_not_get_it_again() -> None:
    world = World()
    for user in (1, 2):
        world.agent(user, paused_until_ms=START + HOUR)
    world.ticket(7, user_id=None, queue_id=3, queue_members=(1, 2))
    world.alert()
    world.ticket(7, user_id=2)
    world.run(HOUR)
    assert sorted(world.story()[2:]) == [("sent", 2, None), ("suppressed", 1, "reassigned")]
    world.check()


def test_a_ticket_that_is_passed_round_and_round_is_given_up() -> None:
    world = World()
    world.tenant(machine={"max_hops": 2})
    for user in (1, 2, 3, 4):
        world.agent(user, paused_until_ms=START + user * MINUTE)
    world.alert()
    for user in (2, 3, 4):
        world.ticket(7, user_id=user)
        world.run(MINUTE)
    assert world.story() == [
        ("assigned", 1, None),
        ("moved", 1, None),
        ("moved", 2, None),
        ("suppressed", 3, "flapping"),
    ]
    world.check()


def test_an_agent_who_gets_it_back_gets_it_at_a_hop_of_its_own() -> None:
    world = World()
    for user in (1, 2, 3, 4):
        world.agent(user, paused_until_ms=START + 10 * HOUR)
    world.agent(3, paused_until_ms=START + 3 * HOUR)
    world.ticket(7, user_id=None, queue_id=3, queue_members=(1, 3))
    world.alert()
    world.ticket(7, user_id=2)
    world.agent(1, paused_until_ms=0)  # 1 → 2 at hop 1
    world.ticket(7, user_id=4)
    world.agent(2, paused_until_ms=0)  # 2 → 4 at hop 2
    world.agent(2, paused_until_ms=START + 10 * HOUR)
    world.ticket(7, user_id=2)
    world.run(3 * HOUR)  # 3 → 2 again: not at hop 1
    moves = [(o.agent, o.to, o.hop, o.to_hop) for o in world.outcomes if o.kind == "moved"]
    assert moves == [
        (agent(1), [agent(2)], 0, None),
        (agent(2), [agent(4)], 1, None),
        (agent(3), [agent(2)], 0, 3),
    ]
    world.check()

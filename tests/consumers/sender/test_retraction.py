"""Rows S7 and S8: a person answered."""

from schemas.config import HOUR, MINUTE
from schemas.reasons import Rejection
from schemas.records import Item, Retraction
from tests.consumers.sender.world import LANE, START, World, rejected


def retraction(item: Item) -> Retraction:
    number = int(item.message_ref.split("/")[1])
    return Retraction(
        lane=LANE, source="vps1", ticket_id=number, up_to_seq=item.seq, reaction_ref="r", created_ms=0
    )


def test_s7_what_waits_up_to_the_answer_is_not_told() -> None:
    world = World()
    world.agent(1, paused_until_ms=START + HOUR)
    alert = world.alert(7, "a", "b", "c")
    world.alert(8, "other ticket")
    world.record(retraction(alert.items[1]))
    world.run(HOUR)
    assert [seen.body for seen in world.phones] == ["#7: c\n#8: other ticket"]
    answered = [o for o in world.outcomes if o.reason == "answered"]
    assert [o.message_refs for o in answered] == [[item.message_ref for item in alert.items[:2]]]
    world.check()


def test_s7_an_alert_that_is_not_resolved_yet_ends_agentless() -> None:
    world = World()
    world.ticket(7, chatbot=True)
    alert = world.alert(7, "a", "b")
    world.record(retraction(alert.items[-1]))
    world.run(HOUR)
    assert world.story() == [("suppressed", None, "answered")]
    world.check()


def test_s7_an_outbox_with_nothing_left_has_no_timer() -> None:
    world = World()
    world.agent(1, paused_until_ms=START + HOUR)
    alert = world.alert()
    world.record(retraction(alert.items[-1]))
    assert world.header().due_ms is None


def test_s8_an_answer_while_the_notice_is_under_way_is_remembered_for_its_return() -> None:
    world = World()
    world.auto = False
    alert = world.alert()
    world.step()
    world.record(retraction(alert.items[-1]))
    assert world.header().retracted == {"7": alert.items[-1].seq}
    world.replies.append(rejected(Rejection.TRANSIENT))
    world.auto = True
    world.run(MINUTE)
    assert world.story() == [("assigned", 1, None), ("suppressed", 1, "answered")]
    assert world.header().retracted == {}
    world.check()


def test_an_answer_while_it_was_dead_is_not_revived() -> None:
    world = World()
    world.replies.append(rejected(Rejection.PERMANENT_RECIPIENT))
    alert = world.alert()
    world.record(retraction(alert.items[-1]))
    world.record(world.dead[0])
    assert world.story() == [
        ("assigned", 1, None),
        ("dead", 1, "recipient"),
        ("revived", 1, None),
        ("suppressed", 1, "answered"),
    ]
    world.check()

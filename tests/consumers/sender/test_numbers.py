"""Numbers: the other form is tried once, what works is learnt, what refuses for good is suspended."""

from typing import Any

import pytest

from consumers.sender.work import Tell
from provider.api import Accepted, Rejected
from schemas.config import HOUR, MINUTE
from schemas.identity import address_hash
from schemas.reasons import Rejection
from schemas.records import Receipt
from tests.consumers.sender.world import LANE, Reply, World, accepted, agent, rejected

WITH, WITHOUT = "+5531988887777", "+553188887777"
GONE = rejected(Rejection.PERMANENT_RECIPIENT, "131026")


def world_with(number: str = WITH, **changes: Any) -> World:
    world = World()
    world.agent(1, number=number, **changes)
    return world


def only(world: World, form: str) -> None:
    """From now on the provider reaches the number in this form alone."""

    def send(work: Any) -> None:
        known = work.address.value == form
        world.reply = accepted if known else GONE
        original(work)

    original = world.send
    world.send = send  # type: ignore[method-assign]


def test_the_other_form_is_tried_before_a_number_counts_as_refused_and_what_works_is_kept() -> None:
    world = world_with()
    only(world, WITHOUT)
    world.alert()
    assert [seen.address for seen in world.phones] == [WITHOUT]
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]
    assert world.told == [Tell(agent(1), address_hash(WITH), address=WITHOUT)]
    assert world.header().reached is None
    world.alert(8)
    assert [seen.address for seen in world.phones] == [WITHOUT] * 2
    assert len([o for o in world.outcomes if o.reason == "permanent_recipient"]) == 1
    world.check()


def test_what_works_is_used_although_the_database_does_not_know_it_yet() -> None:
    world = world_with()
    world.database_down = True
    only(world, WITHOUT)
    world.alert()
    world.crash()
    world.run(MINUTE)
    world.alert(8)
    assert [seen.address for seen in world.phones] == [WITHOUT] * 2
    assert len(world.told) == 2
    world.database_down = False
    world.run(MINUTE)
    world.alert(9)
    assert world.config.agents[0].address == WITHOUT
    world.check()


def test_an_address_that_a_look_up_found_and_that_ceases_to_work_gives_way_to_the_number() -> None:
    world = world_with(address="553188887777@s.whatsapp.net", address_source="lookup")
    only(world, WITH)
    world.alert()
    assert [seen.address for seen in world.phones] == [WITH]
    assert world.told == [Tell(agent(1), address_hash(WITH), address=WITH)]
    world.check()


def test_an_address_that_a_person_chose_is_not_second_guessed() -> None:
    world = world_with(address="123@lid", address_source="manual")
    only(world, WITH)
    world.alert()
    assert world.story() == [("assigned", 1, None), ("dead", 1, "recipient")]


def test_the_address_that_the_provider_says_it_used_is_learnt() -> None:
    world = world_with()
    world.reply = lambda i: Reply(Accepted(i, address_used="553188887777@s.whatsapp.net"))
    world.alert()
    world.alert(8)
    assert world.told == [Tell(agent(1), address_hash(WITH), address="553188887777@s.whatsapp.net")]
    assert [seen.address for seen in world.phones] == [WITH, "553188887777@s.whatsapp.net"]


def test_both_forms_refused_is_dead_and_the_third_time_the_number_is_suspended() -> None:
    world = world_with()
    world.reply = GONE
    for number in (7, 8, 9):
        world.alert(number)
        world.run(MINUTE)
    assert world.story() == [("assigned", 1, None), ("dead", 1, "recipient")] * 3
    assert len([o for o in world.outcomes if o.kind == "attempt"]) == 6
    assert world.told == [
        Tell(agent(1), address_hash(WITH), suspended_ms=world.now_ms - MINUTE, code="131026"),
    ]
    world.alert(10)
    assert world.story()[-2:] == [("assigned", 1, None), ("suppressed", 1, "bad_number")]
    assert len([o for o in world.outcomes if o.kind == "attempt"]) == 6
    world.check()


def test_a_suspension_that_the_database_did_not_take_holds_and_is_told_again() -> None:
    world = world_with()
    world.tenant(machine={"suspend_after": 1})
    world.reply, world.database_down = GONE, True
    world.alert()
    world.crash()
    world.alert(8)
    assert world.story()[-1] == ("suppressed", 1, "bad_number")
    assert len(world.told) == 1
    world.run(MINUTE)
    world.database_down = False
    world.alert(9)
    assert len(world.told) == 2
    assert world.config.agents[0].suspended_at_ms > 0
    header = world.header()
    assert header.reached is not None
    assert not header.reached.unreported
    world.check()


def test_a_number_that_was_vouched_for_anew_or_changed_is_tried_again() -> None:
    world = world_with()
    world.tenant(machine={"suspend_after": 1})
    world.reply = GONE
    world.alert()
    world.reply = accepted
    world.agent(1, suspended_at_ms=0)
    world.alert(8)
    assert world.story()[-1] == ("sent", 1, None)
    assert world.header().reached is None
    world.run(MINUTE)
    world.reply = GONE
    world.alert(9)
    assert world.config.agents[0].suspended_at_ms > 0
    world.reply = accepted
    world.agent(1, number="+5511987654321", suspended_at_ms=0)
    world.alert(10)
    assert world.story()[-1] == ("sent", 1, None)
    world.check()


@pytest.mark.parametrize("number", ["+5511987654321", "+551130611234"])
def test_a_number_with_one_form_alone_is_dead_at_once(number: str) -> None:
    world = world_with(number)
    world.reply = lambda _: Reply(Rejected(Rejection.PERMANENT_RECIPIENT, "x"), seen=False)
    world.alert()
    expected = 2 if number == "+5511987654321" else 1
    assert len([o for o in world.outcomes if o.kind == "attempt"]) == expected
    assert world.story()[-1] == ("dead", 1, "recipient")


def test_a_refusal_that_comes_as_a_receipt_tries_the_other_form_as_well() -> None:
    world = world_with()
    world.receipts = True
    world.alert()
    message = f"wamid.{world.phones[0].notification_id}"
    world.record(
        Receipt(
            lane=LANE, channel_id="main", notification_id=None, provider_message_id=message,
            rank=-1, status="failed", code="131026", kind="permanent_recipient",
        )
    )  # fmt: skip
    world.run(HOUR)
    assert [seen.address for seen in world.phones] == [WITH, WITHOUT]
    assert world.story() == [("assigned", 1, None), ("sent", 1, None), ("bounced", 1, "failed"), ("sent", 1, None)]
    world.check()


def test_a_hidden_id_is_not_taken_for_an_address() -> None:
    world = world_with()
    world.reply = lambda i: Reply(Accepted(i, address_used="4711@lid"))
    world.alert()
    assert world.told == []


def test_a_number_that_changed_while_the_old_one_was_refused_is_tried_and_not_blamed() -> None:
    world = world_with("+551130611234")
    world.auto = False
    world.alert()
    world.step()
    world.agent(1, number="+5511987654321")
    world.replies.append(GONE)
    world.auto = True
    world.settle()
    assert [seen.address for seen in world.phones] == ["+5511987654321"]
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]
    assert world.header().reached is None
    world.check()

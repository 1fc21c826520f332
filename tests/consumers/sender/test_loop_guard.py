"""Loop guard: one of us is no customer; an echo of a notice is silenced in three rounds."""

import pytest

from consumers.sender.loop_guard import is_loop
from schemas.config import HOUR, MINUTE, SECOND, StaticConfig
from schemas.phone import comparison_key, loop_key, other_form, same_person
from schemas.records import Retraction
from tests.consumers.sender.world import LANE, START, World, agent, agent_config, snapshot


@pytest.mark.parametrize("contact", ["5531988887777", "553188887777", "553188887777@s.whatsapp.net", "4711@lid"])
def test_a_contact_that_is_one_of_us_is_known_with_and_without_the_ninth_digit_and_by_its_hidden_id(
    contact: str,
) -> None:
    world = World()
    world.ticket(7, contact_number=contact)
    config = StaticConfig(snapshot(loop_numbers={"vps1": ("553188887777", "4711@lid")}))
    assert is_loop(config, world.ticket(7))
    assert not is_loop(config, world.ticket(7, contact_number="5511900001111"))
    assert not is_loop(config, world.ticket(7, contact_number="4712@lid"))
    assert not is_loop(config, world.ticket(7, contact_number=None))
    assert is_loop(config, world.ticket(7, contact_number=None, hidden_id="4711@lid"))


def test_a_contact_that_is_an_agents_own_is_known_by_its_id_in_the_same_source() -> None:
    world = World()
    config = StaticConfig(snapshot(agents=(agent_config(1, contact_id=17),)))
    assert is_loop(config, world.ticket(7, contact_id=17))
    assert not is_loop(config, world.ticket(7, contact_id=18))
    assert not is_loop(config, world.ticket(7, contact_id=17, source="vps2"))


@pytest.mark.parametrize(
    ("number", "other"),
    [
        ("+5531988887777", "+553188887777"),
        ("+553188887777", "+5531988887777"),
        ("+541187654321", "+5491187654321"),
        ("+5491187654321", "+541187654321"),
        ("+5215512345678", "+525512345678"),
        ("+525512345678", "+5215512345678"),
        ("+551130611234", None),
        ("+351912345678", None),
    ],
)
def test_a_number_has_at_most_one_other_form_and_both_compare_alike(number: str, other: str | None) -> None:
    assert other_form(number) == other
    if other is not None:
        assert comparison_key(number) == comparison_key(other)
        assert same_person(number, other)


def test_a_hidden_id_is_known_only_as_itself() -> None:
    assert loop_key("4711:3@LID") == "4711@lid"
    assert loop_key("@lid") is None
    assert not same_person("4711@lid", "4711")


def echo(world: World, times: int, after_ms: int = 2 * SECOND, number: int = 7) -> None:
    """The agent's phone answers each notice by itself, as a customer whom nobody recognises; windows double."""
    for _ in range(times):
        world.run(after_ms)
        alert = world.alert_later(number)
        world.run(MINUTE - after_ms)
        world.tell_of(alert)


def test_an_automatic_answer_to_a_notice_gets_one_notice_a_window_and_is_silenced_in_three_rounds() -> None:
    world = World()
    world.alert(7, "oi")
    echo(world, 6)
    assert [seen.at_ms - START for seen in world.phones] == [0, MINUTE, 2 * MINUTE]
    assert world.story()[-1] == ("suppressed", 1, "loop")
    assert world.counts["recado_loops_total", ("vps1",)] == 1
    world.check()


def test_the_counter_survives_a_crash() -> None:
    world = World()
    world.alert(7, "oi")
    for _ in range(6):
        echo(world, 1)
        world.crash()
    assert len(world.phones) == 3
    world.check()


def test_another_ticket_and_another_agent_are_told_meanwhile_and_the_same_one_after_an_hour() -> None:
    world = World()
    world.alert(7, "oi")
    echo(world, 4)
    told = len(world.phones)
    world.alert(8, "oi")
    world.ticket(7, user_id=2)
    world.alert(7, "alguém?")
    assert [seen.agent for seen in world.phones[told:]] == [agent(1), agent(2)]
    world.ticket(7, user_id=1)
    world.run(HOUR)
    world.alert(7, "alguém?")
    assert world.phones[-1].agent == agent(1)
    world.check()


def test_a_customer_who_writes_on_is_no_echo() -> None:
    world = World()
    world.alert(7, "oi")
    for _ in range(6):
        world.run(2 * SECOND)
        first = world.items(7, ["é o pedido 7781"])
        world.run(28 * SECOND)
        world.run(30 * SECOND)
        world.alert(7, "alguém?", extra=first)
    assert len(world.phones) == 7
    world.check()


def test_a_persons_answer_shows_that_it_is_a_conversation() -> None:
    world = World()
    alert = world.alert(7, "oi")
    for _ in range(4):
        echo(world, 2)
        upto = alert.items[0].seq
        world.record(
            Retraction(lane=LANE, source="vps1", ticket_id=7, up_to_seq=upto, reaction_ref="r", created_ms=0)
        )
    assert len(world.phones) == 9
    world.check()


def test_a_reassigned_alert_is_not_judged_again() -> None:
    world = World()
    world.alert(7, "oi")
    echo(world, 2)
    world.agent(2, paused_until_ms=world.now_ms + HOUR)
    world.ticket(7, user_id=2)
    world.alert(7, "x")
    world.ticket(7, user_id=1)
    world.agent(2, paused_until_ms=0)
    assert world.story()[-1] == ("sent", 1, None)
    world.check()

"""Agents are told only at a number that somebody vouched for, and only when they want to."""

from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from admin.registry import agents, channels
from admin.registry.rows import By
from schemas import tables
from schemas.errors import Fatal, Invalid
from schemas.identity import AgentId
from tests.admin.registry.conftest import AGENT, BY, NUMBER, SANDBOX, SESSION

pytestmark = pytest.mark.stack


def row(connection: Connection, agent: AgentId = AGENT) -> dict[str, Any]:
    found = agents.require(connection, agent)
    return {name: value for name, value in found.items() if name not in {"created_at", "updated_at"}}


def test_a_new_agent_is_told_nothing_until_somebody_says_so(world: Connection) -> None:
    assert row(world) == {
        "source": "shop",
        "company": "1",
        "user_id": 7,
        "name": "Ana",
        "whatsapp_notification_number": NUMBER,
        "wa_address": None,
        "wa_address_source": None,
        "wa_address_checked_at": None,
        "notify_on_new_message": False,
        "disabled_at": None,
        "state": "invited",
        "verified_by": None,
        "verified_reason": None,
        "verified_at": None,
        "paused_until": None,
        "quiet_hours": None,
        "language": None,
        "contact_id": None,
        "suspended_at": None,
        "suspended_reason": None,
    }


def test_the_number_is_stored_in_one_form_and_shown_masked(world: Connection) -> None:
    agents.change(world, BY, AGENT, whatsapp_notification_number="(31) 8888-7777")
    assert row(world)["whatsapp_notification_number"] == "+5531988887777"
    assert agents.show(world)[0]["whatsapp_notification_number"] == "+55 31 9****-7777"


def test_vouching_records_who_and_how(world: Connection) -> None:
    agents.verify(world, By("bia", why="called her desk"), AGENT)
    kept = row(world)
    assert (kept["state"], kept["verified_by"], kept["verified_reason"]) == ("verified", "bia", "called her desk")
    assert kept["verified_at"] is not None
    assert agents.verify(world, By("carla", why="again"), AGENT).is_nothing
    assert agents.verified_number(world, AGENT) == (NUMBER, None)


def test_a_changed_number_has_to_be_verified_anew_and_forgets_the_address(world: Connection) -> None:
    agents.change(world, BY, AGENT, wa_address="551187654321")
    agents.verify(world, BY, AGENT)
    agents.change(world, BY, AGENT, whatsapp_notification_number="+5521912345678")
    kept = row(world)
    forgotten = ("verified_by", "verified_at", "wa_address", "wa_address_source")
    assert (kept["state"], [kept[name] for name in forgotten]) == ("invited", [None] * 4)


def test_the_same_number_in_another_form_stays_verified(world: Connection) -> None:
    agents.verify(world, BY, AGENT)
    assert agents.change(world, BY, AGENT, whatsapp_notification_number="551187654321").is_nothing


def test_when_notices_were_switched_off_is_remembered(world: Connection) -> None:
    agents.change(world, BY, AGENT, notify_on_new_message=False)
    assert row(world)["disabled_at"] is None
    agents.change(world, BY, AGENT, notify_on_new_message=True)
    agents.change(world, BY, AGENT, notify_on_new_message=False)
    assert row(world)["disabled_at"] is not None


def test_an_agent_who_left_is_brought_back_by_nobody_else(world: Connection) -> None:
    world.execute(update(tables.agents).values(state="left"))
    with pytest.raises(Fatal) as refused:
        agents.verify(world, BY, AGENT)
    assert refused.value.code == "RCD-406"
    agents.change(world, BY, AGENT, whatsapp_notification_number="+5521912345678")
    assert row(world)["state"] == "left"


def test_an_unverified_number_gets_no_test_message(world: Connection) -> None:
    with pytest.raises(Fatal) as refused:
        agents.verified_number(world, AGENT)
    assert (refused.value.code, refused.value.detail) == ("RCD-402", "agent shop/1/7 is invited")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"whatsapp_notification_number": "98765-4321"}, "RCD-401"),
        ({"whatsapp_notification_number": SESSION}, "RCD-405"),
        ({"whatsapp_notification_number": "+551181112222"}, "RCD-405"),
        ({"language": "tlh"}, "RCD-405"),
        ({"name": "\x1b[31m"}, "RCD-405"),
        ({"wa_address": ""}, "RCD-405"),
    ],
)
def test_what_makes_no_sense_is_refused(world: Connection, words: dict[str, Any], code: str) -> None:
    channels.change(world, BY, "phones", session_number="+5511981112222")
    before = row(world)
    with pytest.raises(Invalid) as refused:
        agents.change(world, BY, AGENT, **words)
    assert refused.value.code == code
    assert row(world) == before


def test_vouching_needs_a_reason_and_a_number(world: Connection) -> None:
    with pytest.raises(Invalid) as refused:
        agents.verify(world, By("bia"), AGENT)
    assert refused.value.code == "RCD-405"
    agents.change(world, BY, AGENT, whatsapp_notification_number=None)
    with pytest.raises(Invalid) as refused:
        agents.verify(world, BY, AGENT)
    assert refused.value.code == "RCD-401"


def test_an_unknown_agent_or_tenant_is_refused(world: Connection) -> None:
    for ask in (
        lambda: agents.require(world, AgentId("shop", "1", 8)),
        lambda: agents.change(world, BY, AgentId("shop", "2", 1)),
    ):
        with pytest.raises(Invalid) as refused:
            ask()
        assert refused.value.code == "RCD-403"


def test_a_removed_agent_leaves_no_number_behind(world: Connection) -> None:
    agents.discard(world, BY, AGENT)
    assert world.execute(select(tables.agents)).all() == []
    assert agents.show(world) == []


def test_the_same_phone_may_serve_two_agents(world: Connection) -> None:
    channels.add(world, BY, "spare", "sandbox", SANDBOX)
    other = AgentId("shop", "1", 8)
    agents.change(world, BY, other, whatsapp_notification_number=NUMBER)
    assert row(world, other)["whatsapp_notification_number"] == NUMBER

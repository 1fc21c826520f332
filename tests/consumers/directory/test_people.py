"""What the sender learns of numbers, in the recado database."""

from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from consumers.directory.people import learn_address, suspend
from consumers.directory.snapshot import load
from schemas.database import transaction
from schemas.identity import address_hash
from schemas.tables import agents, audit, sources, tenants

NUMBER = "+5531988887777"
HASH = address_hash(NUMBER)

pytestmark = pytest.mark.stack


@pytest.fixture
def world(recado_url: str) -> str:
    with transaction(recado_url) as connection:
        connection.execute(insert(sources).values(source="shop", flavour="ticketz", dsn_ref="env:X"))
        connection.execute(insert(tenants).values(source="shop", company="1"))
        connection.execute(
            insert(agents).values(source="shop", company="1", user_id=7, whatsapp_notification_number=NUMBER)
        )
    return recado_url


def row(connection: Connection) -> dict[str, Any]:
    return dict(connection.execute(select(agents)).mappings().one())


def test_an_address_is_kept_with_its_source_and_date_and_audited_masked(world: str) -> None:
    for _ in range(2):
        learn_address(world, "shop/1/7", HASH, "553188887777", "lookup")
    with transaction(world) as connection:
        kept = row(connection)
        (trail,) = connection.execute(select(audit)).mappings()
        (agent,) = load(connection).agents
    assert (kept["wa_address"], kept["wa_address_source"]) == ("553188887777", "lookup")
    assert kept["wa_address_checked_at"] is not None
    assert (trail["who"], trail["via"], trail["what"], trail["subject"]) == (
        "sender",
        "system",
        "user.address",
        "shop/1/7",
    )
    assert trail["after"] == {"wa_address": "+55 31 ****-7777", "wa_address_source": "lookup"}
    assert (agent.address, agent.address_source) == ("553188887777", "lookup")


def test_what_is_of_another_number_or_chosen_by_a_person_is_left_alone(world: str) -> None:
    learn_address(world, "shop/1/7", address_hash("+5511987654321"), "551187654321", "lookup")
    learn_address(world, "shop/1/8", HASH, "553188887777", "lookup")
    with transaction(world) as connection:
        assert row(connection)["wa_address"] is None
        connection.execute(agents.update().values(wa_address="4711@lid", wa_address_source="manual"))
    learn_address(world, "shop/1/7", HASH, "553188887777", "lookup")
    with transaction(world) as connection:
        assert row(connection)["wa_address"] == "4711@lid"
        assert connection.execute(select(audit)).all() == []


def test_a_suspended_number_is_seen_by_everybody(world: str) -> None:
    suspend(world, "shop/1/7", HASH, "131026")
    with transaction(world) as connection:
        (agent,) = load(connection).agents
        kept = row(connection)
    assert kept["suspended_reason"] == "131026"
    assert agent.suspended_at_ms == int(kept["suspended_at"].timestamp() * 1000)

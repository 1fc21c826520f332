"""Every change is audited once, masked; what changes nothing leaves no trace."""

from typing import Any

import pytest
from sqlalchemy import Connection, select

from admin.registry import agents, channels
from admin.registry.rows import By
from schemas.tables import audit, config_state
from tests.admin.registry.conftest import AGENT, BY, SANDBOX

pytestmark = pytest.mark.stack


def trail(connection: Connection) -> list[dict[str, Any]]:
    columns = [column for column in audit.c if column.name not in {"audit_id", "at"}]
    return [dict(row) for row in connection.execute(select(*columns).order_by(audit.c.audit_id)).mappings()]


def version(connection: Connection) -> int:
    return int(connection.execute(select(config_state.c.version)).scalar_one())


def test_a_change_is_recorded_with_who_why_and_what_it_was(connection: Connection) -> None:
    channels.add(connection, BY, "phones", "sandbox", SANDBOX)
    channels.change(connection, By("bia", "panel", "moved"), "phones", session_number="(11) 91111-2222")
    before = {
        "channel_id": "phones",
        "provider": "sandbox",
        "settings": SANDBOX,
        "session_number": None,
        "tested_at": None,
        "rate_per_minute": None,
        "in_flight": None,
        "weight": 1,
    }
    assert trail(connection) == [
        {"who": "ana", "via": "cli", "what": "channel.add", "subject": "phones", "why": "because",
         "before": None, "after": before},
        {"who": "bia", "via": "panel", "what": "channel.set", "subject": "phones", "why": "moved",
         "before": before, "after": before | {"session_number": "+55 11 9****-2222"}},
    ]  # fmt: skip


def test_asked_twice_nothing_is_changed_recorded_or_announced(world: Connection) -> None:
    recorded, announced = len(trail(world)), version(world)
    change = agents.change(world, BY, AGENT, name="Ana", whatsapp_notification_number="11 98765-4321")
    assert change.is_nothing
    assert (len(trail(world)), version(world)) == (recorded, announced)


def test_no_full_number_is_ever_in_the_audit(world: Connection) -> None:
    agents.change(world, BY, AGENT, wa_address="551187654321", whatsapp_notification_number="+5521912345678")
    agents.discard(world, BY, AGENT)
    kept = str(trail(world))
    for number in ("5511987654321", "5521912345678", "551187654321", "551130611234"):
        assert number not in kept
    assert "+55 21 9****-5678" in kept


def test_a_changes_fields_are_those_that_differ(world: Connection) -> None:
    change = agents.change(world, BY, AGENT, name="Ana Lima", language="en")
    assert change.fields == [("name", "Ana", "Ana Lima"), ("language", None, "en")]

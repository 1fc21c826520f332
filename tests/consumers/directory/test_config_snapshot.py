"""Rows of the recado database become the snapshot that the cores see."""

from datetime import UTC, datetime
from typing import Any

from consumers.directory.snapshot import FOREVER_MS, merge
from schemas.config import (
    AgentConfig,
    ChannelConfig,
    Parameters,
    Snapshot,
    SourceConfig,
    SourceConnection,
    StaticConfig,
    TenantConfig,
)
from schemas.reasons import Mode
from schemas.tables import agents, channels, metadata, sources, tenants

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOON_MS = 1_795_348_800_000


def row(table: str, **values: Any) -> dict[str, Any]:
    """A row as the database gives it: every column, empty where it is not told."""
    return {column.name: None for column in metadata.tables[table].columns} | values


def source(name: str = "shop", **values: Any) -> dict[str, Any]:
    defaults = {"source": name, "flavour": "ticketz", "dsn_ref": "env:DSN", "created_offset_ms": 0,
                "session_numbers": [], "frontend_url": "https://desk", "state": "added"}  # fmt: skip
    return row(sources.name, **(defaults | values))


def tenant(company: str = "1", of: str = "shop", **values: Any) -> dict[str, Any]:
    defaults = {"source": of, "company": company, "name": "Loja Sol", "mode": "on", "parameters": {},
                "recipients": ["assignee", "queue", "admins"], "first_only": False, "fan_out": 3, "groups": False,
                "bot_policy": "wait", "quiet_policy": "hold", "unknown_policy": "resend", "marker": "[Whaticket]",
                "template": "plan", "language": "pt_BR", "zone": "America/Sao_Paulo", "region": "BR",
                "revision": 4, "holidays": []}  # fmt: skip
    return row(tenants.name, **(defaults | values))


def agent(user_id: int = 7, company: str = "1", of: str = "shop", **values: Any) -> dict[str, Any]:
    defaults = {"source": of, "company": company, "user_id": user_id, "name": "Ana", "state": "verified",
                "notify_on_new_message": True, "whatsapp_notification_number": "+5511987654321"}  # fmt: skip
    return row(agents.name, **(defaults | values))


def channel(name: str = "phones", **values: Any) -> dict[str, Any]:
    return row(channels.name, **({"channel_id": name, "provider": "sandbox", "settings": {}, "weight": 1} | values))


def merged(**rows: Any) -> Snapshot:
    empty: dict[str, Any] = {
        "version": 9,
        "switch": None,
        "sources": [],
        "tenants": [],
        "agents": [],
        "channels": [],
    }
    return merge(**(empty | rows))


def test_every_column_arrives() -> None:
    snapshot = merged(
        switch={"name": "global", "value": True, "disabled_at": NOON},
        sources=[source(session_numbers=["+551130611234"], created_offset_ms=5)],
        tenants=[tenant(channel_id="phones", parameters={"settle": 0}, disabled_at=NOON, lane="sol")],
        agents=[
            agent(language="en", quiet_hours={"a": 1}, contact_id=3, wa_address="551187654321", disabled_at=NOON)
        ],
        channels=[channel(settings={"url": "http://127.0.0.1:1"}, session_number="+5511911112222")],
    )
    assert snapshot == Snapshot(
        version=9,
        enabled=True,
        disabled_at_ms=NOON_MS,
        sources=(
            SourceConfig(
                "shop", "ticketz", 5, ("+551130611234",), "https://desk", SourceConnection(dsn_ref="env:DSN")
            ),
        ),
        tenants=(
            TenantConfig(
                tenant="shop/1",
                mode=Mode.ON,
                name="Loja Sol",
                disabled_at_ms=NOON_MS,
                lane="sol",
                channel_id="phones",
                machine=Parameters(settle=0),
                frontend_url="https://desk",
                version=4,
            ),
        ),
        agents=(
            AgentConfig(
                agent="shop/1/7",
                name="Ana",
                number="+5511987654321",
                address="551187654321",
                verified=True,
                notify_on_new_message=True,
                language="en",
                quiet_hours='{"a": 1}',
                contact_id=3,
                disabled_at_ms=NOON_MS,
            ),
        ),
        channels=(ChannelConfig("phones", "sandbox", {"url": "http://127.0.0.1:1"}, "+5511911112222"),),
        loop_numbers={"shop": ("551111112222", "551130611234", "551187654321")},
    )


def test_the_global_switch_is_off_until_somebody_turned_it_on() -> None:
    assert merged().enabled is False


def test_a_tenant_has_its_own_lane_and_its_sources_front_end() -> None:
    found = merged(sources=[source()], tenants=[tenant()]).tenants[0]
    assert (found.lane, found.frontend_url) == ("shop/1", "https://desk")


def test_a_tenants_own_front_end_wins_even_when_it_is_empty() -> None:
    assert merged(sources=[source()], tenants=[tenant(frontend_url="")]).tenants[0].frontend_url == ""


def test_parameters_spoilt_by_hand_fall_back_to_the_defaults_of_that_tenant_only() -> None:
    rows = [tenant(parameters={"settle": -1}), tenant("2", parameters={"settle": 1})]
    assert [found.machine for found in merged(sources=[source()], tenants=rows).tenants] == [
        Parameters(),
        Parameters(settle=1),
    ]


def test_an_agents_state_decides_who_may_be_told() -> None:
    rows = [
        agent(1, state="invited"),
        agent(2, state="verified", paused_until=NOON),
        agent(3, state="paused", paused_until=NOON),
        agent(4, state="paused"),
        agent(5, state="left"),
    ]
    assert [(found.verified, found.paused_until_ms) for found in merged(agents=rows).agents] == [
        (False, 0),
        (True, 0),
        (True, NOON_MS),
        (True, FOREVER_MS),
        (False, 0),
    ]


def test_the_loop_guard_knows_agents_by_number_and_by_address_whatever_their_state() -> None:
    rows = [
        agent(1, whatsapp_notification_number="+5531988887777", wa_address="553188887777@s.whatsapp.net"),
        agent(2, whatsapp_notification_number="+5521912345678", wa_address="99887766554433@lid", state="left"),
        agent(3, whatsapp_notification_number=None),
    ]
    assert merged(sources=[source()], agents=rows).loop_numbers == {
        "shop": ("552112345678", "553188887777", "99887766554433@lid")
    }


def test_the_loop_guard_of_a_source_knows_nobody_elses_agents() -> None:
    snapshot = merged(
        sources=[source("shop"), source("bank")],
        tenants=[tenant(of="shop"), tenant(of="bank")],
        agents=[agent(of="shop"), agent(of="bank", whatsapp_notification_number="+5521912345678")],
    )
    assert snapshot.loop_numbers == {"bank": ("552112345678",), "shop": ("551187654321",)}


def test_agents_who_are_told_through_another_sources_session_answer_there() -> None:
    snapshot = merged(
        sources=[source("shop"), source("bank", session_numbers=["+551130611234"])],
        tenants=[tenant(of="shop", channel_id="phones")],
        agents=[agent(of="shop")],
        channels=[channel(session_number="+551130611234")],
    )
    assert snapshot.loop_numbers == {
        "bank": ("551130611234", "551187654321"),
        "shop": ("551130611234", "551187654321"),
    }


def test_the_view_answers_for_a_company_that_the_row_does_not_tell() -> None:
    view = StaticConfig(merged(sources=[source()], tenants=[tenant(mode="shadow")]))
    assert (view.tenant("shop", None).mode, view.tenant("shop", 2).mode) == (Mode.ON, Mode.OFF)

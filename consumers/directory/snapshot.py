"""The configuration as one immutable snapshot, read from the `recado` database in one transaction."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, Table, select

from schemas.config import (
    AgentConfig,
    ChannelConfig,
    Parameters,
    Snapshot,
    SourceConfig,
    SourceConnection,
    TenantConfig,
)
from schemas.identity import AgentId, TenantId
from schemas.phone import loop_key
from schemas.quiet import Holiday
from schemas.tables import GLOBAL_FLAG, agents, channels, config_state, flags, sources, tenants

FOREVER_MS = 253_402_300_799_000  # the last second of the year 9999
"""`paused_until_ms` of a pause without an end."""

Rows = Iterable[Mapping[str, Any]]
_log = structlog.get_logger()


def load(connection: Connection) -> Snapshot:
    """Read everything. The transaction must be repeatable read, so that version and contents belong together.

    Raises:
        DBAPIError: the database failed; see `schemas.database.our_errors`.
    """
    switch = connection.execute(select(flags).where(flags.c.name == GLOBAL_FLAG)).mappings().one_or_none()
    return merge(
        version=read_version(connection),
        switch=dict(switch) if switch else None,
        sources=_all(connection, sources),
        tenants=_all(connection, tenants),
        agents=_all(connection, agents),
        channels=_all(connection, channels),
    )


def read_version(connection: Connection) -> int:
    """Return the version of the configuration, raised by every change of it."""
    return int(connection.execute(select(config_state.c.version)).scalar_one())


def merge(
    *,
    version: int,
    switch: Mapping[str, Any] | None,
    sources: Rows,
    tenants: Rows,
    agents: Rows,
    channels: Rows,
) -> Snapshot:
    """Turn rows into the snapshot that the cores see: defaults filled in, nothing left to look up. Pure."""
    known = {row["source"]: _source(row) for row in sources}
    ruled = tuple(_tenant(row, known.get(row["source"])) for row in tenants)
    people = tuple(_agent(row) for row in agents)
    ways = {row["channel_id"]: _channel(row) for row in channels}
    return Snapshot(
        version=version,
        enabled=bool(switch and switch["value"]),
        disabled_at_ms=_ms(switch["disabled_at"]) if switch else 0,
        sources=tuple(known.values()),
        tenants=ruled,
        agents=people,
        channels=tuple(ways.values()),
        loop_numbers=_loop_numbers(known, ruled, people, ways),
    )


def _all(connection: Connection, table: Table) -> Rows:
    return [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()]


def _source(row: Mapping[str, Any]) -> SourceConfig:
    return SourceConfig(
        source=row["source"],
        flavour=row["flavour"],
        created_offset_ms=row["created_offset_ms"],
        session_numbers=tuple(row["session_numbers"]),
        frontend_url=row["frontend_url"],
        connection=SourceConnection(
            dsn_ref=row["dsn_ref"],
            dialect=row["dialect"] or "postgresql",
            host=row["host"],
            port=row["port"],
            database=row["database"],
            username=row["username"],
            secret_ref=row["secret_ref"],
        ),
    )


def _tenant(row: Mapping[str, Any], source: SourceConfig | None) -> TenantConfig:
    tenant = str(TenantId(row["source"], row["company"]))
    plain = {
        name: row[name]
        for name in ("mode", "name", "channel_id", "recipients", "first_only", "fan_out", "groups", "bot_policy",
                     "quiet_policy", "unknown_policy", "marker", "template", "language", "zone")
    }  # fmt: skip
    inherited = source.frontend_url if source else ""
    return msgspec.convert(
        {
            **plain,
            "tenant": tenant,
            "lane": row["lane"] or tenant,
            "disabled_at_ms": _ms(row["disabled_at"]),
            "machine": _parameters(tenant, row["parameters"]),
            "frontend_url": inherited if row["frontend_url"] is None else row["frontend_url"],
            "version": row["revision"],
            "quiet_hours": _hours(row["quiet_hours"]),
            "holidays": _holidays(tenant, row["holidays"]),
        },
        TenantConfig,
    )


def _parameters(tenant: str, overrides: Mapping[str, Any]) -> Parameters:
    """Our commands store only valid overrides. One spoilt by hand must not stop every other tenant."""
    try:
        return msgspec.convert(overrides, Parameters)
    except msgspec.ValidationError as error:
        _log.error("parameters_ignored", code="RCD-601", tenant=tenant, reason=str(error))
        return Parameters()


def _hours(stored: Any) -> str | None:
    return None if stored is None else json.dumps(stored, sort_keys=True)


def _holidays(tenant: str, stored: Any) -> tuple[Holiday, ...]:
    try:
        return msgspec.convert(stored, tuple[Holiday, ...])
    except msgspec.ValidationError as error:
        _log.error("holidays_ignored", code="RCD-408", tenant=tenant, reason=str(error))
        return ()


def _agent(row: Mapping[str, Any]) -> AgentConfig:
    paused_until_ms = 0
    if row["state"] == "paused":
        paused_until_ms = _ms(row["paused_until"]) or FOREVER_MS
    return AgentConfig(
        agent=str(AgentId(row["source"], row["company"], row["user_id"])),
        name=row["name"],
        number=row["whatsapp_notification_number"],
        address=row["wa_address"],
        verified=row["state"] in {"verified", "paused"},
        notify_on_new_message=row["notify_on_new_message"],
        paused_until_ms=paused_until_ms,
        language=row["language"],
        quiet_hours=_hours(row["quiet_hours"]),
        address_source=row["wa_address_source"],
        suspended_at_ms=_ms(row["suspended_at"]),
        contact_id=row["contact_id"],
        disabled_at_ms=_ms(row["disabled_at"]),
    )


def _channel(row: Mapping[str, Any]) -> ChannelConfig:
    return ChannelConfig(
        channel_id=row["channel_id"],
        provider=row["provider"],
        settings={name: str(value) for name, value in row["settings"].items()},
        session_number=row["session_number"],
        rate_per_minute=row["rate_per_minute"],
        in_flight=row["in_flight"],
        weight=row["weight"],
    )


def _loop_numbers(
    known: Mapping[str, SourceConfig],
    ruled: Iterable[TenantConfig],
    people: Iterable[AgentConfig],
    ways: Mapping[str, ChannelConfig],
) -> dict[str, tuple[str, ...]]:
    """Who must never count as a customer of a source: its sessions, its channels' sessions, and the agents.

    An agent answers a notice where its channel's session lives. When that session belongs to another source, the
    answer arrives there, so the agent counts in both.
    """
    keys: dict[str, set[str]] = {name: _keys(source.session_numbers) for name, source in known.items()}
    sessions = {name: frozenset(found) for name, found in keys.items()}
    arrives: dict[str, str | None] = {}
    for tenant in ruled:
        channel = ways.get(tenant.channel_id or "")
        number = channel.session_number if channel else None
        session = arrives[tenant.tenant] = loop_key(number) if number else None
        if session:
            keys.setdefault(tenant.tenant.partition("/")[0], set()).add(session)
    for agent in people:
        own = _keys([agent.number or "", agent.address or ""])
        identity = AgentId.parse(agent.agent)
        session = arrives.get(str(identity.tenant))
        keys.setdefault(identity.source, set()).update(own)
        for name, numbers in sessions.items():
            if session in numbers:
                keys[name].update(own)
    return {name: tuple(sorted(found)) for name, found in sorted(keys.items())}


def _keys(numbers: Iterable[str]) -> set[str]:
    return {key for number in numbers if (key := loop_key(number))}


def _ms(at: datetime | None) -> int:
    return int(at.timestamp() * 1000) if at else 0

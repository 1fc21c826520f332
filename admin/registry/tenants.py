"""Tenants: whether, whom and how a company's agents are told."""

from collections.abc import Mapping
from typing import Any

import msgspec
import phonenumbers
from sqlalchemy import Connection, func

from admin.registry import channels, sources, words
from admin.registry.rows import By, Change, Row, listed, plain, read, remove, write
from formatter import templates
from formatter.languages import LANGUAGES
from schemas.config import Parameters
from schemas.errors import Fatal, Invalid
from schemas.identity import TenantId
from schemas.quiet import valid_zone
from schemas.reasons import Mode
from schemas.tables import agents, tenants

RECIPIENTS = ("assignee", "queue", "admins")
_MARKER_LIMIT = 15  # the stream carries 16 characters of a body; the marker must be whole in them
_CHOICES = {
    "bot_policy": ("wait", "suppress"),
    "quiet_policy": ("hold", "drop"),
    "unknown_policy": ("resend", "dead"),
    "language": LANGUAGES,
    "region": tuple(sorted(phonenumbers.SUPPORTED_REGIONS)),
}
_KNOWN_PARAMETERS = tuple(field.name for field in msgspec.structs.fields(Parameters))


def change(connection: Connection, by: By, tenant: TenantId, **given: Any) -> Change:
    """Create the tenant (switched off) or change what is given of it.

    Args:
        connection: in a transaction.
        by: who asks.
        tenant: `source/company`.
        given: columns of `schemas.tables.tenants` but mode. `parameters` are merged into the stored overrides, a
            None takes an override away; `frontend_url` None means the source's.

    Raises:
        Invalid: RCD-403 unknown source or channel, RCD-404 the channel's lane is another, RCD-405, 601, 603.
    """
    sources.require(connection, tenant.source)
    key = _key(tenant)
    before = read(connection, tenants, key, lock=True)
    values = {name: _checked(name, value) for name, value in given.items() if name != "parameters"}
    if "parameters" in given:
        values["parameters"] = _overrides(before["parameters"] if before else {}, given["parameters"])
    return write(connection, by, "tenant.set", tenants, key, values | _lane(connection, tenant, before, values))


def set_mode(connection: Connection, by: By, tenant: TenantId, mode: Mode, *, checked: bool = True) -> Change:
    """Switch a tenant (its `notifyNewMessage`). What was admitted before a switch to off is never sent later.

    Raises:
        Invalid: RCD-403.
        Fatal: RCD-407, it is not ready to be switched on, unless `checked` is False.
    """
    found = require(connection, tenant)
    if mode == Mode.ON and checked:
        missing = lacking(connection, tenant)
        if missing:
            raise Fatal("RCD-407", f"tenant {tenant}: {'; '.join(missing)}")
    values: Row = {"mode": mode.value}
    if mode == Mode.OFF and found["mode"] != Mode.OFF:
        values["disabled_at"] = connection.scalar(func.now())
    return write(connection, by, f"tenant.{mode.value}", tenants, _key(tenant), values)


def lacking(connection: Connection, tenant: TenantId) -> list[str]:
    """Return what a tenant needs before its agents can be told, in words; nothing when it is ready."""
    found = require(connection, tenant)
    missing = []
    if not ready_agents(connection, tenant):
        missing.append("no agent is verified and has notices on (recado user set --notify, user verify)")
    if found["channel_id"] is None:
        missing.append(f"no channel (recado tenant set {tenant} --channel)")
        return missing
    channel = channels.require(connection, found["channel_id"])
    if channel["tested_at"] is None:
        missing.append(f"channel {channel['channel_id']} is untested (recado channel test {channel['channel_id']})")
    if channel["session_number"] is None and not sources.require(connection, tenant.source)["session_numbers"]:
        missing.append("no session number is known, so notices could loop (recado channel set --session-number)")
    return missing


def ready_agents(connection: Connection, tenant: TenantId) -> int:
    """Return how many agents would be told."""
    rows = listed(connection, agents, source=tenant.source, company=tenant.company)
    return sum(row["notify_on_new_message"] and row["state"] in {"verified", "paused"} for row in rows)


def discard(connection: Connection, by: By, tenant: TenantId) -> Change:
    """Remove a tenant that has no agents. Raises `Invalid` RCD-403, or RCD-404 while it has some."""
    require(connection, tenant)
    count = len(listed(connection, agents, source=tenant.source, company=tenant.company))
    if count:
        raise Invalid("RCD-404", f"tenant {tenant} still has {count} agents; remove them with: recado user remove")
    return remove(connection, by, "tenant.remove", tenants, _key(tenant))


def require(connection: Connection, tenant: TenantId) -> Row:
    """Return the tenant's row. Raises `Invalid` RCD-403."""
    found = read(connection, tenants, _key(tenant))
    if found is None:
        raise Invalid("RCD-403", f"no tenant {tenant}; create it with: recado tenant set {tenant}")
    return found


def frontend_url(connection: Connection, tenant: Row) -> str:
    """Return where the tenant's links begin: its own front end, else its source's; '' for none."""
    own: str | None = tenant["frontend_url"]
    found: str = own if own is not None else sources.require(connection, tenant["source"])["frontend_url"]
    return found.rstrip("/")


def show(connection: Connection, tenant: TenantId | None = None, source: str | None = None) -> list[Row]:
    """Return all tenants, those of a source, or the one asked for. Raises `Invalid` RCD-403."""
    if tenant is not None:
        found = [require(connection, tenant)]
    else:
        found = listed(connection, tenants, **({"source": source} if source else {}))
    return [{"tenant": f"{row['source']}/{row['company']}", **row} for row in map(plain, found) if row is not None]


def _key(tenant: TenantId) -> Row:
    return {"source": tenant.source, "company": tenant.company}


def _checked(name: str, value: Any) -> Any:
    if name == "region" and value not in _CHOICES[name]:
        raise Invalid("RCD-405", f"{value!r} is no region; give a country's two letters, for example BR")
    if name in _CHOICES:
        return words.one_of(value, _CHOICES[name], name.replace("_", " "))
    if name == "recipients":
        chosen = [words.one_of(word, RECIPIENTS, "recipient") for word in value]
        if not chosen or len(set(chosen)) != len(chosen):
            raise Invalid("RCD-405", f"recipients must be some of {', '.join(RECIPIENTS)}, each once")
        return chosen
    if name == "fan_out":
        if int(value) < 1:
            raise Invalid("RCD-405", "fan-out must be at least 1")
        return int(value)
    if name == "zone":
        return valid_zone(value)
    if name in {"quiet_hours", "holidays"}:
        return value
    if name == "frontend_url":
        return None if value is None else words.url(value, "front-end URL")
    if name == "marker":
        return words.line(value, "marker", limit=_MARKER_LIMIT, required=True)
    if name == "template":
        templates.validate(value)
        return value
    if name == "lane":
        return None if value is None else words.named(value, r"[a-z][a-z0-9_/-]{0,62}", "lane", "shop/1")
    if name == "name":
        return words.line(value, "name")
    if name in {"channel_id", "first_only", "groups"}:
        return value
    message = f"a tenant has no {name}"
    raise TypeError(message)


def _overrides(stored: Mapping[str, Any], given: Mapping[str, Any]) -> Row:
    unknown = sorted(set(given) - set(_KNOWN_PARAMETERS))
    if unknown:
        raise Invalid("RCD-601", f"no parameter {unknown[0]!r}; known: {', '.join(_KNOWN_PARAMETERS)}")
    merged = {name: value for name, value in {**stored, **given}.items() if value is not None}
    try:
        msgspec.convert(merged, Parameters)
    except msgspec.ValidationError as error:
        raise Invalid("RCD-601", f"parameters: {error}") from error
    return merged


def _lane(connection: Connection, tenant: TenantId, before: Row | None, values: Row) -> Row:
    """Keep a channel in one lane: its limits and breaker live in one process.

    A tenant without a lane of its own joins the lane of those who use the channel already.
    """
    after = {**(before or {}), **values}
    channel_id = after.get("channel_id")
    if channel_id is None:
        return {}
    channels.require(connection, channel_id, lock=True)
    shared = {
        row["lane"] or f"{row['source']}/{row['company']}"
        for row in listed(connection, tenants, channel_id=channel_id)
        if (row["source"], row["company"]) != tenant
    }
    if not shared or (after.get("lane") or str(tenant)) in shared:
        return {}
    lane = min(shared)
    if values.get("lane") is None and (before is None or before["lane"] is None):
        return {"lane": lane}
    raise Invalid("RCD-404", f"channel {channel_id} belongs to lane {lane}; use --lane {lane} or another channel")

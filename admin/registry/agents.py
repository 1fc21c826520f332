"""Agents: where and whether each is told. A number counts only when it is verified to be the agent's."""

from typing import Any

from sqlalchemy import Connection, func

from admin.registry import sources, tenants, words
from admin.registry.rows import By, Change, Row, listed, masked, plain, read, remove, write
from formatter.languages import LANGUAGES
from schemas.errors import Fatal, Invalid
from schemas.identity import AgentId, TenantId
from schemas.phone import comparison_key, normalise
from schemas.tables import agents, channels

_UNVERIFIED = {"verified_by": None, "verified_reason": None, "verified_at": None, "paused_until": None}
_NOT_SUSPENDED = {"suspended_at": None, "suspended_reason": None}
_NO_ADDRESS = {"wa_address": None, "wa_address_source": None, "wa_address_checked_at": None}


def change(connection: Connection, by: By, agent: AgentId, **given: Any) -> Change:
    """Create the agent or change what is given. A changed number has to be verified anew.

    Args:
        connection: in a transaction.
        by: who asks.
        agent: `source/company/user`.
        given: name, whatsapp_notification_number (any form; None takes it away), notify_on_new_message,
            quiet_hours (as stored, see `schemas.quiet`), language, contact_id, wa_address (None takes it away).

    Raises:
        Invalid: RCD-403 no such tenant, RCD-401 not a number, RCD-405 (a session's own number among others).
    """
    tenant = tenants.require(connection, agent.tenant)
    key = _key(agent)
    before = read(connection, agents, key, lock=True)
    values: Row = {}
    for name, value in given.items():
        values |= _checked(connection, tenant, before, name, value)
    return write(connection, by, "user.set", agents, key, values)


def verify(connection: Connection, by: By, agent: AgentId) -> Change:
    """Vouch that the number is the agent's; `by.why` says how that is known.

    Raises:
        Invalid: RCD-403, RCD-405 without a reason, RCD-401 without a number.
        Fatal: RCD-406, the agent has left: only the agent can return.
    """
    found = require(connection, agent)
    reason = words.line(by.why, "the reason", required=True)
    if found["whatsapp_notification_number"] is None:
        raise Invalid("RCD-401", f"agent {agent} has no number; give it with: recado user set {agent} --number")
    if found["state"] == "left":
        raise Fatal("RCD-406", f"agent {agent} wrote SAIR")
    if found["state"] in {"verified", "paused"} and found["suspended_at"] is None:
        return Change("user.verify", str(agent), masked(found), masked(found))
    values = {
        **_NOT_SUSPENDED,
        "state": "verified",
        "verified_by": by.who,
        "verified_reason": reason,
        "verified_at": connection.scalar(func.now()),
    }
    return write(connection, by, "user.verify", agents, _key(agent), values)


def verified_number(connection: Connection, agent: AgentId) -> tuple[str, str | None]:
    """Return the agent's number and provider's address, for a test message.

    Raises:
        Invalid: RCD-403.
        Fatal: RCD-402, the number is not verified.
    """
    found = require(connection, agent)
    if found["state"] not in {"verified", "paused"}:
        raise Fatal("RCD-402", f"agent {agent} is {found['state']}")
    return found["whatsapp_notification_number"], found["wa_address"]


def discard(connection: Connection, by: By, agent: AgentId) -> Change:
    """Remove an agent with number and preferences. Raises `Invalid` RCD-403."""
    require(connection, agent)
    return remove(connection, by, "user.remove", agents, _key(agent))


def require(connection: Connection, agent: AgentId) -> Row:
    """Return the agent's row. Raises `Invalid` RCD-403."""
    found = read(connection, agents, _key(agent))
    if found is None:
        raise Invalid("RCD-403", f"no agent {agent}; create it with: recado user set {agent} --number")
    return found


def show(connection: Connection, tenant: TenantId | None = None) -> list[Row]:
    """Return all agents, or a tenant's, with masked numbers."""
    scope = {"source": tenant.source, "company": tenant.company} if tenant is not None else {}
    return [
        {"agent": f"{row['source']}/{row['company']}/{row['user_id']}", **(plain(masked(row)) or {})}
        for row in listed(connection, agents, **scope)
    ]


def _key(agent: AgentId) -> Row:
    return {"source": agent.source, "company": agent.company, "user_id": agent.user}


def _checked(connection: Connection, tenant: Row, before: Row | None, name: str, value: Any) -> Row:
    if name == "whatsapp_notification_number":
        return _number(connection, tenant, before, value)
    if name == "notify_on_new_message":
        switched_off = before is not None and before[name] and not value
        return {name: bool(value)} | ({"disabled_at": connection.scalar(func.now())} if switched_off else {})
    if name == "wa_address":
        if value is None:
            return dict(_NO_ADDRESS)
        address = words.line(value, "address", required=True)
        if before is not None and before["wa_address"] == address:
            return {}
        return {"wa_address": address, "wa_address_source": "manual",
                "wa_address_checked_at": connection.scalar(func.now())}  # fmt: skip
    if name == "name":
        return {name: words.line(value, "name")}
    if name == "language":
        return {name: None if value is None else words.one_of(value, LANGUAGES, "language")}
    if name in {"quiet_hours", "contact_id"}:
        return {name: value}
    message = f"an agent has no {name}"
    raise TypeError(message)


def _number(connection: Connection, tenant: Row, before: Row | None, value: str | None) -> Row:
    number = None if value is None else normalise(value, tenant["region"])
    if before is not None and before["whatsapp_notification_number"] == number:
        return {}
    if number is not None:
        _refuse_sessions(connection, tenant, number)
    state = "left" if before is not None and before["state"] == "left" else "invited"
    return {"whatsapp_notification_number": number, "state": state, **_UNVERIFIED, **_NO_ADDRESS, **_NOT_SUSPENDED}


def _refuse_sessions(connection: Connection, tenant: Row, number: str) -> None:
    """A notice to a session's own number would come back as a customer's message."""
    key = comparison_key(number)
    numbers = list(sources.require(connection, tenant["source"])["session_numbers"])
    numbers += [row["session_number"] for row in listed(connection, channels) if row["session_number"]]
    if any(comparison_key(other) == key for other in numbers):
        raise Invalid("RCD-405", "this is the number of a WhatsApp session; give the agent's own phone")

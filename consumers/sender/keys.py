"""Keys of the sender's state, built and parsed in this one module."""

from functools import lru_cache
from typing import NamedTuple

from schemas.identity import AgentId, TenantId
from schemas.records import Channel, Header, Known, OutboxEntry, Paused

State = Header | OutboxEntry | Channel | Known | Paused

KINDS: dict[str, type[State]] = {
    "o": Header,
    "e": OutboxEntry,
    "u": OutboxEntry,
    "c": Channel,
    "k": Known,
    "p": Paused,
}
"""First letter of a key -> the type of its value."""


class EntryKey(NamedTuple):
    """A parsed entry key; `agent` is None while the alert is not resolved."""

    agent: str | None
    alert_id: str


def header(agent: str) -> str:
    """Key of an agent's outbox."""
    return f"o/{agent}"


def entry(agent: str, alert_id: str) -> str:
    """Key of an alert in an agent's outbox."""
    return f"e/{agent}/{alert_id}"


def unresolved(alert_id: str) -> str:
    """Key of an alert whose recipients are not known yet."""
    return f"u/{alert_id}"


def channel(channel_id: str) -> str:
    """Key of a channel."""
    return f"c/{channel_id}"


def known(source: str, ticket_id: int) -> str:
    """Key of the alerts that were taken in for a ticket."""
    return f"k/{source}/{ticket_id}"


def paused(kind: str, name: str) -> str:
    """Key of an operator's pause; `kind` is lane, tenant, agent or channel."""
    return f"p/{kind}/{name}"


def parse_entry(key: str) -> EntryKey:
    """Parse a key of kind `e` or `u`."""
    if key.startswith("u/"):
        return EntryKey(None, key[2:])
    agent, _, alert_id = key[2:].rpartition("/")
    return EntryKey(agent, alert_id)


def tenant_of(agent: str) -> str:
    """Return the tenant of an agent id."""
    return agent.rpartition("/")[0]


@lru_cache(maxsize=65_536)
def company_of(agent: str) -> int | None:
    """Return the company of an agent id, None for `?`."""
    company = AgentId.parse(agent).company
    return None if company == "?" else int(company)


def tenant(source: str, company_id: int | None) -> str:
    """Return the tenant id of a source and a company."""
    return str(TenantId.of(source, company_id))

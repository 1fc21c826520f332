"""Outcomes: what became of messages, one record each for (entry, kind, reason), at most 500 references a record."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from consumers.sender import keys
from schemas.identity import outcome_id
from schemas.records import ENDS, Item, OutboxEntry, Outcome

Kind = Literal[
    "assigned", "moved", "revived", "bounced", "sent", "suppressed", "dead", "held", "attempt", "receipt"
]
MAX_REFS = 500


def topic_key(outcome: Outcome) -> bytes:
    """Return the record's key: the agent, else tenant and ticket."""
    return (outcome.agent or f"{outcome.tenant}/{outcome.ticket_id}").encode()


def build(
    kind: Kind,
    key: str,
    entry: OutboxEntry,
    items: Sequence[Item],
    at_ms: int,
    **details: Any,
) -> Iterator[Outcome]:
    """Yield the outcome records of an entry's items.

    Its id is made of what it says, so that a transaction that is replayed writes the same one.

    Args:
        kind: of the outcome.
        key: the entry's state key: tells agent and alert.
        entry: its state when this happened.
        items: those that it happened to.
        at_ms: when.
        details: further fields of `Outcome`.
    """
    agent, alert_id = keys.parse_entry(key)
    flags = list(details.pop("flags", ()))
    if entry.flags and kind in ENDS:
        doubt = "maybe_duplicate" if kind == "sent" else "maybe_sent"
        flags = flags if doubt in flags else [*flags, doubt]
    hop = details.pop("hop", entry.hop)
    for start in range(0, max(len(items), 1), MAX_REFS):
        refs = [item.message_ref for item in items[start : start + MAX_REFS]]
        said = tuple(details.get(name) for name in ("reason", "notification_id", "attempt"))
        unique = (alert_id, agent, hop, *said, at_ms, *refs)
        yield Outcome(
            outcome_id=outcome_id(kind, *unique),
            kind=kind,
            tenant=keys.tenant_of(agent) if agent else keys.tenant(entry.source, entry.company_id),
            source=entry.source,
            ticket_id=entry.ticket_id,
            at_ms=at_ms,
            agent=agent,
            message_refs=refs,
            hop=hop,
            alert_ids=[alert_id],
            flags=flags,
            created_ms=min((item.created_ms for item in items), default=None),
            admitted_ms=min((item.admitted_ms for item in items), default=None),
            captured_ms=entry.captured_ms,
            fired_ms=entry.fired_ms,
            resolved_ms=entry.resolved_ms or None,
            origin=entry.origin,
            **details,
        )

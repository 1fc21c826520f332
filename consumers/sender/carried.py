"""What an entry and its alert have in common: an entry is carried by an alert, and begins as one."""

from typing import Literal

from consumers.sender.turn import Turn
from schemas.records import Alert, OutboxEntry


def entry_of(turn: Turn, alert: Alert, phase: Literal["UNRESOLVED", "HELD"]) -> OutboxEntry:
    """Return the entry that an alert begins, received and due now. Attempts of an earlier life are not counted."""
    return OutboxEntry(
        phase=phase,
        due_ms=turn.now_ms,
        source=alert.source,
        ticket_id=alert.ticket_id,
        company_id=alert.company_id,
        items=list(alert.items),
        omitted=alert.omitted,
        hop=alert.hop,
        top_hop=alert.hop,
        told_to=list(alert.told_to),
        reason=alert.reason,
        lane=alert.lane,
        alert_no=alert.alert_no,
        first_ms=alert.first_ms,
        fired_ms=alert.fired_ms,
        captured_ms=alert.captured_ms,
        received_ms=turn.now_ms,
        origin=alert.origin,
        level=alert.level,
    )


def alert_of(
    turn: Turn,
    alert_id: str,
    agent: str | None,
    entry: OutboxEntry,
    *,
    lane: str,
    hop: int,
    redrive_of: str | None = None,
) -> Alert:
    """Return the alert that carries an entry to another partition, or out of the dead letters."""
    return Alert(
        alert_id=alert_id,
        lane=lane,
        source=entry.source,
        ticket_id=entry.ticket_id,
        company_id=entry.company_id,
        alert_no=entry.alert_no,
        reason=entry.reason,
        items=entry.items,
        omitted=entry.omitted,
        first_ms=entry.first_ms,
        fired_ms=entry.fired_ms,
        captured_ms=entry.captured_ms,
        level=entry.level,
        config_version=turn.config.version,
        origin=entry.origin,
        redrive_of=redrive_of,
        agent=agent,
        hop=hop,
        told_to=entry.told_to,
        attempts=entry.attempts,
    )

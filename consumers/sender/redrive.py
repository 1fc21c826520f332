"""Dead letters and their way back: one canonical alert per dead obligation. Rows S6, S21, S25, S29, S30."""

from collections.abc import Sequence

from consumers.dlq.headers import DeadLetter, headers
from consumers.runtime.api import Emit
from consumers.sender import births, keys
from consumers.sender.carried import alert_of
from consumers.sender.turn import Turn
from schemas.codec import encode
from schemas.reasons import Dead, Suppressed
from schemas.records import Alert, DeadInfo, OutboxEntry


def letter(turn: Turn, key: str, entry: OutboxEntry, reason: Dead, code: str, notification_id: str | None) -> Emit:
    """Return the dead letter: an alert for this one agent, complete without its headers and free of text.

    It goes to the partition of the same number: the dead entry that it revives is in this one.
    """
    agent, alert_id = keys.parse_entry(key)
    alert = alert_of(turn, alert_id, agent, entry, lane=entry.lane, hop=entry.hop, redrive_of=alert_id)
    origin = entry.origin
    dead = DeadLetter(
        topic=origin.topic if origin else turn.fixed.cell.alerts,
        partition=origin.partition if origin else turn.fixed.partition,
        offset=origin.offset if origin else -1,
        timestamp_ms=origin.ts_ms if origin else entry.fired_ms,
        group=turn.fixed.cell.sender_group,
        stage="sender",
        code=code,
        error_class=str(reason),
        message=f"not told: {reason}",
        attempts=entry.attempts,
        first_failed_ms=entry.first_failed_ms or turn.now_ms,
        failed_ms=turn.now_ms,
        replay_count=entry.replays,
        app_version=turn.fixed.app_version,
        notification_id=notification_id,
    )
    return Emit(
        turn.fixed.cell.dlq,
        key=entry.lane.encode(),
        value=encode(alert),
        headers=headers(dead),
        partition=turn.fixed.partition,
    )


def bury(
    turn: Turn,
    key: str,
    entry: OutboxEntry,
    reason: Dead,
    code: str,
    notification_id: str | None = None,
    *,
    flags: Sequence[str] = (),
) -> None:
    """End the entry as dead: outcome, dead letter, and the entry kept as DEAD so that it can be redriven."""
    turn.outcome(
        "dead", key, entry, reason=str(reason), code=code, attempt=entry.attempts, notification_id=notification_id,
        flags=flags,
    )  # fmt: skip
    entry.phase = "DEAD"
    entry.dead = DeadInfo(code=str(reason), at_ms=turn.now_ms)
    tenant = turn.config.tenant(entry.source, entry.company_id)
    entry.due_ms = turn.now_ms + tenant.machine.dead_ttl
    entry.notification_id = notification_id
    turn.put(key, entry)
    turn.emit(letter(turn, key, entry, reason, code, notification_id))


def find(turn: Turn, alert: Alert) -> tuple[str, OutboxEntry] | None:
    """Return the DEAD entry that a redrive record means, None when there is none any more."""
    of = alert.redrive_of or ""
    key = keys.entry(alert.agent, of) if alert.agent else keys.unresolved(of)
    entry = turn.entry(key)
    return (key, entry) if entry is not None and entry.phase == "DEAD" else None


def refuse(turn: Turn, reason: str) -> None:
    """S30: nothing to revive. Replaying a dead letter thrice sends once."""
    turn.count("recado_redrive_refused_total", reason)


def revive(turn: Turn, key: str, entry: OutboxEntry, alert: Alert) -> bool:
    """S29: the dead obligation lives again, to be checked anew. True when it does: somebody must attend to it."""
    agent, _ = keys.parse_entry(key)
    if agent is not None and agent in entry.told_to:
        refuse(turn, "told")
        return False
    if agent is not None:
        entry.hop = births.next_hop(turn, key, entry)
    entry.attempts = 0
    entry.first_failed_ms = 0
    entry.unresolved_tries = 0
    entry.received_ms = entry.due_ms = turn.now_ms
    entry.replays += 1
    entry.dead = None
    entry.notification_id = None
    entry.forced = True
    entry.bot_since_ms = None
    if alert.new_number:
        entry.address_hash = None
    entry.phase = "UNRESOLVED" if agent is None else "HELD"
    turn.put(key, entry)
    turn.outcome("revived", key, entry)
    if agent is None:
        return True
    # S8: what was answered while it was dead is not told any more.
    up_to = turn.header(agent).retracted.get(str(entry.ticket_id), -1)
    return not turn.suppress(key, entry, Suppressed.ANSWERED, [i for i in entry.items if i.seq <= up_to])

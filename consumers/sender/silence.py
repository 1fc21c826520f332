"""Accepted, but the gateway reports nothing: an alarm for the channel, never a reason to send again (RCD-309).

Unofficial gateways take messages for a session that only looks open and keep them for ever. The entry that waits
for its first receipt has a timer of `ack_wait`; what it finds is counted in the channel's state until a receipt of
that channel comes.
"""

from typing import Final

import structlog

from consumers.sender import keys
from consumers.sender.turn import Turn
from schemas.records import OutboxEntry

log = structlog.get_logger(__name__)

CODE: Final = "RCD-309"
REASON: Final = "unacknowledged"


def listen(turn: Turn, agent: str, entry: OutboxEntry, channel_id: str) -> None:
    """Begin to wait for the first receipt of an entry that has just been sent."""
    machine = turn.tenant_of(agent).machine
    entry.channel_id, entry.unheard, entry.receipt_rank = channel_id, False, 0
    entry.due_ms = turn.now_ms + min(machine.ack_wait, machine.receipt_ttl)


def is_waiting(entry: OutboxEntry) -> bool:
    """Tell whether the timer of a SENT entry is the one for its first receipt, and not the end of its life."""
    return entry.receipt_rank == 0 and not entry.unheard and entry.channel_id is not None


def due(turn: Turn, key: str, entry: OutboxEntry) -> None:
    """No receipt has come in time: count the message once, however many entries it carried, and keep the entry."""
    agent, _ = keys.parse_entry(key)
    if agent is None or entry.channel_id is None:
        return
    machine = turn.tenant_of(agent).machine
    entry.unheard = True
    entry.due_ms = turn.now_ms + max(machine.receipt_ttl - machine.ack_wait, 0)
    turn.put(key, entry)
    turn.outcome(
        "receipt", key, entry, reason=REASON, channel_id=entry.channel_id, notification_id=entry.notification_id,
        provider_message_id=entry.provider_message_id,
    )  # fmt: skip
    carried = turn.entries(turn.index.of_message(entry.provider_message_id or ""))
    if any(other.unheard for name, other in carried if name != key and other.channel_id == entry.channel_id):
        return
    channel = turn.channel(entry.channel_id)
    channel.unheard += 1
    channel.unheard_since_ms = channel.unheard_since_ms or turn.now_ms
    turn.put(keys.channel(entry.channel_id), channel)
    turn.count("recado_unacknowledged_total", entry.channel_id)
    if channel.unheard == 1:
        log.error(
            "accepted, but nothing is reported since",
            code=CODE,
            channel=entry.channel_id,
            notification=entry.notification_id,
        )


def heard(turn: Turn, key: str, entry: OutboxEntry, rank: int) -> None:
    """A receipt has come: the entry lives on for later ones."""
    agent, _ = keys.parse_entry(key)
    if agent is None:
        return
    entry.receipt_rank = rank
    entry.due_ms = turn.now_ms + turn.tenant_of(agent).machine.receipt_ttl
    turn.put(key, entry)
    speaks(turn, entry)


def speaks(turn: Turn, entry: OutboxEntry) -> None:
    """Whatever the gateway reported of an entry, it reports: the channel's alarm ends."""
    if entry.channel_id is None:
        return
    channel = turn.channel(entry.channel_id)
    if channel.unheard:
        log.info("reports again", channel=entry.channel_id, unheard=channel.unheard)
        channel.unheard = channel.unheard_since_ms = 0
        turn.put(keys.channel(entry.channel_id), channel)

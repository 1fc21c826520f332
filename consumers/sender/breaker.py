"""A channel's breaker: open while it cannot send, half open for one probe. Row S19, and failures by rate.

It opens at once when the provider says that the session is down or the channel wrongly configured; after a few
failures of the gateway itself; and when most of the recent attempts of several agents failed. While it is open no
attempt is burnt, and a probe that fails burns none either: it says nothing about the message.
"""

from typing import Final

import structlog

from consumers.sender import keys
from consumers.sender.turn import Recent, Turn
from schemas.config import HOUR, MINUTE, SECOND
from schemas.reasons import Hold
from schemas.records import Channel

log = structlog.get_logger(__name__)

PROBE_MS: Final = 30 * SECOND
MAX_PROBE_MS: Final = 5 * MINUTE
PROOF_MS: Final = 30 * SECOND
"""How long a probe's receipt is waited for, where a receipt has told before that what was accepted had failed."""
RESTRICTED_AFTER: Final = 3
"""First contacts that WhatsApp refused within a day before the channel is paused for new ones (RCD-303)."""
RESTRICTED_MS: Final = 24 * HOUR
LONG_MS: Final = 5 * MINUTE
"""A throttle of this length is no pacing any more but an outage of the channel, and is told as one."""
ALONE_MS: Final = HOUR
"""How long one agent waits whose first contact was refused, before it is tried again."""


def trip(turn: Turn, channel_id: str, reason: Hold, code: str, *, later: bool = False) -> None:
    """Open the breaker; each failed probe doubles the wait for the next one. `later`: a receipt says so."""
    channel = turn.channel(channel_id)
    if channel.breaker == "open" and not channel.proof_ms:
        return  # others were under way when it opened; one failure is one failure
    channel.proof_ms = 0
    channel.blamed_later = channel.blamed_later or later
    channel.failures += 1
    channel.breaker = "open"
    channel.reason = str(reason)
    channel.opened_ms = channel.opened_ms or turn.now_ms
    channel.probe_ms = turn.now_ms + min(PROBE_MS * 2 ** (channel.failures - 1), MAX_PROBE_MS)
    channel.due_ms = channel.probe_ms
    turn.put(keys.channel(channel_id), channel)
    turn.ready.bound(channel_id, 0)
    turn.memory.recent.pop(channel_id, None)
    config = turn.config.channel(channel_id)
    turn.count("recado_breaker_opened_total", config.provider if config else "", str(reason))
    log.error("channel does not send", channel=channel_id, reason=str(reason), code=code, probe_ms=channel.probe_ms)


def failed(turn: Turn, channel_id: str, agent: str, code: str, *, gateway: bool) -> None:
    """Note a failure that need not be the message's fault; it opens the breaker when it is one of many."""
    recent = turn.memory.recent.setdefault(channel_id, Recent())
    if recent.note(agent, ok=False, gateway=gateway) or probing(turn, channel_id):
        trip(turn, channel_id, Hold.BREAKER, code)


def probing(turn: Turn, channel_id: str) -> bool:
    """Tell whether the breaker is half open: what is under way is its probe."""
    return turn.channel(channel_id).breaker == "half"


def half_open_if_due(turn: Turn, channel_id: str) -> None:
    """Let one notice through as a probe, once its time has come."""
    channel = turn.channel(channel_id)
    if channel.breaker == "open" and channel.probe_ms <= turn.now_ms:
        if channel.proof_ms:
            _close(turn, channel_id, channel)
        else:
            half_open(turn, channel_id)


def half_open(turn: Turn, channel_id: str) -> None:
    """Let one notice through now; a restricted channel may try a new contact again."""
    channel = turn.channel(channel_id)
    if channel.restricted_until_ms > turn.now_ms:
        channel.restricted_until_ms = channel.restricted_count = 0
        turn.put(keys.channel(channel_id), channel)
        _unblock(turn, channel_id)
    if channel.breaker != "open":
        return
    channel.breaker = "half"
    channel.proof_ms = 0
    channel.probe_ms = min(channel.probe_ms, turn.now_ms)
    channel.due_ms = None
    turn.put(keys.channel(channel_id), channel)
    turn.ready.bound(channel_id, 1)
    _unblock(turn, channel_id)


def worked(turn: Turn, channel_id: str, agent: str) -> None:
    """Close the breaker: the channel has just given a definite answer. Where receipts tell, theirs is awaited."""
    turn.memory.recent.setdefault(channel_id, Recent()).note(agent, ok=True)
    channel = turn.channel(channel_id)
    if channel.breaker == "closed" or (channel.blamed_later and channel.breaker == "open"):
        return
    if not channel.blamed_later:
        _close(turn, channel_id, channel)
        return
    channel.breaker = "open"
    channel.proof_ms = channel.probe_ms = channel.due_ms = turn.now_ms + PROOF_MS
    turn.put(keys.channel(channel_id), channel)
    turn.ready.bound(channel_id, 0)


def _close(turn: Turn, channel_id: str, channel: Channel) -> None:
    log.info("channel sends again", channel=channel_id, down_ms=turn.now_ms - channel.opened_ms)
    channel.breaker = "closed"
    channel.failures = channel.opened_ms = channel.probe_ms = channel.proof_ms = 0
    channel.blamed_later = False
    channel.reason = channel.due_ms = None
    turn.put(keys.channel(channel_id), channel)
    turn.ready.bound(channel_id, None)
    _unblock(turn, channel_id)


def throttle(turn: Turn, channel_id: str, wait_ms: int, code: str) -> None:
    """Let the whole channel wait as long as it was told (S18); a long wait is an alarm, once."""
    channel = turn.channel(channel_id)
    known = channel.throttled_until_ms - turn.now_ms >= LONG_MS  # others were under way when it was told
    channel.throttled_until_ms = max(channel.throttled_until_ms, turn.now_ms + wait_ms)
    turn.put(keys.channel(channel_id), channel)
    if wait_ms >= LONG_MS and not known:
        config = turn.config.channel(channel_id)
        turn.count("recado_breaker_opened_total", config.provider if config else "", str(Hold.CHANNEL))
        log.error(
            "the provider makes the channel wait", channel=channel_id, code=code, wait_ms=wait_ms,
            until_ms=channel.throttled_until_ms,
        )  # fmt: skip


def restrict(turn: Turn, channel_id: str, code: str) -> None:
    """WhatsApp refused a first contact: after some of them nobody new is told through the channel for a day."""
    channel = turn.channel(channel_id)
    if turn.now_ms - channel.restricted_at_ms > RESTRICTED_MS:
        channel.restricted_count = 0
    channel.restricted_at_ms = turn.now_ms
    channel.restricted_count += 1
    if channel.restricted_count >= RESTRICTED_AFTER and not restricted(channel, turn.now_ms):
        channel.restricted_until_ms = turn.now_ms + RESTRICTED_MS
        config = turn.config.channel(channel_id)
        turn.count("recado_breaker_opened_total", config.provider if config else "", str(Hold.RESTRICTED))
        log.error(
            "WhatsApp restricts the channel: it is paused for new contacts", rcd="RCD-303", channel=channel_id,
            code=code, refused=channel.restricted_count, until_ms=channel.restricted_until_ms,
        )  # fmt: skip
    turn.put(keys.channel(channel_id), channel)


def restricted(channel: Channel, now_ms: int) -> bool:
    """Tell whether nobody new may be told through the channel now."""
    return channel.restricted_until_ms > now_ms


def restore(turn: Turn, channel_id: str) -> None:
    """Take the bound of a restored breaker."""
    state = turn.channel(channel_id).breaker
    turn.ready.bound(channel_id, {"closed": None, "half": 1, "open": 0}[state])


def _unblock(turn: Turn, channel_id: str) -> None:
    for agent in turn.memory.blocked.pop(channel_id, ()):
        turn.wake(agent)

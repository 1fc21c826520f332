"""A channel's breaker: open while the session is down or wrongly configured, half open for one probe. Row S19.

Minimal on purpose: breakers by failure rate plug in at `trip`.
"""

import structlog

from consumers.sender import keys
from consumers.sender.turn import Turn
from schemas.config import MINUTE, SECOND
from schemas.reasons import Hold

log = structlog.get_logger(__name__)

PROBE_MS = 30 * SECOND
MAX_PROBE_MS = 5 * MINUTE


def trip(turn: Turn, channel_id: str, reason: Hold, code: str) -> None:
    """Open the breaker; each failed probe doubles the wait for the next one."""
    channel = turn.channel(channel_id)
    if channel.breaker == "open":
        return  # others were under way when it opened; one failure is one failure
    channel.failures += 1
    channel.breaker = "open"
    channel.reason = str(reason)
    channel.opened_ms = channel.opened_ms or turn.now_ms
    channel.probe_ms = turn.now_ms + min(PROBE_MS * 2 ** (channel.failures - 1), MAX_PROBE_MS)
    channel.due_ms = channel.probe_ms
    turn.put(keys.channel(channel_id), channel)
    turn.ready.bound(channel_id, 0)
    config = turn.config.channel(channel_id)
    turn.count("recado_breaker_opened_total", config.provider if config else "", str(reason))
    log.error("channel does not send", channel=channel_id, reason=str(reason), code=code, probe_ms=channel.probe_ms)


def half_open_if_due(turn: Turn, channel_id: str) -> None:
    """Let one notice through as a probe, once its time has come."""
    channel = turn.channel(channel_id)
    if channel.breaker == "open" and channel.probe_ms <= turn.now_ms:
        half_open(turn, channel_id)


def half_open(turn: Turn, channel_id: str) -> None:
    """Let one notice through now, whoever is first."""
    channel = turn.channel(channel_id)
    if channel.breaker != "open":
        return
    channel.breaker = "half"
    channel.probe_ms = min(channel.probe_ms, turn.now_ms)
    channel.due_ms = None
    turn.put(keys.channel(channel_id), channel)
    turn.ready.bound(channel_id, 1)
    _unblock(turn, channel_id)


def worked(turn: Turn, channel_id: str) -> None:
    """Close the breaker: the channel has just sent."""
    channel = turn.channel(channel_id)
    if channel.breaker == "closed":
        return
    log.info("channel sends again", channel=channel_id, down_ms=turn.now_ms - channel.opened_ms)
    channel.breaker = "closed"
    channel.failures = channel.opened_ms = channel.probe_ms = 0
    channel.reason = channel.due_ms = None
    turn.put(keys.channel(channel_id), channel)
    turn.ready.bound(channel_id, None)
    _unblock(turn, channel_id)


def throttle(turn: Turn, channel_id: str, wait_ms: int) -> None:
    """Let the whole channel wait as long as it was told (S18)."""
    channel = turn.channel(channel_id)
    channel.throttled_until_ms = max(channel.throttled_until_ms, turn.now_ms + wait_ms)
    turn.put(keys.channel(channel_id), channel)


def restore(turn: Turn, channel_id: str) -> None:
    """Take the bound of a restored breaker."""
    state = turn.channel(channel_id).breaker
    turn.ready.bound(channel_id, {"closed": None, "half": 1, "open": 0}[state])


def _unblock(turn: Turn, channel_id: str) -> None:
    for agent in turn.memory.blocked.pop(channel_id, ()):
        turn.wake(agent)

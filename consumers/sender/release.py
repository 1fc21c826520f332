"""Release: when an agent may be disturbed next, and why not before. Pure; run dry it answers "would it go now?"."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from consumers.sender.quiet import quiet_end
from schemas.config import HOUR, SECOND, AgentConfig, TenantConfig
from schemas.reasons import Hold
from schemas.records import Channel, Header

Quiet = Callable[[AgentConfig, TenantConfig, int], int | None]
"""Quiet hours: (agent, tenant, now_ms) -> when the present quiet stretch ends, None when it is not quiet."""

LOOK_AGAIN = 60 * SECOND
PATIENT = frozenset({Hold.QUIET, Hold.PAUSED})
"""Holds that people asked for; all others are technical and expire."""


class Release(NamedTuple):
    """`at_ms` may lie in the past; `reason` is None when nothing ever held."""

    at_ms: int
    reason: Hold | None


class Situation(NamedTuple):
    """Everything that decides.

    `pauses` are the operators' that apply; `channel` None: the tenant has none; `pair_ms`: until when this phone
    has had enough of the channel.
    """

    header: Header
    agent: AgentConfig
    tenant: TenantConfig
    channel: Channel | None
    pauses: Collection[str] = ()
    pair_ms: int = 0


def release(situation: Situation, now_ms: int, quiet: Quiet = quiet_end) -> Release:
    """Return the latest of all reasons to wait, with the one that wins.

    quiet end · agent's pause · operator's pause · pair · agent cap · retry · throttle · breaker. A channel's free
    places are no timer but a ready queue. A half-open breaker holds nobody here: it leaves one place.
    """
    header, agent, tenant, channel, pauses, pair_ms = situation
    pair_ms = max(pair_ms, header.pair_next_ms)
    ends: list[Release] = [Release(header.retry_at_ms, Hold.RETRY), Release(pair_ms, Hold.PAIR)]
    cap = tenant.machine.agent_cap
    if cap > 0 and header.cap_count >= cap:
        ends.append(Release(header.cap_hour_ms + HOUR, Hold.AGENT_CAP))
    if channel is None:
        ends.append(Release(now_ms + LOOK_AGAIN, Hold.CONFIGURATION))
    else:
        ends.append(Release(channel.throttled_until_ms, Hold.CHANNEL))
        if channel.breaker == "open":
            ends.append(Release(channel.probe_ms, Hold(channel.reason or Hold.BREAKER)))
        if not header.last_sent_ms:
            ends.append(Release(channel.restricted_until_ms, Hold.RESTRICTED))
    ends.append(Release(agent.paused_until_ms, Hold.PAUSED))
    if pauses:
        ends.append(Release(now_ms + LOOK_AGAIN, Hold.PAUSED))
    quiet_until = quiet(agent, tenant, now_ms)
    if quiet_until is not None:
        ends.append(Release(quiet_until, Hold.QUIET))
    latest = max(ends, key=lambda end: end.at_ms)
    return latest if latest.at_ms > 0 else Release(0, None)


def back_off(base_ms: int, failures: int, chance: float, ceiling_ms: int) -> int:
    """Return how long to wait after `failures` (>= 1) failures: exponential, full jitter (`chance` in [0, 1))."""
    return int(min(base_ms * 2 ** (failures - 1), ceiling_ms) * chance)


def count_told(header: Header, now_ms: int) -> None:
    """Count a notice against the agent's hour."""
    if now_ms >= header.cap_hour_ms + HOUR:
        header.cap_hour_ms = now_ms
        header.cap_count = 0
    header.cap_count += 1
    header.last_sent_ms = now_ms

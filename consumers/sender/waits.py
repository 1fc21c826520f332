"""Refusals that burn no attempt: something waits, this outbox, its pair or the whole channel. Rows S18, S19, S27.

The same whether the provider refuses at once or reports it later, of what it had accepted.
"""

from typing import Final

from consumers.sender import breaker
from consumers.sender.turn import Turn
from provider.api import Rejected
from schemas.config import HOUR, MINUTE, SECOND
from schemas.reasons import Hold, Rejection
from schemas.records import Header

THROTTLE_MS: Final = 30 * SECOND
"""Wait of a throttled scope when the provider does not say how long."""
MAX_BACK_OFF: Final = 10 * MINUTE


def wait(turn: Turn, header: Header, channel_id: str, refusal: Rejected, *, later: bool = False) -> bool:
    """Let wait what the refusal is about; False when it is about the message, and this module has no say.

    Args:
        turn: the turn.
        header: the agent's outbox; to be put by the caller.
        channel_id: through which channel it went.
        refusal: what the provider says.
        later: it says so in a receipt, of what it had accepted.
    """
    told = refusal.retry_after_ms if refusal.retry_after_ms is not None else THROTTLE_MS
    wait_ms = min(max(told, 0), HOUR)
    match refusal.kind:
        case Rejection.THROTTLE_PAIR:  # S18
            header.pair_next_ms = turn.now_ms + wait_ms
        case Rejection.THROTTLE_SENDER | Rejection.THROTTLE_APP:  # S18
            breaker.throttle(turn, channel_id, wait_ms, refusal.code)
        case Rejection.PERMANENT_CONFIG | Rejection.SESSION_DOWN if refusal.scope == "recipient":
            header.retry_at_ms = turn.now_ms + max(wait_ms, MAX_BACK_OFF)  # this one only: no breaker
        case Rejection.PERMANENT_CONFIG:  # S19
            breaker.trip(turn, channel_id, Hold.CONFIGURATION, refusal.code, later=later)
        case Rejection.SESSION_DOWN:  # S19
            breaker.trip(turn, channel_id, Hold.SESSION_DOWN, refusal.code, later=later)
        case Rejection.RESTRICTED:
            breaker.restrict(turn, channel_id, refusal.code)
            header.retry_at_ms = turn.now_ms + max(wait_ms, breaker.ALONE_MS)
            if later:
                header.last_sent_ms = 0  # what was accepted was not shown: to the channel the agent is still new
        case _:
            return False
    return True

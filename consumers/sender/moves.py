"""Reassigned while it waited: the duty moves to who is responsible now, and is never copied. Row S13."""

import msgspec

from consumers.sender import births, keys, recipients
from consumers.sender.recipients import Responsible
from consumers.sender.turn import Turn
from consumers.sender.work import Live
from schemas.config import TenantConfig
from schemas.reasons import Suppressed
from schemas.records import OutboxEntry


def move(
    turn: Turn, key: str, entry: OutboxEntry, tenant: TenantConfig, now_responsible: Responsible, live: Live
) -> None:
    """Hand the entry over to those who are responsible now, were not told yet and do not hold it already."""
    agent, alert_id = keys.parse_entry(key)
    candidates = now_responsible.agents
    served = set(entry.told_to) | births.holders(turn, alert_id, candidates)
    to = recipients.choose(candidates, tenant, lambda other: births.rank(turn, other), served)
    if not to:
        turn.suppress(key, entry, Suppressed.REASSIGNED)
        return
    hop = births.next_hop(turn, key, entry)
    if hop > tenant.machine.max_hops:
        turn.suppress(key, entry, Suppressed.FLAPPING)
        return
    turn.outcome("moved", key, entry, to=to, to_hop=None if hop == entry.hop + 1 else hop)
    model = msgspec.structs.replace(
        entry,
        hop=hop,
        attempts=0,
        moved_from=agent,
        received_ms=turn.now_ms,
        address_hash=None,
        forced=False,
        informed=len(to),
        first_failed_ms=0,
        flags=[],  # a doubt is about one agent's phone
    )
    turn.drop(key)
    for other in to:
        births.bear(turn, other, alert_id, model, live)

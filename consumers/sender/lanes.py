"""Lanes: where a tenant's records belong, and how what waits follows a lane that was changed. Row S2.

A channel's limits and breaker, and an agent's order, are exact only in one process. So what is held for a tenant
whose lane is another one now moves to that lane's partition: the duty ends here as `moved` to the same agent, and
an alert for this one agent carries it over. What is under way ends where it is.
"""

from functools import lru_cache

from consumers.runtime.api import Emit
from consumers.runtime.murmur2 import partition
from consumers.sender import births, keys
from consumers.sender.turn import Turn
from schemas.codec import encode
from schemas.config import TenantConfig
from schemas.records import Alert, OutboxEntry

partition_of = lru_cache(maxsize=65_536)(lambda lane, partitions: partition(lane.encode(), partitions))


def of(tenant: TenantConfig) -> str:
    """Return the tenant's lane."""
    return tenant.lane or tenant.tenant


def emigrates(turn: Turn, key: str, entry: OutboxEntry, tenant: TenantConfig) -> bool:
    """Send a held entry after its lane, if that changed and lives elsewhere now; True when it is gone.

    An entry that came here although its lane is elsewhere (other tools partition differently) stays.
    """
    lane = of(tenant)
    target = partition_of(lane, turn.fixed.partitions)
    if entry.lane == lane or target == turn.fixed.partition:
        return False
    agent, alert_id = keys.parse_entry(key)
    hop = births.next_hop(turn, key, entry)
    if agent is not None:
        turn.outcome("moved", key, entry, to=[agent], to_hop=None if hop == entry.hop + 1 else hop)
    carried = Alert(
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
        agent=agent,
        hop=hop,
        told_to=entry.told_to,
        attempts=entry.attempts,
    )
    turn.emit(Emit(turn.fixed.cell.alerts, lane.encode(), encode(carried), partition=target))
    turn.count("recado_alerts_dropped_total", "forwarded")
    turn.drop(key)
    return True


def immigrates(turn: Turn, alert: Alert) -> None:
    """Take over a duty that moved here with its lane; one that is here already changes nothing."""
    agent = alert.agent or ""
    if turn.entry(keys.entry(agent, alert.alert_id)) is not None:
        turn.count("recado_alerts_dropped_total", "known")
        return
    entry = OutboxEntry(
        phase="HELD",
        due_ms=turn.now_ms,
        source=alert.source,
        ticket_id=alert.ticket_id,
        company_id=alert.company_id,
        items=list(alert.items),
        omitted=alert.omitted,
        hop=alert.hop,
        top_hop=alert.hop,
        attempts=alert.attempts,
        told_to=list(alert.told_to),
        reason=alert.reason,
        lane=alert.lane,
        alert_no=alert.alert_no,
        first_ms=alert.first_ms,
        fired_ms=alert.fired_ms,
        captured_ms=alert.captured_ms,
        received_ms=turn.now_ms,
        moved_from=None,
        origin=alert.origin,
        level=alert.level,
    )
    births.bear(turn, agent, alert.alert_id, entry, None)

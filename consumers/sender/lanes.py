"""Lanes: where a tenant's records belong, and how what waits follows a lane that was changed. Row S2.

A channel's limits and breaker, and an agent's order, are exact only in one process. So what is held for a tenant
whose lane is another one now moves to that lane's partition: the duty ends here as `moved` to the same agent, and
an alert for this one agent carries it over. What is under way ends where it is.
"""

from functools import lru_cache

from consumers.runtime.api import Emit
from consumers.runtime.murmur2 import partition
from consumers.sender import births, keys
from consumers.sender.carried import alert_of, entry_of
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
    alert = alert_of(turn, alert_id, agent, entry, lane=lane, hop=hop)
    turn.emit(Emit(turn.fixed.cell.alerts, lane.encode(), encode(alert), partition=target))
    turn.count("recado_alerts_dropped_total", "forwarded")
    turn.drop(key)
    return True


def immigrates(turn: Turn, alert: Alert) -> None:
    """Take over a duty that moved here with its lane; one that is here already changes nothing."""
    agent = alert.agent or ""
    if turn.entry(keys.entry(agent, alert.alert_id)) is not None:
        turn.count("recado_alerts_dropped_total", "known")
        return
    entry = entry_of(turn, alert, "HELD")
    entry.attempts = alert.attempts
    births.bear(turn, agent, alert.alert_id, entry, None)

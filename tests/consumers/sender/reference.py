"""A second opinion on whether somebody may be told of a message now, written from the design, not from the code."""

from cdc.flavours.api import LiveTicket
from schemas.config import AgentConfig, Snapshot
from schemas.records import Item


def responsible(ticket: LiveTicket) -> set[str]:
    """Assignee; else the queue; else the admins."""
    if ticket.user_id is not None:
        users: tuple[int, ...] = (ticket.user_id,)
    elif ticket.queue_id is not None and ticket.queue_members:
        users = ticket.queue_members
    else:
        users = ticket.admins
    return {f"vps1/1/{user}" for user in users}


def objections(settings: Snapshot, ticket: LiveTicket | None, agent: str, item: Item) -> list[str]:
    """Return every reason why `agent` must not be told of `item` as the world stands; ticketz, all three rules."""
    found = []
    tenant = settings.tenants[0]
    me = next((a for a in settings.agents if a.agent == agent), AgentConfig(agent))
    if not settings.enabled or tenant.mode == "off":
        found.append("switched off")
    if not (me.notify_on_new_message and me.verified and me.number):
        found.append("agent switched off")
    if item.admitted_ms <= max(settings.disabled_at_ms, tenant.disabled_at_ms, me.disabled_at_ms):
        found.append("was off in between")
    if ticket is None:
        return [*found, "gone"]
    row = ticket.rows.get(item.row_id)
    if ticket.status == "closed" or ticket.is_group:
        found.append("closed or group")
    if row is None or row.deleted:
        found.append("deleted")
    elif row.read and ticket.user_id is not None:
        found.append("read")
    if agent not in responsible(ticket):
        found.append("not responsible")
    return found

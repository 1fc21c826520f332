"""Recipients: who is responsible for a ticket now, and who of them is told. Pure.

The chain is the assigned user; else the members of the ticket's queue; else the admins. The tenant chooses how far
it goes. Always within the tenant.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Literal, NamedTuple

from cdc.flavours.api import LiveTicket
from schemas.config import TenantConfig

Rule = Literal["assignee", "queue", "admins"]


class Responsible(NamedTuple):
    """Agents who are responsible, by the rule that found them. Empty: nobody."""

    rule: Rule | None
    agents: tuple[str, ...]


def responsible(ticket: LiveTicket, tenant: TenantConfig) -> Responsible:
    """Return everyone who is responsible for the ticket, before any fan-out."""
    found: dict[Rule, Sequence[int]] = {
        "assignee": () if ticket.user_id is None else (ticket.user_id,),
        "queue": ticket.queue_members if ticket.queue_id is not None else (),
        "admins": ticket.admins,
    }
    for rule, users in found.items():
        # An owned ticket belongs to its owner: without that rule the chain must not fall back to everybody else.
        if rule in tenant.recipients and users:
            return Responsible(rule, tuple(f"{tenant.tenant}/{user}" for user in users))
        if rule == "assignee" and users:
            break
    return Responsible(None, ())


def choose(
    candidates: Collection[str],
    tenant: TenantConfig,
    rank: Callable[[str], tuple[int, ...]],
    served: Collection[str] = (),
) -> list[str]:
    """Return who is to be told: at most `fan_out` (1 with `first_only`), the first by `rank`, then by lowest id.

    Args:
        candidates: agents who are responsible.
        tenant: its fan-out.
        rank: smaller is earlier: who can be told first, then the least recently notified.
        served: those of them who were told already or are about to be; they count, and are not chosen again.
    """
    places = (1 if tenant.first_only else tenant.fan_out) - sum(agent in served for agent in candidates)
    rest = [agent for agent in candidates if agent not in served]
    rest.sort(key=lambda agent: (*rank(agent), int(agent.rpartition("/")[2])))
    return rest[: max(places, 0)]

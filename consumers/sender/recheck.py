"""The live re-check: what the living world says of messages, just before anybody is told. Rows S4, S12."""

from collections.abc import Sequence

from cdc.flavours.api import LiveTicket
from consumers.sender import loop_guard, switches
from consumers.sender.traits import Traits
from schemas.config import ConfigView, TenantConfig
from schemas.reasons import Suppressed
from schemas.records import Item

Ended = list[tuple[Suppressed, list[Item]]]


def ticket_ended(config: ConfigView, tenant: TenantConfig, ticket: LiveTicket | None) -> Suppressed | None:
    """Return why nobody need be told of this ticket at all, None when somebody may."""
    if ticket is None:
        return Suppressed.GONE
    if ticket.status == "closed":
        return Suppressed.CLOSED
    if ticket.is_group and not tenant.groups:
        return Suppressed.GROUP
    if loop_guard.is_loop(config, ticket):
        return Suppressed.LOOP
    return None


def items_ended(
    config: ConfigView, tenant: TenantConfig, traits: Traits, ticket: LiveTicket, items: Sequence[Item]
) -> Ended:
    """Return the messages that need not be told, by reason, in the order in which the reasons are met."""
    ended: dict[Suppressed, list[Item]] = {}
    # A read message counts only where people set the flag, and only once the ticket has an owner: several flavours
    # set it by themselves (a bot's queue choice, a transfer).
    read_counts = traits.read_means_person and ticket.user_id is not None
    for item in items:
        row = ticket.rows.get(item.row_id)
        reason = switches.off_since(config, tenant, item.admitted_ms)
        if reason is None and (row is None or row.deleted):
            reason = Suppressed.DELETED
        if reason is None and row is not None and row.read and read_counts:
            reason = Suppressed.READ
        if reason is not None:
            ended.setdefault(reason, []).append(item)
    return list(ended.items())


def bot_talks(ticket: LiveTicket, traits: Traits) -> str | None:
    """Return the rule by which the customer is still with the bot: `chatbot`, `menu`, or None when not (S4b)."""
    if ticket.chatbot:
        return "chatbot"
    if not traits.has_bot_flag and ticket.menu and ticket.queue_id is None and ticket.user_id is None:
        return "menu"
    return None

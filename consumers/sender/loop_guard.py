"""Loop guard: a customer whose number is an agent's or a session's own is no customer. Pure.

Agents' replies, automatic absences and bot menus sent to agents arrive as customer messages. Compared without
Brazil's 9th digit, because applications and gateways write it both ways. A hidden id (`…@lid`) is unknown.
"""

from cdc.flavours.api import LiveTicket
from schemas.config import ConfigView
from schemas.phone import comparison_key


def is_loop(config: ConfigView, ticket: LiveTicket) -> bool:
    """Tell whether the ticket's contact is one of us."""
    if not ticket.contact_number:
        return False
    key = comparison_key(ticket.contact_number)
    return key is not None and key in config.numbers(ticket.source)

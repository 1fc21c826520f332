"""Loop guard: a customer who is one of us is no customer, and an echo of a notice is no message.

Agents' replies, automatic absences and bot menus sent to agents arrive as customer messages. They are recognised by
number, without Brazil's 9th digit, because applications and gateways write it both ways, and by hidden id where it
is known. What is not recognised is caught by its rhythm: messages of a ticket that all come just after a notice of
it, round after round, are an automatic answer to the notice. After some rounds the agent is told of that ticket no
more for a while, or until a person answers. The counter is durable.
"""

from cdc.flavours.api import LiveTicket
from consumers.sender import keys
from consumers.sender.turn import Turn
from schemas.config import ConfigView
from schemas.phone import loop_key
from schemas.reasons import Suppressed
from schemas.records import Echo, Known, OutboxEntry


def is_loop(config: ConfigView, ticket: LiveTicket) -> bool:
    """Tell whether the ticket's contact is one of us."""
    if ticket.contact_id is not None and ticket.contact_id in config.agent_contacts(ticket.source):
        return True
    keys_of = (loop_key(address) for address in (ticket.contact_number, ticket.hidden_id) if address)
    return any(key in config.numbers(ticket.source) for key in keys_of if key is not None)


def told(turn: Turn, agent: str, entry: OutboxEntry) -> None:
    """Remember that the agent was told of the entry's ticket now."""
    key = keys.known(entry.source, entry.ticket_id)
    known = turn.get(key, Known)
    if known is None:  # forgotten a day after its last alert
        return
    echo = known.echoes.get(agent)
    known.echoes[agent] = Echo(turn.now_ms, echo.rounds if echo else 0, echo.silent_until_ms if echo else 0)
    turn.put(key, known)


def silenced(turn: Turn, agent: str, entry: OutboxEntry) -> Suppressed | None:
    """Judge a new alert for an agent: count it when it is an echo; return why it is not told, None when it is."""
    key = keys.known(entry.source, entry.ticket_id)
    known = turn.get(key, Known)
    echo = known.echoes.get(agent) if known is not None else None
    if known is None or echo is None:
        return None
    machine = turn.tenant_of(agent).machine
    if echo.silent_until_ms > turn.now_ms:
        return Suppressed.LOOP
    follows = all(echo.told_ms < item.admitted_ms <= echo.told_ms + machine.echo_window for item in entry.items)
    echo.rounds = echo.rounds + 1 if follows else 0
    turn.put(key, known)
    if echo.rounds < machine.echo_rounds:
        return None
    echo.rounds = 0
    echo.silent_until_ms = turn.now_ms + machine.echo_silence
    turn.count("recado_loops_total", entry.source)
    return Suppressed.LOOP


def answered(turn: Turn, source: str, ticket_id: int) -> None:
    """A person answered the ticket: this is a conversation, no loop."""
    key = keys.known(source, ticket_id)
    known = turn.get(key, Known)
    if known is not None and known.echoes:
        known.echoes = {}
        turn.put(key, known)

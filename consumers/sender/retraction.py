"""A person answered: what waits for the ticket need not be told. Rows S7, S8."""

from consumers.sender import keys, loop_guard
from consumers.sender.turn import Turn
from schemas.reasons import Suppressed
from schemas.records import Retraction


def retract(turn: Turn, record: Retraction) -> None:
    """End what waits (S7); remember it for what is under way and may come back (S8)."""
    loop_guard.answered(turn, record.source, record.ticket_id)
    for key, entry in turn.entries(turn.index.of_ticket(record.source, record.ticket_id)):
        agent, _ = keys.parse_entry(key)
        if entry.phase in {"HELD", "UNRESOLVED"}:
            answered = [item for item in entry.items if item.seq <= record.up_to_seq]
            if turn.suppress(key, entry, Suppressed.ANSWERED, answered) and agent is not None:
                turn.wake(agent)
        elif agent is not None:
            header = turn.header(agent)
            ticket = str(record.ticket_id)
            header.retracted = {
                **header.retracted,
                ticket: max(header.retracted.get(ticket, -1), record.up_to_seq),
            }
            turn.put_header(agent, header)
        elif entry.phase == "DEAD":
            # Its messages have ended already; those that were answered must not be revived.
            entry.items = [item for item in entry.items if item.seq > record.up_to_seq]
            if entry.items:
                turn.put(key, entry)
            else:
                turn.drop(key)

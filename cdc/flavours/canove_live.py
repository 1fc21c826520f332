"""canove's live look-ups: three statements for a batch of tickets.

Tickets and messages are read by primary key. `Users` and `UserQueues` hold people, not traffic, and are read once
for all tickets of the batch. `UserQueues` and `WhatsappQueues` have no foreign keys, so rows of deleted users and
queues stay behind: only those count whose user or queue still exists.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from cdc.flavours import live
from cdc.flavours.api import LiveTicket

READS: Mapping[str, tuple[str, ...]] = {
    "Tickets": ("id", "status", "contactId", "userId", "whatsappId", "isGroup", "queueId"),
    "Contacts": ("id", "name", "number"),
    "Queues": ("id", "name"),
    "Users": ("id", "profile"),
    "UserQueues": ("userId", "queueId"),
    "WhatsappQueues": ("whatsappId", "queueId"),
    "Messages": live.ROW_COLUMNS,
}
"""Every column that the statements below touch."""

TICKETS = text("""
    SELECT t.id, t.status, t."isGroup", t."userId", t."queueId",
           t."contactId", c.name AS contact_name, c.number AS contact_number, q.name AS queue_name,
           (SELECT count(*) FROM "WhatsappQueues" w JOIN "Queues" o ON o.id = w."queueId"
             WHERE w."whatsappId" = t."whatsappId") AS queues
      FROM "Tickets" t
      LEFT JOIN "Contacts" c ON c.id = t."contactId"
      LEFT JOIN "Queues" q ON q.id = t."queueId"
     WHERE t.id = ANY(CAST(:tickets AS integer[]))""")

PEOPLE = text("""
    SELECT u.id, u.profile = 'admin' AS admin, m."queueId"
      FROM "Users" u
      LEFT JOIN "UserQueues" m ON m."userId" = u.id AND m."queueId" = ANY(CAST(:queues AS integer[]))
     WHERE u.profile = 'admin' OR m."queueId" IS NOT NULL
     ORDER BY u.id""")

COMPANY = 0


@dataclass(slots=True)
class _People:
    """The shop's users: members by queue, admins; each sorted by id."""

    members: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    admins: list[int] = field(default_factory=list)


def read(
    connection: Connection, source: str, asked: live.Asked, kind_of: Callable[[str | None, str], str]
) -> dict[int, LiveTicket]:
    """Read the asked tickets with the asked rows; a ticket that does not exist is absent from the answer."""
    wanted = live.possible(asked)
    tickets = connection.execute(TICKETS, {"tickets": list(wanted)}).all() if wanted else []
    if not tickets:
        return {}
    people = _people(connection, tickets)
    rows = live.rows(connection, {t.id: wanted[t.id] for t in tickets}, kind_of)
    return {
        t.id: LiveTicket(
            source=source,
            ticket_id=t.id,
            company_id=COMPANY,
            status=t.status,
            is_group=t.isGroup,
            user_id=t.userId,
            queue_id=t.queueId,
            queue_name=t.queue_name,
            queue_members=tuple(people.members.get(t.queueId, ())),
            admins=tuple(people.admins),
            chatbot=False,
            menu=t.queues > 1,
            contact_name=t.contact_name or "",
            contact_number=live.number(t.contact_number),
            number=str(t.id),
            link_path=f"/tickets/{t.id}",
            rows=rows.get(t.id, {}),
            contact_id=t.contactId,
            hidden_id=live.hidden_id(t.contact_number),
        )
        for t in tickets
    }


def _people(connection: Connection, tickets: Iterable[Any]) -> _People:
    people = _People()
    queues = sorted({t.queueId for t in tickets if t.queueId is not None})
    for user in connection.execute(PEOPLE, {"queues": queues}):
        if user.queueId is not None:
            people.members[user.queueId].append(user.id)
        if user.admin and user.id not in people.admins[-1:]:
            people.admins.append(user.id)
    return people

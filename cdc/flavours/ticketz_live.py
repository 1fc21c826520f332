"""ticketz's live look-ups: three statements for a batch of tickets.

Tickets and messages are read by primary key. `Users` and `UserQueues` have no index by company or queue in this
fork; they hold people, not traffic, and are read once for all tickets of the batch.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from cdc.flavours import live
from cdc.flavours.api import LiveTicket

READS: Mapping[str, tuple[str, ...]] = {
    "Tickets": (
        "id", "status", "contactId", "userId", "whatsappId", "isGroup", "queueId", "companyId", "uuid", "chatbot",
    ),
    "Contacts": ("id", "name", "number"),
    "Queues": ("id", "name", "companyId"),
    "Users": ("id", "profile", "companyId"),
    "UserQueues": ("userId", "queueId"),
    "WhatsappQueues": ("whatsappId", "queueId"),
    "Messages": live.ROW_COLUMNS,
}  # fmt: skip
"""Every column that the statements below touch."""

TICKETS = text("""
    SELECT t.id, t.status, t."isGroup", t."userId", t."queueId", t."companyId", t.uuid, t.chatbot,
           t."contactId", c.name AS contact_name, c.number AS contact_number, q.name AS queue_name,
           (SELECT count(*) FROM "WhatsappQueues" w WHERE w."whatsappId" = t."whatsappId") AS queues
      FROM "Tickets" t
      LEFT JOIN "Contacts" c ON c.id = t."contactId"
      LEFT JOIN "Queues" q ON q.id = t."queueId" AND q."companyId" = t."companyId"
     WHERE t.id = ANY(CAST(:tickets AS integer[]))""")

# `super` marks the platform's owner, who belongs to one company; it gives no part in another company's tickets.
PEOPLE = text("""
    SELECT u.id, u."companyId", u.profile = 'admin' AS admin, m."queueId"
      FROM "Users" u
      LEFT JOIN "UserQueues" m ON m."userId" = u.id AND m."queueId" = ANY(CAST(:queues AS integer[]))
     WHERE u."companyId" = ANY(CAST(:companies AS integer[]))
       AND (u.profile = 'admin' OR m."queueId" IS NOT NULL)
     ORDER BY u.id""")


@dataclass(slots=True)
class _People:
    """Users of the batch's companies: members by (company, queue), admins by company; each sorted by id."""

    members: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    admins: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))


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
            company_id=t.companyId,
            status=t.status,
            is_group=t.isGroup,
            user_id=t.userId,
            queue_id=t.queueId,
            queue_name=t.queue_name,
            queue_members=tuple(people.members.get((t.companyId, t.queueId), ())),
            admins=tuple(people.admins.get(t.companyId, ())),
            chatbot=bool(t.chatbot),
            menu=t.queues > 1,
            contact_name=t.contact_name or "",
            contact_number=live.number(t.contact_number),
            number=str(t.id),
            link_path=f"/tickets/{t.uuid}" if t.uuid else None,
            rows=rows.get(t.id, {}),
            contact_id=t.contactId,
            hidden_id=live.hidden_id(t.contact_number),
        )
        for t in tickets
    }


def _people(connection: Connection, tickets: Iterable[Any]) -> _People:
    people = _People()
    queues = sorted({t.queueId for t in tickets if t.queueId is not None})
    companies = sorted({t.companyId for t in tickets})
    for user in connection.execute(PEOPLE, {"queues": queues, "companies": companies}):
        if user.queueId is not None:
            people.members[user.companyId, user.queueId].append(user.id)
        admins = people.admins[user.companyId]
        if user.admin and user.id not in admins[-1:]:
            admins.append(user.id)
    return people

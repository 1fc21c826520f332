"""What the live look-ups of several forks share: rows of `Messages` by primary key, ids, numbers.

Ids that a column cannot hold belong to nothing, and must not fail the others of a batch.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from cdc.flavours.api import LiveRow

Asked = Mapping[int, Sequence[str]]
"""Ticket id -> row ids of `Messages`."""

ROW_COLUMNS = ("id", "ticketId", "body", "mediaType", "createdAt", "read", "isDeleted")
"""Every column of `Messages` that `rows` touches."""

# Good for both kinds of primary key: (`id`, `ticketId`), and `id` alone.
ROWS = text("""
    SELECT m.id, m."ticketId", left(m.body, 4096) AS body, m."mediaType", m."createdAt", m.read, m."isDeleted"
      FROM unnest(CAST(:ids AS text[]), CAST(:tickets AS integer[])) AS asked (id, ticket)
      JOIN "Messages" m ON m.id = asked.id AND m."ticketId" = asked.ticket""")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_ID = 2**31 - 1


def possible(asked: Asked) -> Asked:
    """Return what can be asked of integer ids."""
    return {ticket: rows for ticket, rows in asked.items() if 0 < ticket <= _LAST_ID}


def number(stored: str | None) -> str | None:
    """A contact known only by WhatsApp's internal id (`…@lid`) has no number yet."""
    return None if not stored or "@" in stored else stored


def hidden_id(stored: str | None) -> str | None:
    """Return the internal id of a contact of which nothing else is known."""
    return stored if stored and stored.endswith("@lid") else None


def rows(
    connection: Connection, asked: Asked, kind_of: Callable[[str | None, str], str]
) -> dict[int, dict[str, LiveRow]]:
    """Read the asked rows in one statement: ticket id -> row id -> row; those that do not exist are absent.

    Args:
        connection: to a PostgreSQL source.
        asked: possible ids.
        kind_of: the fork's normalisation of media type and body.
    """
    pairs = [(row, ticket) for ticket, ids in asked.items() for row in dict.fromkeys(ids) if "\0" not in row]
    found: dict[int, dict[str, LiveRow]] = defaultdict(dict)
    if not pairs:
        return found
    asking = {"ids": [row for row, _ in pairs], "tickets": [ticket for _, ticket in pairs]}
    for m in connection.execute(ROWS, asking):
        found[m.ticketId][m.id] = LiveRow(
            row_id=m.id,
            kind=kind_of(m.mediaType, m.body),
            body=m.body,
            created_ms=(m.createdAt - _EPOCH) // timedelta(milliseconds=1),
            read=m.read,
            deleted=m.isDeleted,
        )
    return found

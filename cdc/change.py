"""Debezium's change events of `Messages`, decoded by msgspec. One row type for every flavour's captured columns."""

import re
from datetime import UTC, datetime, timedelta

import msgspec

TABLE = "Messages"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NOT_ASCII = re.compile(r"[^ -+\--~]")


_NAMES = {
    "ticket_id": "ticketId",
    "company_id": "companyId",
    "tenant_id": "tenantId",
    "contact_id": "contactId",
    "from_me": "fromMe",
    "media_type": "mediaType",
    "is_deleted": "isDeleted",
    "created_at": "createdAt",
    "remote_jid": "remoteJid",
    "message_id": "messageId",
    "send_type": "sendType",
    "schedule_date": "scheduleDate",
}


class Row(msgspec.Struct, gc=False, rename=_NAMES):
    """The captured columns of any flavour; what a flavour lacks stays at its default.

    `body` is its first characters, without half a pair that the truncation left; None when the column is null.
    `created_at` is a datetime (PostgreSQL `timestamptz`) or integer microseconds as if UTC (zone-less columns).
    """

    id: str
    ticket_id: int
    from_me: bool
    created_at: datetime | int
    company_id: int | None = None
    tenant_id: int | None = None
    contact_id: int | None = None
    read: bool = False
    ack: int = 0
    media_type: str | None = None
    is_deleted: bool = False
    remote_jid: str | None = None
    message_id: str | None = None
    send_type: str | None = None
    schedule_date: datetime | None = None
    status: str | None = None
    timestamp: int | None = None
    body: str | None = ""


class SourceBlock(msgspec.Struct, gc=False):
    """Debezium's `source`: which connector, when the row was committed."""

    name: str
    ts_ms: int
    lsn: int | None = None
    snapshot: str | bool | None = None
    table: str | None = None


class Change(msgspec.Struct, gc=False):
    """A change event without schema. `ts_ms` is when Debezium captured it."""

    op: str
    source: SourceBlock
    after: Row | None = None
    ts_ms: int = 0


class ChangeError(ValueError):
    """A record that is no change event of `Messages`; it goes to the dead-letter topic byte for byte.

    Args:
        code: `empty` (null or a tombstone), `not_json`, `not_change` (another shape), `foreign_table`, `no_row`.
        detail: printable ASCII without commas, fit for a record header; never a value of the record.
    """

    def __init__(self, code: str, detail: str) -> None:
        detail = _NOT_ASCII.sub(" ", detail)
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


# Debezium's truncation counts UTF-16 units and can cut an emoji in two, which leaves an escaped lone surrogate.
# msgspec (0.22) refuses the whole record then; so the half is taken out and the record is read again.
_HALF = re.compile(rb"(\\+)u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})")

_strict = msgspec.json.Decoder(Change)
# MariaDB's TINYINT(1) arrives as 0/1 where the connector's boolean converter is missing. Only a second try is lax,
# because a lax decoder would also take the text "7" for the number of a ticket.
_lax = msgspec.json.Decoder(Change, strict=False)


def decode(value: bytes | None) -> Change:
    """Decode the value of a record of the topic `messages`.

    Any operation is accepted (`c`, `u`, `d`, `m`, ...): which one matters is the caller's rule. A created row
    always has its `after`.

    Raises:
        ChangeError: it cannot be read, or is not ours.
    """
    if not value:
        code = "empty"
        raise ChangeError(code, "the record has no value")
    try:
        change = _strict.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        change = _decode_again(value)
    if change.after is None and change.op in {"c", "r"}:
        code = "no_row"
        raise ChangeError(code, "a created row without its columns")
    if change.source.table != TABLE and change.source.table:
        code = "foreign_table"
        raise ChangeError(code, "the row is not of the table Messages")
    return change


def _without_half(found: "re.Match[bytes]") -> bytes:
    """Drop an escape; what an even number of backslashes precedes is text that looks like one."""
    slashes = found.group(1)
    return slashes[:-1] if len(slashes) % 2 else found.group(0)


def _decode_again(value: bytes) -> Change:
    try:
        return _lax.decode(_HALF.sub(_without_half, value))
    except msgspec.ValidationError as error:
        code = "not_change"
        raise ChangeError(code, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        code = "not_json"
        raise ChangeError(code, str(error)) from None


def created_ms(row: Row, offset_ms: int = 0) -> int:
    """Return when the row was created, in UTC.

    Args:
        row: its `created_at` is a datetime, or integer microseconds of a zone-less wall clock as if that were UTC.
        offset_ms: what the source's clock lacks to UTC: +3 h for a source that writes -03:00 without a zone.
    """
    created = row.created_at
    if isinstance(created, int):
        return created // 1_000 + offset_ms
    if created.tzinfo is None:
        created = created.replace(tzinfo=UTC)
    return (created - _EPOCH) // _MILLISECOND + offset_ms

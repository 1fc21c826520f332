"""Debezium's change events of `Messages`, decoded by msgspec. One row type for every flavour's captured columns."""

from datetime import datetime

import msgspec


class Row(msgspec.Struct, rename={"ticket_id": "ticketId", "company_id": "companyId", "tenant_id": "tenantId",
                                  "contact_id": "contactId", "from_me": "fromMe", "media_type": "mediaType",
                                  "is_deleted": "isDeleted", "created_at": "createdAt", "remote_jid": "remoteJid",
                                  "message_id": "messageId", "send_type": "sendType",
                                  "schedule_date": "scheduleDate"}):  # fmt: skip
    """The captured columns of any flavour; what a flavour lacks stays at its default.

    `body` is raw JSON: truncation can split a surrogate pair, which no strict decoder reads (see `text_start`).
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
    body: msgspec.Raw = msgspec.Raw(b'""')


class SourceBlock(msgspec.Struct):
    """Debezium's `source`: which connector, when the row was committed."""

    name: str
    ts_ms: int
    lsn: int | None = None
    snapshot: str | bool | None = None
    table: str | None = None


class Change(msgspec.Struct):
    """A change event without schema. `ts_ms` is when Debezium captured it."""

    op: str
    source: SourceBlock
    after: Row | None = None
    ts_ms: int = 0

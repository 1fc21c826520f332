"""A coalescer on a virtual clock: real rows of Debezium's form in, decoded records out, no broker."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from consumers.coalescer.app import CoalescerApp
from consumers.runtime.api import Due, Effect, Emit, Headers, Record
from schemas.codec import decoder
from schemas.config import AgentConfig, Parameters, Snapshot, SourceConfig, StaticConfig, TenantConfig
from schemas.reasons import Mode
from schemas.records import Alert, AlertsRecord, Outcome, Window
from schemas.topics import Cell

START = 1_795_000_000_000
CELL = Cell("test")

_alerts: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(AlertsRecord)
_outcomes = decoder(Outcome)


def value(
    waid: str,
    ticket: int,
    created_ms: int,
    *,
    ts_ms: int | None = None,
    source: str = "wpp",
    op: str = "c",
    **columns: Any,
) -> bytes:
    """Return the value of a change event as Debezium writes it for ticketz; `columns` override the row's."""
    ts_ms = created_ms if ts_ms is None else ts_ms
    created = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=created_ms)
    after = {
        "id": waid,
        "ticketId": ticket,
        "companyId": 1,
        "contactId": 23,
        "fromMe": False,
        "read": False,
        "ack": 0,
        "mediaType": None,
        "isDeleted": False,
        "createdAt": created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "body": "Bom dia",
        "remoteJid": "5",
        **columns,
    }
    block = {
        "version": "3.6.3.Final",
        "connector": "postgresql",
        "name": source,
        "ts_ms": ts_ms,
        "snapshot": None,
        "db": "ticketz",
        "schema": "public",
        "table": "Messages",
        "lsn": 132245360,
    }
    change = {"before": None, "after": after, "source": block, "transaction": None, "op": op, "ts_ms": ts_ms + 10}
    return json.dumps(change, ensure_ascii=False).encode()


HUMAN: dict[str, Any] = {"fromMe": True, "ack": 2, "read": True, "contactId": None}
UNDECIDED: dict[str, Any] = {"fromMe": True, "ack": 1, "read": True, "contactId": None}
BOT: dict[str, Any] = {**UNDECIDED, "body": "\u200eNossa equipe já"}
PEOPLE: dict[str, dict[str, Any]] = {"customer": {}, "human": HUMAN, "undecided": UNDECIDED, "bot": BOT}


class EncodedStore:
    """A store that keeps only bytes, as after a crash: whatever was not put is lost."""

    def __init__(self, app: CoalescerApp) -> None:
        self.app = app
        self.data: dict[str, bytes] = {}

    def get(self, key: str) -> Window | None:
        raw = self.data.get(key)
        return None if raw is None else self.app.decode(key, raw)

    def put(self, key: str, window: Window) -> None:
        self.data[key] = self.app.encode(window)

    def delete(self, key: str) -> None:
        self.data.pop(key, None)

    def keys(self) -> list[str]:
        return list(self.data)


@dataclass
class Bench:
    """One partition of a coalescer. Time moves only by `advance`; timers run only by `tick`."""

    parameters: Parameters = field(default_factory=Parameters)
    tenant: TenantConfig = field(default_factory=lambda: TenantConfig(tenant="wpp/1", mode=Mode.ON))
    sources: tuple[SourceConfig, ...] = (SourceConfig("wpp", "ticketz"),)
    agents: tuple[AgentConfig, ...] = ()
    now: int = START
    offset: int = -1

    def __post_init__(self) -> None:
        self.app = CoalescerApp(CELL, lambda: self.config, "0.0.1")
        self.store = EncodedStore(self.app)
        self.configure()
        self.restart()

    def configure(self, **changes: Any) -> None:
        """Swap the settings; `changes` are of the tenant or the machine's parameters."""
        of_machine = {k: v for k, v in changes.items() if k in Parameters.__struct_fields__}
        of_tenant = {k: v for k, v in changes.items() if k not in of_machine}
        self.parameters = msgspec.structs.replace(self.parameters, **of_machine)
        self.tenant = msgspec.structs.replace(self.tenant, machine=self.parameters, **of_tenant)
        snapshot = Snapshot(
            version=7, enabled=True, sources=self.sources, tenants=(self.tenant,), agents=self.agents
        )
        self.config = StaticConfig(snapshot)

    def restart(self) -> None:
        """Lose all memory but the sealed state."""
        self.processor = self.app.processor(3, 12)
        assert list(self.processor.restored(self.store, self.now)) == []

    def advance(self, by_ms: int) -> None:
        self.now += by_ms

    def put(self, raw: bytes | None, headers: Headers | None = None) -> list[Any]:
        """Give the processor one record and return the decoded records that it emits."""
        self.offset += 1
        record = Record(CELL.messages, 3, self.offset, self.now, b'{"ticketId":1}', raw, headers or [])
        return decoded(self.processor.handle(record, self.store, self.now))

    def row(self, waid: str, ticket: int = 1, *, person: str = "customer", **more: Any) -> list[Any]:
        """Put a row that is created now (unless told otherwise by `created_ms`, `ts_ms`, `headers`)."""
        headers = more.pop("headers", None)
        created_ms = more.pop("created_ms", self.now)
        return self.put(value(waid, ticket, created_ms, **{**PEOPLE[person], **more}), headers)

    def tick(self) -> list[Any]:
        """Run all timers that are due, as the runtime does after each batch, and return what they emit."""
        out: list[Any] = []
        while True:
            due = sorted(
                (at, key) for key, raw in self.store.data.items() if (at := peek(self.app, key, raw)) <= self.now
            )
            if not due:
                return out
            for _, key in due:
                out += decoded(self.processor.handle(Due(key), self.store, self.now))

    def pass_time(self, by_ms: int) -> list[Any]:
        """Advance and run the timers."""
        self.advance(by_ms)
        return self.tick()

    def window(self, ticket: int = 1) -> Window | None:
        return self.store.get(f"wpp/{ticket}")


def peek(app: CoalescerApp, key: str, raw: bytes) -> int:
    due_ms = app.peek_due_ms(key, raw)
    assert due_ms is not None
    return due_ms


def decoded(effects: "list[Effect] | tuple[Effect, ...] | Any") -> list[Any]:
    out: list[Any] = []
    for effect in effects:
        assert isinstance(effect, Emit)
        assert effect.value is not None
        if effect.topic == CELL.alerts:
            record = _alerts.decode(effect.value)
            assert effect.key == record.lane.encode()
        else:
            assert effect.topic == CELL.outcomes
            record = _outcomes.decode(effect.value)
            assert effect.key == f"{record.tenant}/{record.ticket_id}".encode()
        assert effect.partition is None
        out.append(record)
    return out


def brief(records: list[Any]) -> list[tuple[Any, ...]]:
    """Return what a reader wants to compare: what happened to which messages."""
    out: list[tuple[Any, ...]] = []
    for r in records:
        if isinstance(r, Alert):
            out.append((r.reason, ids(item.message_ref for item in r.items)))
        elif isinstance(r, Outcome):
            out.append((r.reason, ids(r.message_refs)))
        else:
            out.append((type(r).__name__,))
    return out


def ids(refs: Any) -> str:
    return " ".join(ref.split("/", 2)[2] for ref in refs)

"""A small cell at rest, written by hand: what its topics, database and phones hold. Tests damage a copy of it."""

import json
from typing import Any

from deploy.demo.verifier.evidence import Evidence, MessageRow, PhoneLine, Seen
from schemas.codec import encode
from schemas.records import Alert, Item, OutboxEntry, Outcome, Window

ANA, BRUNO = "vps1/1/2", "vps1/1/3"
TOLD, QUEUE, READ, GROUP, BLANK, COPY, OWN = ("vps1/1/A", "vps1/2/B", "vps1/3/C", "vps1/4/D", "vps1/1/E",
                                             "vps1/1/F-1", "vps1/1/G")  # fmt: skip
NOTICE_1, NOTICE_2, NOTICE_3 = "1" * 32, "2" * 32, "3" * 32


def row(ref: str, **changed: Any) -> MessageRow:
    """A customer's row of company 1."""
    source, ticket, row_id = ref.split("/")
    values: dict[str, Any] = {
        "company_id": 1,
        "from_me": False,
        "has_jid": True,
        "media_type": None,
        "text_start": "oi",
    }
    return MessageRow(source, int(ticket), row_id, **(values | changed))


ROWS = [
    row(TOLD),
    row(QUEUE),
    row(READ),
    row(GROUP),
    row(BLANK, media_type="reactionMessage"),
    row(COPY),
    row(OWN, from_me=True),
]


def change(of: MessageRow) -> bytes:
    """The captured insert of a row."""
    after = {
        "id": of.row_id,
        "ticketId": of.ticket_id,
        "companyId": of.company_id,
        "fromMe": of.from_me,
        "remoteJid": "5" if of.has_jid else None,
        "mediaType": of.media_type,
        "body": of.text_start,
    }
    return json.dumps({"op": "c", "source": {"name": of.source}, "after": after}).encode()


def item(ref: str) -> Item:
    """An item of an alert."""
    return Item(ref, ref.split("/", 2)[2], 1, 1_000, 1_200)


def alert(alert_id: str, *refs: str, **changed: Any) -> Alert:
    """An alert of the coalescer."""
    values: dict[str, Any] = {
        "lane": "vps1/1", "source": "vps1", "ticket_id": int(refs[0].split("/")[1]), "company_id": 1, "alert_no": 1,
        "reason": "lead", "items": [item(ref) for ref in refs],
    }  # fmt: skip
    return Alert(alert_id=alert_id, **(values | changed))


def outcome(kind: Any, ref: str, agent: str | None, alert_id: str = "a1", **changed: Any) -> Outcome:
    """An outcome of one message; a sent one has all its times."""
    times = {"created_ms": 1_000, "captured_ms": 1_100, "admitted_ms": 1_200, "fired_ms": 4_200,
             "resolved_ms": 4_250, "marked_ms": 4_300} if kind == "sent" else {}  # fmt: skip
    values: dict[str, Any] = {"tenant": "vps1/1", "source": "vps1", "ticket_id": 1, "at_ms": 4_400,
                              "message_refs": [ref], "alert_ids": [alert_id], **times}  # fmt: skip
    return Outcome(outcome_id=f"{kind}-{ref}-{agent}", kind=kind, agent=agent, **(values | changed))


def entry(ref: str, phase: Any, hop: int = 0) -> OutboxEntry:
    """An outbox entry."""
    return OutboxEntry(phase=phase, due_ms=0, source="vps1", ticket_id=1, company_id=1, items=[item(ref)], hop=hop)


def window(*refs: str) -> Window:
    """A ticket's window that holds messages."""
    return Window(phase="GATHERING", due_ms=0, pending=[item(ref) for ref in refs])


OUTCOMES = [
    outcome("assigned", TOLD, ANA, "a1"),
    outcome("sent", TOLD, ANA, "a1", notification_id=NOTICE_1),
    outcome("assigned", QUEUE, ANA, "a2"),
    outcome("assigned", QUEUE, BRUNO, "a2"),
    outcome("sent", QUEUE, ANA, "a2", notification_id=NOTICE_2, at_ms=4_600),
    outcome("sent", QUEUE, BRUNO, "a2", notification_id=NOTICE_3),
    outcome("assigned", READ, ANA, "a3"),
    outcome("suppressed", READ, ANA, "a3", reason="read"),
    outcome("suppressed", GROUP, None, "a4", reason="group"),
]


def topic(*values: Any) -> list[Seen]:
    """A topic of one partition that holds these records."""
    return [
        Seen(0, offset, b"k", value if isinstance(value, bytes) else encode(value))
        for offset, value in enumerate(values)
    ]


def state(**values: Any) -> list[Seen]:
    """A changelog; `__` in a name stands for `/`."""
    named = ((name.replace("__", "/"), value) for name, value in values.items())
    return [Seen(0, offset, key.encode(), encode(value)) for offset, (key, value) in enumerate(named)]


def at_rest() -> Evidence:
    """All is accounted for: three notices, one message read in time, one of a group."""
    return Evidence(
        rows=list(ROWS),
        messages=topic(*map(change, ROWS)),
        alerts=topic(alert("a1", TOLD), alert("a2", QUEUE), alert("a3", READ), alert("a4", GROUP)),
        outcomes=topic(*OUTCOMES),
        phones=[PhoneLine("551", NOTICE_1), PhoneLine("551", NOTICE_2), PhoneLine("552", f"{NOTICE_3}.1")],
    )

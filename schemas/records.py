"""The records on our topics and in our changelogs. JSON by msgspec; times are epoch milliseconds.

Every record carries `v`, the major version of its format. A release reads N and N+1 before any release
writes N+1; fields may be added without a new version, because readers ignore what they do not know.
No record holds a message text, a full phone number or a name (but `Sending.body`, the bytes in flight).
"""

from typing import Literal

import msgspec

FORMAT = 1

WINDOW_FORMAT = 2
"""Of the coalescer's state. 1 kept the ids already seen as pairs; no release that wrote it was ever installed."""


class Record(msgspec.Struct, kw_only=True, omit_defaults=False):
    """Base of all records."""

    v: int = FORMAT


class Item(msgspec.Struct, frozen=True, gc=False):
    """One admitted customer message, without its text.

    `kind` is the normalised media type: text, image, video, audio, document, sticker, location, contact, other.
    `row_id` is the primary key value of the row in the source (the WhatsApp id in most flavours).
    """

    message_ref: str
    row_id: str
    seq: int
    created_ms: int
    admitted_ms: int
    kind: str = "text"


class Origin(msgspec.Struct, frozen=True):
    """Coordinates of the input record that caused this one."""

    topic: str
    partition: int
    offset: int
    ts_ms: int = 0


# ── topic `alerts` ────────────────────────────────────────────────────────────────────────────────────────


class Alert(Record, tag_field="type", tag="alert"):
    """A ticket's burst, to be told to whoever is responsible. Also the canonical single-recipient DLQ record."""

    alert_id: str
    lane: str
    source: str
    ticket_id: int
    company_id: int | None
    alert_no: int
    reason: Literal["lead", "summary"]
    items: list[Item]
    omitted: int = 0
    first_ms: int = 0
    fired_ms: int = 0
    captured_ms: int = 0
    level: int = 0
    config_version: int = 0
    origin: Origin | None = None
    redrive_of: str | None = None
    agent: str | None = None
    hop: int = 0
    told_to: list[str] = []
    attempts: int = 0
    forwards: int = 0
    new_number: bool = False


class Retraction(Record, tag_field="type", tag="retraction"):
    """A person answered: what waits for this ticket up to `up_to_seq` need not be told."""

    lane: str
    source: str
    ticket_id: int
    up_to_seq: int
    reaction_ref: str
    created_ms: int


class Receipt(Record, tag_field="type", tag="receipt"):
    """A provider's status of an attempt. `rank`: 1 server, 2 delivered, 3 read, -1 failed.

    `kind` is a `schemas.reasons.Rejection` when the status is a failure that the adapter could classify.
    """

    lane: str
    channel_id: str
    notification_id: str | None
    provider_message_id: str
    rank: int
    status: str
    code: str | None = None
    at_ms: int = 0
    kind: str | None = None


class Command(Record, tag_field="type", tag="command"):
    """A word that an agent wrote from the phone; `contact` is a hash of the number, "" when it is not known.

    `args` is the beginning of what followed the word; the whole is in the live row of `message_ref`.
    """

    lane: str
    source: str
    contact: str
    word: str
    args: str = ""
    at_ms: int = 0
    agent: str | None = None
    message_ref: str = ""


class Scope(msgspec.Struct, frozen=True):
    """What a control acts on; None means any."""

    tenant: str | None = None
    agent: str | None = None
    channel: str | None = None
    ticket: str | None = None


class Control(Record, tag_field="type", tag="control"):
    """An operator's action on the sender's state."""

    lane: str
    action: Literal["pause", "resume", "probe", "purge", "config", "erase"]
    scope: Scope
    by: str
    at_ms: int


AlertsRecord = Alert | Retraction | Receipt | Command | Control

# ── topic `outcomes` ──────────────────────────────────────────────────────────────────────────────────────

BIRTHS = ("assigned", "moved", "revived", "bounced")
ENDS = ("sent", "suppressed", "dead", "moved")


class HoldInfo(msgspec.Struct, frozen=True):
    """Why and until when something waits."""

    reason: str
    from_ms: int
    until_ms: int


class Rejected(msgspec.Struct, frozen=True):
    """An agent who was considered and not told."""

    agent: str
    reason: str


class Outcome(Record):
    """What became of messages. assigned, moved, revived, bounced are births; sent, suppressed, dead, moved ends.

    An outcome with `agent` None ends its messages agentless. `moved` ends the obligation of `agent` at `hop` and
    is the birth of one obligation for each of `to` at `to_hop`, which is `hop + 1` when None (another hop where an
    agent gets the alert for a second time). `revived` and `bounced` are births at `hop`.
    held, attempt and receipt are information only.
    """

    outcome_id: str
    kind: Literal[
        "assigned", "moved", "revived", "bounced", "sent", "suppressed", "dead", "held", "attempt", "receipt"
    ]
    tenant: str
    source: str
    ticket_id: int
    at_ms: int
    reason: str | None = None
    agent: str | None = None
    message_refs: list[str] = []
    hop: int = 0
    to: list[str] = []
    to_hop: int | None = None
    alert_ids: list[str] = []
    notification_id: str | None = None
    attempt: int = 0
    channel_id: str | None = None
    provider: str | None = None
    provider_message_id: str | None = None
    http: int | None = None
    code: str | None = None
    latency_ms: int | None = None
    address_hash: str | None = None
    text_hash: str | None = None
    text_len: int | None = None
    template_id: str | None = None
    hold: HoldInfo | None = None
    rejected: list[Rejected] = []
    flags: list[Literal["unchecked", "maybe_duplicate", "maybe_sent", "shadow"]] = []
    config_version: int = 0
    app_version: str = ""
    created_ms: int | None = None
    captured_ms: int | None = None
    admitted_ms: int | None = None
    fired_ms: int | None = None
    resolved_ms: int | None = None
    marked_ms: int | None = None
    origin: Origin | None = None


# ── state values ──────────────────────────────────────────────────────────────────────────────────────────


class Meta(Record):
    """Value of `__meta__` in each changelog partition."""

    app: str
    format: int
    partitions: int
    initialised_ms: int
    written_by: str


class Window(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="v", tag=WINDOW_FORMAT):
    """What the coalescer holds for a ticket. What is as in a new window is not written.

    `seen` holds the rows admitted lately, packed by `consumers.coalescer.seen`, the oldest at `seen_from_ms`.
    `first_ms`, `captured_ms` and `first_offset` are those of the oldest pending item; the open window began at
    `opened_ms` with the length of `opened_level`.
    """

    phase: Literal["SETTLING", "GATHERING", "STUB"]
    due_ms: int
    first_ms: int = 0
    last_customer_ms: int = 0
    last_ts_ms: int = 0
    last_alert_ms: int = 0
    window_end_ms: int = 0
    seq: int = 0
    alert_no: int = 0
    level: int = 0
    alerts_out: int = 0
    cap_hour_ms: int = 0
    cap_count: int = 0
    horizon_ms: int = 0
    omitted: int = 0
    company_id: int | None = None
    captured_ms: int = 0
    first_offset: int = -1
    opened_ms: int = 0
    opened_level: int = 0
    pending: list[Item] = []
    seen_from_ms: int = 0
    seen: bytearray = msgspec.field(default_factory=bytearray)


class Template(msgspec.Struct, frozen=True):
    """What opens a conversation where free text may not: an approved template's parameters."""

    parameters: list[str]
    name: str = ""
    language: str = "pt_BR"
    url_suffix: str | None = None


class Sending(msgspec.Struct):
    """An attempt in flight. `body` and `opening` are what was rendered: the only text that state ever holds."""

    notification_id: str
    attempt: int
    alert_ids: list[str]
    channel_id: str
    body: str
    address: str
    address_hash: str
    started_ms: int
    deadline_ms: int
    resends: int = 0
    unknown_until_ms: int | None = None
    template_id: str = ""
    flags: list[str] = []
    opening: Template | None = None


class Reached(msgspec.Struct):
    """What is known of an agent's number, by its hash; of another number nothing is.

    `form` is the way of writing it that providers take: `other` with or without the 9th digit where the stored one
    was refused. `refusals` counts those in a row that were for good, of both ways. `unreported`: the recado
    database has not confirmed the suspension, of which it was last told at `reported_ms`.
    """

    number_hash: str
    form: Literal["stored", "other"] = "stored"
    tried_other: bool = False
    refusals: int = 0
    code: str = ""
    suspended_ms: int = 0
    unreported: bool = False
    reported_ms: int = 0


class Header(Record):
    """An agent's outbox, key `o/source/company/user`.

    `technical_since_ms` is when the present stretch of technical holds began (0: none), for their expiry;
    `as_template` that the next text must be one that may open a conversation, `template_until_ms` that all are for
    a while. `quiet_since_ms` is since when quiet hours held what waits, also when something else holds it later.
    `due_ms` is the one timer of the agent: the entries HELD, SENDING and UNKNOWN have none of their own.
    """

    send_no: int = 0
    retry_at_ms: int = 0
    hold_reason: str | None = None
    hold_since_ms: int = 0
    cap_hour_ms: int = 0
    cap_count: int = 0
    pair_next_ms: int = 0
    last_sent_ms: int = 0
    retracted: dict[str, int] = {}
    sending: Sending | None = None
    technical_since_ms: int = 0
    as_template: bool = False
    due_ms: int | None = None
    template_until_ms: int = 0
    reached: Reached | None = None
    quiet_since_ms: int = 0


class DeadInfo(msgspec.Struct, frozen=True):
    """Why an entry is dead, since when."""

    code: str
    at_ms: int


class OutboxEntry(Record):
    """One alert for one agent (`e/source/company/user/alert_id`), or not yet resolved (`u/alert_id`).

    `due_ms` of a HELD entry is the time before which it does not make its agent's outbox leave. `top_hop` is the
    highest hop known of the alert, so that an agent who gets it back gets it at a hop of its own. `flags` holds
    `maybe_duplicate` once an attempt of unknown outcome carried it; `address_hash`, when set, is the only number
    that a redriven entry may go to. `channel_id` is set once SENT; `unheard` when no receipt came in time.
    """

    phase: Literal["UNRESOLVED", "HELD", "SENDING", "UNKNOWN", "SENT", "DEAD"]
    due_ms: int
    source: str
    ticket_id: int
    company_id: int | None
    items: list[Item]
    omitted: int = 0
    hop: int = 0
    attempts: int = 0
    told_to: list[str] = []
    reason: Literal["lead", "summary"] = "lead"
    lane: str = ""
    alert_no: int = 0
    first_ms: int = 0
    fired_ms: int = 0
    captured_ms: int = 0
    received_ms: int = 0
    resolved_ms: int = 0
    unresolved_tries: int = 0
    bot_since_ms: int | None = None
    hold_since_ms: int = 0
    notification_id: str | None = None
    provider_message_id: str | None = None
    moved_from: str | None = None
    via_queue: str | None = None
    forced: bool = False
    dead: DeadInfo | None = None
    origin: Origin | None = None
    level: int = 0
    top_hop: int = 0
    informed: int = 1
    flags: list[Literal["maybe_duplicate"]] = []
    address_hash: str | None = None
    receipt_rank: int = 0
    channel_id: str | None = None
    unheard: bool = False
    first_failed_ms: int = 0
    replays: int = 0


class Channel(Record):
    """A channel's durable state, key `c/channel_id`.

    `unheard` counts the notices accepted of which no receipt came in time, since the last one that did (RCD-309).

    `restricted_until_ms`: until then nobody is told who was not told through it before (RCD-303).

    `blamed_later`: what opened the breaker was a receipt, of something that had been accepted. So what is accepted
    proves nothing by itself: until `proof_ms` its receipt may say otherwise.
    """

    breaker: Literal["closed", "open", "half"] = "closed"
    opened_ms: int = 0
    failures: int = 0
    probe_ms: int = 0
    hour_count: int = 0
    reason: str | None = None
    throttled_until_ms: int = 0
    due_ms: int | None = None
    unheard: int = 0
    unheard_since_ms: int = 0
    restricted_until_ms: int = 0
    restricted_count: int = 0
    restricted_at_ms: int = 0
    blamed_later: bool = False
    proof_ms: int = 0


class Paused(Record):
    """An operator's pause, key `p/<kind>/<id>` with kind `lane`, `tenant`, `agent` or `channel`."""

    by: str
    since_ms: int
    due_ms: int | None = None


class Echo(msgspec.Struct):
    """When an agent was last told of a ticket, and how often in a row the answer came like an echo of that."""

    told_ms: int
    rounds: int = 0
    silent_until_ms: int = 0


class Known(Record):
    """Alerts that were taken in for a ticket (64-bit hashes), key `k/source/ticket`: a repeated one is dropped.

    `echoes` (by agent) is the loop guard's memory.
    """

    alerts: list[int]
    due_ms: int
    echoes: dict[str, Echo] = {}

"""What the verifier looks at: plain values, so that the laws are a pure function that tests feed by hand."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from schemas.identity import message_ref

SHOWN = 16
"""As much of a body as the pipeline sees."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as it lies in a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Fork:
    """What tells the forks of Whaticket apart, read off a source's own tables; the default is ticketz.

    `jids`: each message carries the address it was sent to, and a copy of a quoted one lacks it or is named after
    its ticket. `companies`: `row` where each message names its company, `ticket` where only tickets do, `none`.
    """

    jids: bool = True
    companies: Literal["row", "ticket", "none"] = "row"

    def company(self, said: int | None) -> int | None:
        """Return the company of a row that says `said`: 0 where the fork has none, None where it is not known."""
        return 0 if said is None and self.companies == "none" else said


TICKETZ = Fork()


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A row of `Messages`, as far as the question "is this a customer's message?" needs it."""

    source: str
    ticket_id: int
    row_id: str
    company_id: int | None
    from_me: bool
    has_jid: bool
    media_type: str | None
    text_start: str
    fork: Fork = TICKETZ

    @property
    def copied(self) -> bool:
        """Whether this is a copy of a quoted message, in forks that make such copies."""
        return self.fork.jids and (not self.has_jid or self.row_id.endswith(f"-{self.ticket_id}"))

    @property
    def ref(self) -> str:
        """The message's reference, `source/ticket/id`."""
        return message_ref(self.source, self.ticket_id, self.row_id)

    @property
    def tenant(self) -> str:
        """The tenant, `source/company`."""
        return f"{self.source}/{'?' if self.company_id is None else self.company_id}"


@dataclass(frozen=True, slots=True)
class PhoneLine:
    """One text as a phone saw it. `attempt_id` begins with the notification's id."""

    phone: str
    attempt_id: str
    text: str = ""
    at_ms: int = 0


@dataclass(slots=True)
class Evidence:
    """Everything that is known of a cell.

    Topics hold what read_committed shows, in offset order. `read_to` are the committed positions of the consumer
    groups, by partition: what lies behind them is not lost but not read yet; None means that all was read.
    `forks`: by source, those not named are ticketz. `phones` None: nobody kept a ledger.
    `alerts_complete`: retention has not yet taken the first alerts.
    """

    rows: list[MessageRow] = field(default_factory=list)
    messages: list[Seen] = field(default_factory=list)
    alerts: list[Seen] = field(default_factory=list)
    outcomes: list[Seen] = field(default_factory=list)
    coalescer_changelog: list[Seen] = field(default_factory=list)
    sender_changelog: list[Seen] = field(default_factory=list)
    dlq: list[Seen] = field(default_factory=list)
    cdc_dlq: list[Seen] = field(default_factory=list)
    phones: list[PhoneLine] | None = None
    messages_read_to: Mapping[int, int] | None = None
    alerts_read_to: Mapping[int, int] | None = None
    alerts_complete: bool = True
    forks: Mapping[str, Fork] = field(default_factory=dict)


def latest(changelog: Iterable[Seen]) -> dict[str, bytes]:
    """Return the state that a changelog holds: the last value of each key, without deleted ones and `__meta__`."""
    state: dict[str, bytes] = {}
    for record in changelog:
        key = (record.key or b"").decode()
        if record.value is None:
            state.pop(key, None)
        elif key != "__meta__":
            state[key] = record.value
    return state


def created_row(record: Seen, forks: Mapping[str, Fork] = MappingProxyType({})) -> MessageRow | None:
    """Return the row of a captured insert, None for any other record. Sources not named in `forks` are ticketz.

    The standard library's codec is used on purpose: it reads bodies whose last emoji was cut in two, and shares no
    code with the pipeline.
    """
    try:
        change = json.loads(record.value or b"null")
    except ValueError:
        return None
    if not isinstance(change, dict) or change.get("op") != "c" or not isinstance(change.get("after"), dict):
        return None
    after: dict[str, Any] = change["after"]
    try:
        source = change["source"]["name"]
        fork = forks.get(source, TICKETZ)
        return MessageRow(
            source=source,
            ticket_id=after["ticketId"],
            row_id=after["id"],
            company_id=fork.company(after.get("companyId")),
            from_me=bool(after["fromMe"]),
            has_jid=after.get("remoteJid") is not None,
            media_type=after.get("mediaType"),
            text_start=str(after.get("body") or "")[:SHOWN],
            fork=fork,
        )
    except (KeyError, TypeError):
        return None


def phone_line(line: Mapping[str, Any]) -> PhoneLine:
    """Read a line of the sandbox's ledger: `at_ms`, `phone`, `body`, `attempt_id`."""
    return PhoneLine(line["phone"], line["attempt_id"], line.get("body", ""), line.get("at_ms", 0))

"""The four laws of conservation, checked from evidence alone. Pure.

L1  an obligation (message, agent, hop) has one birth and at most one end.
L2  an admitted message ends agentless once, or has obligations, or visibly waits in one window or unresolved alert.
L3  at most one `sent` for a message and an agent, except after `bounced`; and the phone saw each notice once.
L4  obligations without an end are exactly the entries alive in the sender's state.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from deploy.demo.verifier.evidence import Evidence, MessageRow, Seen, created_row, latest
from deploy.demo.verifier.verdict import Finding, Tally, Verdict
from schemas.codec import decoder
from schemas.records import Alert, AlertsRecord, Header, OutboxEntry, Outcome, Window

LRM = "\u200e"
NOT_MESSAGES = frozenset({"reactionMessage", "call_log"})
ALIVE = frozenset({"HELD", "SENDING", "UNKNOWN"})

_outcome = decoder(Outcome)
_alerts_record = msgspec.json.Decoder(AlertsRecord)
_window = decoder(Window)
_entry = decoder(OutboxEntry)
_header = decoder(Header)
_attempt = re.compile(r"[0-9a-f]{32}")


class Obligation(NamedTuple):
    """The duty to tell an agent of a message."""

    ref: str
    agent: str
    hop: int

    def __str__(self) -> str:
        return f"{self.ref} for {self.agent} (hop {self.hop})"


def is_customer_message(row: MessageRow, marker: str) -> bool:
    """Tell, by ticketz's rules, whether a created row is a customer's message that has to be accounted for."""
    if row.from_me or not row.has_jid or row.row_id.endswith(f"-{row.ticket_id}"):
        return False
    return row.media_type not in NOT_MESSAGES and not row.text_start.startswith((LRM, marker))


class _Books:
    """Everything that the topics say, indexed by message, by obligation and by notice."""

    def __init__(self, evidence: Evidence) -> None:
        self.outcomes = [_outcome.decode(record.value or b"") for record in evidence.outcomes]
        self.alerts = _alerts(evidence.alerts)
        self.births: Counter[Obligation] = Counter()
        self.ends: dict[Obligation, list[Outcome]] = defaultdict(list)
        self.agentless: dict[str, list[Outcome]] = defaultdict(list)
        self.bounced: Counter[tuple[str, str]] = Counter()
        self.by_notice: dict[str, list[Outcome]] = defaultdict(list)
        self.waiting: dict[str, list[str]] = defaultdict(list)
        self.alive: Counter[Obligation] = Counter()
        self.in_flight: set[str] = set()
        self._read_outcomes()
        self._read_windows(evidence)
        self._read_outboxes(evidence)
        self._read_unread_alerts(evidence)

    def obligations(self) -> set[Obligation]:
        return {*self.births, *self.ends, *self.alive}

    def accounted(self) -> set[str]:
        return {*self.agentless, *self.waiting, *(o.ref for o in self.obligations())}

    def _read_outcomes(self) -> None:
        for outcome in self.outcomes:
            if outcome.notification_id:
                self.by_notice[outcome.notification_id].append(outcome)
            for ref in outcome.message_refs:
                self._book(ref, outcome)

    def _book(self, ref: str, outcome: Outcome) -> None:
        if outcome.agent is None:
            if outcome.kind in {"suppressed", "dead"}:
                self.agentless[ref].append(outcome)
            return
        mine = Obligation(ref, outcome.agent, outcome.hop)
        if outcome.kind in {"assigned", "revived", "bounced"}:
            self.births[mine] += 1
        if outcome.kind in {"sent", "suppressed", "dead", "moved"}:
            self.ends[mine].append(outcome)
        if outcome.kind == "bounced":
            self.bounced[ref, outcome.agent] += 1
        if outcome.kind == "moved":
            for agent in outcome.to:
                self.births[Obligation(ref, agent, outcome.hop + 1)] += 1

    def _read_windows(self, evidence: Evidence) -> None:
        for key, value in latest(evidence.coalescer_changelog).items():
            for item in _window.decode(value).pending:
                self.waiting[item.message_ref].append(f"window {key}")

    def _read_outboxes(self, evidence: Evidence) -> None:
        for key, value in latest(evidence.sender_changelog).items():
            if key.startswith("u/"):
                for item in _entry.decode(value).items:
                    self.waiting[item.message_ref].append(f"unresolved {key}")
            elif key.startswith("e/"):
                entry = _entry.decode(value)
                agent = key[2:].rpartition("/")[0]
                if entry.phase in ALIVE:
                    self.alive.update(Obligation(item.message_ref, agent, entry.hop) for item in entry.items)
            elif key.startswith("o/"):
                sending = _header.decode(value).sending
                if sending is not None:
                    self.in_flight.add(sending.notification_id)

    def _read_unread_alerts(self, evidence: Evidence) -> None:
        if evidence.alerts_read_to is None:
            return
        for record, alert in self.alerts:
            if record.offset >= evidence.alerts_read_to.get(record.partition, 0) and alert.redrive_of is None:
                for item in alert.items:
                    self.waiting[item.message_ref].append(f"alert {record.partition}:{record.offset}")


def check(evidence: Evidence, marker: str = "[Whaticket]", tenants: frozenset[str] | None = None) -> Verdict:
    """Check the four laws.

    Args:
        evidence: topics, rows and what the phones saw.
        marker: first token of our own texts; a customer's row that carries it is none.
        tenants: those whose mode is not `off`; None: all.
    """
    books = _Books(evidence)
    customers, unread = _customers(evidence, marker, tenants)
    tally = Tally(admitted=len(customers | books.accounted()))
    findings = [
        *_unaccounted(evidence, books, customers, unread),
        *_one_birth_one_end(books),
        *_agentless_or_owed(books),
        *_sent_once(books),
        *_alive(books),
        *_dead_letters(evidence, books),
        *_phones(evidence, books),
    ]
    _count(tally, books)
    tally.pending += len(unread - books.accounted())
    return Verdict.of(tally, findings, books.outcomes)


def _alerts(records: list[Seen]) -> list[tuple[Seen, Alert]]:
    decoded = ((record, _alerts_record.decode(record.value or b"")) for record in records)
    return [(record, alert) for record, alert in decoded if isinstance(alert, Alert)]


def _customers(evidence: Evidence, marker: str, tenants: frozenset[str] | None) -> tuple[set[str], set[str]]:
    """Return the customers' messages of topic and database, and those of them that nobody has read yet.

    Where a row was captured, the capture decides: later edits of the row are not the pipeline's business.
    """
    captured: dict[str, MessageRow] = {}
    unread = set()
    for record in evidence.messages:
        row = created_row(record)
        if row is None:
            continue
        captured.setdefault(row.ref, row)
        if evidence.messages_read_to is not None and record.offset >= evidence.messages_read_to.get(
            record.partition, 0
        ):
            unread.add(row.ref)
    rows = {row.ref: row for row in evidence.rows} | captured
    wanted = {
        ref for ref, row in rows.items()
        if is_customer_message(row, marker) and (tenants is None or row.tenant in tenants)
    }  # fmt: skip
    return wanted, unread & wanted


def _unaccounted(evidence: Evidence, books: _Books, customers: set[str], unread: set[str]) -> Iterator[Finding]:
    buried = {row.ref for row in map(created_row, evidence.cdc_dlq) if row is not None}
    captured = {row.ref for row in map(created_row, evidence.messages) if row is not None}
    for ref in sorted(customers - books.accounted() - unread):
        if ref in buried:
            yield Finding("L2", "undecodable", ref, "lies in cdc.dlq")
        else:
            where = "captured, but nowhere after" if ref in captured else "in the database, but never captured"
            yield Finding("L2", "unaccounted", ref, where)
    for ref in sorted(books.accounted() - customers):
        yield Finding("L2", "unexpected", ref, "accounted for, but no customer's message of a watched tenant")
    known = {alert.alert_id for _, alert in books.alerts}
    if evidence.alerts_complete:
        named = {alert_id for outcome in books.outcomes for alert_id in outcome.alert_ids}
        for alert_id in sorted(named - known):
            yield Finding("L2", "unaccounted", f"alert {alert_id}", "has outcomes, but is not among the alerts")


def _one_birth_one_end(books: _Books) -> Iterator[Finding]:
    for obligation in sorted(books.obligations()):
        births, ends = books.births[obligation], books.ends.get(obligation, [])
        if births != 1:
            yield Finding("L1", "unborn" if births == 0 else "reborn", str(obligation), f"{births} births")
        if len(ends) > 1:
            kinds = " and ".join(f"{end.kind}({end.reason or ''})" for end in ends)
            yield Finding("L1", "ended_twice", str(obligation), kinds)


def _agentless_or_owed(books: _Books) -> Iterator[Finding]:
    owed = {obligation.ref for obligation in books.obligations()}
    for ref in sorted({*books.agentless, *books.waiting}):
        ends, places = books.agentless.get(ref, []), books.waiting.get(ref, [])
        if len(ends) + len(places) + (ref in owed) > 1:
            said = [f"{end.kind}({end.reason})" for end in ends] + places + ["owed to agents"] * (ref in owed)
            yield Finding("L2", "in_two_places", ref, " and ".join(said))


def _sent_once(books: _Books) -> Iterator[Finding]:
    sent: Counter[tuple[str, str]] = Counter()
    for obligation, ends in books.ends.items():
        sent[obligation.ref, obligation.agent] += sum(end.kind == "sent" for end in ends)
    for (ref, agent), times in sorted(sent.items()):
        if times > 1 + books.bounced[ref, agent]:
            yield Finding("L3", "doubled", f"{ref} for {agent}", f"sent {times} times")


def _alive(books: _Books) -> Iterator[Finding]:
    open_ = {o for o in books.births if not books.ends.get(o)}
    for obligation in sorted(open_ - set(books.alive)):
        yield Finding("L4", "unaccounted", str(obligation), "was born, has no end and no entry")
    for obligation in sorted(set(books.alive) - open_):
        yield Finding("L4", "ghost", str(obligation), "an entry is alive, the obligation is not")
    for obligation, entries in sorted(books.alive.items()):
        if entries > 1:
            yield Finding("L4", "ghost", str(obligation), f"{entries} entries are alive")


def _dead_letters(evidence: Evidence, books: _Books) -> Iterator[Finding]:
    letters = {
        (item.message_ref, alert.agent)
        for _, alert in _alerts(evidence.dlq)
        for item in alert.items
        if alert.redrive_of is not None
    }
    for obligation, ends in sorted(books.ends.items(), key=lambda pair: pair[0]):
        if any(end.kind == "dead" for end in ends) and (obligation.ref, obligation.agent) not in letters:
            yield Finding("L2", "no_letter", str(obligation), "dead, but not in dlq")


def _phones(evidence: Evidence, books: _Books) -> Iterator[Finding]:
    if evidence.phones is None:
        return
    seen = Counter(_notice_of(line.attempt_id) for line in evidence.phones)
    for notice, outcomes in sorted(books.by_notice.items()):
        flags = {flag for outcome in outcomes for flag in outcome.flags}
        left = [o for o in outcomes if o.kind == "sent" and "shadow" not in o.flags]
        if left and not seen[notice] and "maybe_duplicate" not in flags:
            yield Finding("L3", "unaccounted", f"notice {notice}", "sent, but no phone saw it")
        if seen[notice] > 1 and "maybe_duplicate" not in flags:
            yield Finding("L3", "doubled", f"notice {notice}", f"a phone saw it {seen[notice]} times")
    for notice in sorted(set(seen) - set(books.by_notice) - books.in_flight):
        yield Finding("L3", "unaccounted", f"notice {notice}", "a phone saw it, but it has no outcome")


def _notice_of(attempt_id: str) -> str:
    found = _attempt.match(attempt_id)
    return found[0] if found else attempt_id


def _count(tally: Tally, books: _Books) -> None:
    for ends in books.agentless.values():
        tally.end(ends[0].kind, ends[0].reason)
    for ends in books.ends.values():
        end = ends[0]
        tally.end("shadow" if "shadow" in end.flags and end.kind == "sent" else end.kind, end.reason)
    tally.pending += len(books.births.keys() - books.ends.keys()) + len(books.waiting)
    tally.notices = sum(
        any(o.kind == "sent" and "shadow" not in o.flags for o in outcomes) for outcomes in books.by_notice.values()
    )

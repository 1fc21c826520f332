"""The four laws of conservation, checked from evidence alone. Pure.

L1  an obligation (message, agent, hop) has one birth and at most one end.
L2  an admitted message ends agentless once, or has obligations, or visibly waits in one window or unresolved alert.
L3  at most one `sent` for a message and an agent, except after `bounced`; and the phone saw each notice once.
L4  obligations without an end are exactly the entries alive in the sender's state.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from deploy.demo.verifier.books import Books, alerts_of
from deploy.demo.verifier.evidence import Evidence, MessageRow, created_row
from deploy.demo.verifier.verdict import Finding, Tally, Verdict

LRM = "\u200e"
NOT_MESSAGES = frozenset({"reactionMessage", "call_log"})

_attempt = re.compile(r"[0-9a-f]{32}")


def is_customer_message(row: MessageRow, marker: str) -> bool:
    """Tell whether a created row is a customer's message that has to be accounted for."""
    if row.from_me or row.copied:
        return False
    return row.media_type not in NOT_MESSAGES and not row.text_start.startswith((LRM, marker))


def check(
    evidence: Evidence, marker: str = "[Whaticket]", tenants: frozenset[str] | None = None, *, whole: bool = False
) -> Verdict:
    """Check the four laws.

    Args:
        evidence: topics, rows and what the phones saw.
        marker: first token of our own texts; a customer's row that carries it is none.
        tenants: those whose mode is not `off`; None: all.
        whole: retention cannot have taken anything yet, so an alert that is not there was deleted.
    """
    books = Books(evidence)
    customers, unread = _customers(evidence, marker, tenants)
    tally = Tally(admitted=len(customers | books.accounted()))
    findings = [
        *_unaccounted(evidence, books, customers, unread),
        *(_alerts_there(books) if whole or evidence.alerts_complete else ()),
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


def _customers(evidence: Evidence, marker: str, tenants: frozenset[str] | None) -> tuple[set[str], set[str]]:
    """Return the customers' messages of topic and database, and those of them that nobody has read yet.

    Where a row was captured, the capture decides: later edits of the row are not the pipeline's business.
    """
    captured: dict[str, MessageRow] = {}
    unread = set()
    for record in evidence.messages:
        row = created_row(record, evidence.forks)
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


def _unaccounted(evidence: Evidence, books: Books, customers: set[str], unread: set[str]) -> Iterator[Finding]:
    buried, captured = (
        {row.ref for record in records if (row := created_row(record, evidence.forks)) is not None}
        for records in (evidence.cdc_dlq, evidence.messages)
    )
    for ref in sorted(customers - books.accounted() - unread):
        if ref in buried:
            yield Finding("L2", "undecodable", ref, "lies in cdc.dlq")
        else:
            where = "captured, but nowhere after" if ref in captured else "in the database, but never captured"
            yield Finding("L2", "unaccounted", ref, where)
    for ref in sorted(books.accounted() - customers):
        yield Finding("L2", "unexpected", ref, "accounted for, but no customer's message of a watched tenant")


def _alerts_there(books: Books) -> Iterator[Finding]:
    known = {alert.alert_id for _, alert in books.alerts}
    named = {alert_id for outcome in books.outcomes for alert_id in outcome.alert_ids}
    for alert_id in sorted(named - known):
        yield Finding("L2", "unaccounted", f"alert {alert_id}", "has outcomes, but is not among the alerts")


def _one_birth_one_end(books: Books) -> Iterator[Finding]:
    for obligation in sorted(books.obligations()):
        births, ends = books.births[obligation], books.ends.get(obligation, [])
        if births != 1:
            yield Finding("L1", "unborn" if births == 0 else "reborn", str(obligation), f"{births} births")
        if len(ends) > 1:
            kinds = " and ".join(f"{end.kind}({end.reason or ''})" for end in ends)
            yield Finding("L1", "ended_twice", str(obligation), kinds)


def _agentless_or_owed(books: Books) -> Iterator[Finding]:
    owed = {obligation.ref for obligation in books.obligations()}
    for ref in sorted({*books.agentless, *books.waiting}):
        ends, places = books.agentless.get(ref, []), books.waiting.get(ref, [])
        if len(ends) + len(places) + (ref in owed) > 1:
            said = [f"{end.kind}({end.reason})" for end in ends] + places + ["owed to agents"] * (ref in owed)
            yield Finding("L2", "in_two_places", ref, " and ".join(said))


def _sent_once(books: Books) -> Iterator[Finding]:
    sent: Counter[tuple[str, str]] = Counter()
    for obligation, ends in books.ends.items():
        sent[obligation.ref, obligation.agent] += sum(end.kind == "sent" for end in ends)
    for (ref, agent), times in sorted(sent.items()):
        if times > 1 + books.bounced[ref, agent]:
            yield Finding("L3", "doubled", f"{ref} for {agent}", f"sent {times} times")


def _alive(books: Books) -> Iterator[Finding]:
    open_ = {o for o in books.births if not books.ends.get(o)}
    for obligation in sorted(open_ - set(books.alive)):
        yield Finding("L4", "unaccounted", str(obligation), "was born, has no end and no entry")
    for obligation in sorted(set(books.alive) - open_):
        yield Finding("L4", "ghost", str(obligation), "an entry is alive, the obligation is not")
    for obligation, entries in sorted(books.alive.items()):
        if entries > 1:
            yield Finding("L4", "ghost", str(obligation), f"{entries} entries are alive")


def _dead_letters(evidence: Evidence, books: Books) -> Iterator[Finding]:
    letters = {
        (item.message_ref, alert.agent)
        for _, alert in alerts_of(evidence.dlq)
        for item in alert.items
        if alert.redrive_of is not None
    }
    for obligation, ends in sorted(books.ends.items(), key=lambda pair: pair[0]):
        if any(end.kind == "dead" for end in ends) and (obligation.ref, obligation.agent) not in letters:
            yield Finding("L2", "no_letter", str(obligation), "dead, but not in dlq")


def _phones(evidence: Evidence, books: Books) -> Iterator[Finding]:
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
    yield from _told_by_two_notices(books, seen)
    for notice in sorted(set(seen) - set(books.by_notice) - books.in_flight):
        yield Finding("L3", "unaccounted", f"notice {notice}", "a phone saw it, but it has no outcome")


def _told_by_two_notices(books: Books, seen: Counter[str]) -> Iterator[Finding]:
    """A phone sees an obligation once, also when an attempt ended in another way than `sent`."""
    notices: dict[tuple[str, str], set[str]] = defaultdict(set)
    doubtful = set()
    for obligation, ends in books.ends.items():
        whom = obligation.ref, obligation.agent
        notices[whom] |= {end.notification_id for end in ends if end.notification_id and seen[end.notification_id]}
        if any(end.flags for end in ends):
            doubtful.add(whom)
    for (ref, agent), ids in sorted(notices.items()):
        if len(ids) > 1 + books.bounced[ref, agent] and (ref, agent) not in doubtful:
            yield Finding("L3", "doubled", f"{ref} on the phone of {agent}", f"{len(ids)} notices")


def _notice_of(attempt_id: str) -> str:
    found = _attempt.match(attempt_id)
    return found[0] if found else attempt_id


def _count(tally: Tally, books: Books) -> None:
    for ends in filter(None, books.agentless.values()):
        tally.end(ends[0].kind, ends[0].reason)
    for ends in books.ends.values():
        end = ends[0]
        tally.end("shadow" if "shadow" in end.flags and end.kind == "sent" else end.kind, end.reason)
    tally.pending += len(books.births.keys() - books.ends.keys()) + len(books.waiting)
    tally.notices = sum(
        any(o.kind == "sent" and "shadow" not in o.flags for o in outcomes) for outcomes in books.by_notice.values()
    )

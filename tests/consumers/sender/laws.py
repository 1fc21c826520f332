"""The laws of conservation, read from outcome records and the state that is left. Knows no rule of the sender."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.records import Header, OutboxEntry, Outcome

ALIVE = {"HELD", "SENDING", "UNKNOWN"}


class Duty(NamedTuple):
    """An obligation."""

    ref: str
    agent: str
    hop: int


class Books(NamedTuple):
    """Everything that was born and that ended."""

    births: Counter[Duty]
    ends: Counter[Duty]
    sent: Counter[tuple[str, str]]
    bounced: Counter[tuple[str, str]]
    agentless: Counter[str]
    doubtful: set[Duty]


def read(outcomes: Iterable[Outcome]) -> Books:
    books = Books(Counter(), Counter(), Counter(), Counter(), Counter(), set())
    for outcome in outcomes:
        for ref in outcome.message_refs:
            _book(books, outcome, ref)
    return books


def _book(books: Books, outcome: Outcome, ref: str) -> None:
    if outcome.kind in {"held", "attempt", "receipt"}:
        return
    if outcome.agent is None:
        books.agentless[ref] += -1 if outcome.kind == "revived" else 1
        return
    duty = Duty(ref, outcome.agent, outcome.hop)
    if {"maybe_duplicate", "maybe_sent"} & set(outcome.flags):
        books.doubtful.add(duty)
    if outcome.kind in {"assigned", "revived", "bounced"}:
        books.births[duty] += 1
    else:
        assert duty in books.births, f"{outcome.kind} of a duty that was never born: {duty}"
        books.ends[duty] += 1
    if outcome.kind == "moved":
        hop = outcome.hop + 1 if outcome.to_hop is None else outcome.to_hop
        for other in outcome.to:
            books.births[Duty(ref, other, hop)] += 1
    books.sent[ref, outcome.agent] += outcome.kind == "sent"
    books.bounced[ref, outcome.agent] += outcome.kind == "bounced"


def alive(state: Mapping[str, object]) -> set[Duty]:
    """Return the duties that the state holds."""
    return {
        Duty(item.message_ref, key[2:].rpartition("/")[0], entry.hop)
        for key, entry in state.items()
        if isinstance(entry, OutboxEntry) and key[0] == "e" and entry.phase in ALIVE
        for item in entry.items
    }


def unresolved(state: Mapping[str, object]) -> Counter[str]:
    return Counter(
        item.message_ref
        for entry in state.values()
        if isinstance(entry, OutboxEntry) and entry.phase == "UNRESOLVED"
        for item in entry.items
    )


def check(admitted: Iterable[str], outcomes: list[Outcome], state: Mapping[str, object]) -> None:
    """Assert L1-L4 and that no outcome was written twice."""
    ids = Counter(outcome.outcome_id for outcome in outcomes)
    twice = {i for i, n in ids.items() if n > 1}
    assert not [o for o in outcomes if o.outcome_id in twice], "an outcome was written twice"
    books = read(outcomes)
    assert not {d: n for d, n in books.births.items() if n != 1}, "L1: more than one birth"
    assert not {d: n for d, n in books.ends.items() if n > 1}, "L1: more than one end"
    waiting = unresolved(state)
    obliged = {duty.ref for duty in books.births}
    for ref in admitted:
        fates = books.agentless[ref], ref in obliged, waiting[ref]
        assert fates in {(1, False, 0), (0, True, 0), (0, False, 1)}, f"L2: {ref} {fates}"
    over = {pair: n for pair, n in books.sent.items() if n > 1 + books.bounced[pair]}
    assert not over, "L3: sent more than once"
    assert {d for d in books.births if d not in books.ends} == alive(state), "L4: the books and the state differ"


def flagged(state: Mapping[str, object]) -> set[tuple[str, str]]:
    """Return (message, agent) of what is not settled yet, but will carry a flag when it is."""
    found = set()
    for key, value in state.items():
        agent, _, alert_id = key[2:].rpartition("/")
        if not isinstance(value, OutboxEntry) or key[0] != "e":
            continue
        header = state.get(f"o/{agent}")
        sending = header.sending if isinstance(header, Header) else None
        resent = sending is not None and sending.resends > 0 and alert_id in sending.alert_ids
        if resent or value.flags:
            found |= {(item.message_ref, agent) for item in value.items}
    return found


def check_phones(seen: Counter[Duty], outcomes: list[Outcome], state: Mapping[str, object]) -> None:
    """Assert that no phone saw a duty twice, or one duty of a message and then another, without a flag."""
    books = read(outcomes)
    pairs: Counter[tuple[str, str]] = Counter()
    for duty, times in seen.items():
        pairs[duty.ref, duty.agent] += times
    doubtful = {(duty.ref, duty.agent) for duty in books.doubtful} | flagged(state)
    for pair, times in pairs.items():
        assert times <= 1 + books.bounced[pair] or pair in doubtful, f"{pair} was seen {times} times"

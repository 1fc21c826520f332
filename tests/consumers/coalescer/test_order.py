"""What the order of rows, and their repetition, must not change."""

from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from schemas.config import MINUTE, SECOND
from tests.consumers.coalescer.harness import START, Bench, brief

CREATED = st.integers(-20 * MINUTE, 0)


@given(
    before=st.lists(CREATED, min_size=1, max_size=6),
    order=st.randoms(use_true_random=False),
    known=st.booleans(),
)
@settings(deadline=None)
def test_messages_from_before_the_answer_end_answered_wherever_the_answer_arrives_among_them(
    before: list[int], order: Any, known: bool
) -> None:
    bench = Bench()
    if known:
        bench.row("m", created_ms=START - 25 * MINUTE, ts_ms=START)
        bench.pass_time(3 * SECOND)
    answer_ms = bench.now
    rows = [(f"m{n}", "customer", answer_ms - 5 * SECOND - 1 + at) for n, at in enumerate(before)]
    rows.append(("h", "human", answer_ms))
    order.shuffle(rows)

    out = [
        record
        for waid, person, created in rows
        for record in bench.row(waid, person=person, created_ms=created, ts_ms=answer_ms)
    ]

    ended = [(reason, waid) for reason, *waids in brief(out) if waids for waid in waids[0].split()]
    assert sorted(ended) == sorted(("answered", waid) for waid, person, _ in rows if person == "customer")
    assert bench.pass_time(10 * MINUTE) == []


ROW = st.tuples(
    st.sampled_from(["customer", "customer", "human", "undecided"]),
    st.integers(1, 2),
    st.sampled_from([0, SECOND, 4 * SECOND, MINUTE, 34 * MINUTE]),
)


@given(
    rows=st.lists(ROW, min_size=1, max_size=15), repeats=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)))
)
@settings(deadline=None)
def test_rows_that_come_again_change_nothing(
    rows: list[tuple[str, int, int]], repeats: list[tuple[int, int]]
) -> None:
    def live(again: dict[int, list[int]]) -> list[Any]:
        bench, out, created = Bench(), [], []
        for number, (person, ticket, pause) in enumerate(rows):
            out += bench.pass_time(pause)
            created.append(bench.now)
            out += bench.row(f"m{number}", ticket, person=person)
            for old in again.get(number, []):
                who, where, _ = rows[old]
                out += bench.row(f"m{old}", where, person=who, created_ms=created[old])
        out += bench.pass_time(10 * MINUTE)
        return [(type(r).__name__, getattr(r, "alert_id", None), *b) for r, b in zip(out, brief(out), strict=True)]

    again: dict[int, list[int]] = {}
    for where, old in repeats:
        at = where % len(rows)
        again.setdefault(at, []).append(old % (at + 1))
    assert live(again) == live({})

"""Headers of dead letters: what goes in comes out, and no ordinary tool stumbles over them."""

import re

import hypothesis.strategies as st
import msgspec
from hypothesis import given

from consumers.dlq.headers import DeadLetter, fit, for_replay, headers, parse, replay_count, strip

LETTER = DeadLetter(
    topic="recado.main.messages",
    partition=3,
    offset=41,
    timestamp_ms=1_795_000_000_000,
    group="recado.main.coalescer",
    stage="coalescer",
    code="not_json",
    error_class="Undecodable",
    message="unexpected byte",
    attempts=1,
    first_failed_ms=1_795_000_000_001,
    failed_ms=1_795_000_000_002,
    replay_count=1,
    app_version="0.1.0",
    notification_id="ab12",
)


def test_the_names_and_values_are_those_of_the_design() -> None:
    assert headers(LETTER) == [
        ("dlq.original.topic", b"recado.main.messages"),
        ("dlq.original.partition", b"3"),
        ("dlq.original.offset", b"41"),
        ("dlq.original.timestamp_ms", b"1795000000000"),
        ("dlq.group", b"recado.main.coalescer"),
        ("dlq.stage", b"coalescer"),
        ("dlq.error.code", b"not_json"),
        ("dlq.error.class", b"Undecodable"),
        ("dlq.error.message", b"unexpected byte"),
        ("dlq.attempts", b"1"),
        ("dlq.first_failed_ms", b"1795000000001"),
        ("dlq.failed_ms", b"1795000000002"),
        ("dlq.replay_count", b"1"),
        ("dlq.app_version", b"0.1.0"),
        ("notification.id", b"ab12"),
    ]


def test_they_are_read_back() -> None:
    assert parse(headers(LETTER)) == LETTER
    bare = msgspec.structs.replace(LETTER, notification_id=None)
    assert parse(headers(bare)) == bare


def test_headers_that_a_tool_lost_or_spoiled_leave_the_rest_readable() -> None:
    found = parse([("dlq.error.code", b"x"), ("dlq.attempts", b"many"), ("dlq.group", None)])
    assert found is not None
    assert (found.code, found.attempts, found.partition, found.offset, found.group) == ("x", 0, -1, -1, "")


def test_a_record_without_ours_is_no_dead_letter() -> None:
    assert parse([("recado.sweep", b"1"), ("notification.id", b"x")]) is None


def test_stripping_leaves_what_the_record_had_before() -> None:
    assert strip([("recado.sweep", b"1"), *headers(LETTER), ("z", None)]) == [("recado.sweep", b"1"), ("z", None)]


def test_each_replay_counts_one_up() -> None:
    once = for_replay([("recado.sweep", b"1"), *headers(msgspec.structs.replace(LETTER, replay_count=0))])
    assert once == [("recado.sweep", b"1"), ("dlq.replay_count", b"1")]
    assert replay_count(for_replay(once)) == 2
    assert replay_count([("dlq.replay_count", b"x"), ("dlq.replay_count", None)]) == 0


@given(st.text(max_size=300))
def test_any_text_becomes_a_short_ascii_header(text: str) -> None:
    made = fit(text)
    assert re.fullmatch(r"[ -+\--9;-~]{0,200}", made)
    assert made == made.strip()

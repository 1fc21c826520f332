"""The dead letter of a record that cannot be decoded."""

from consumers.dlq.headers import DeadLetter, parse, strip
from consumers.dlq.letters import undecodable
from consumers.runtime.api import Emit, Record, Undecodable


def died(record: Record, now_ms: int = 9_000) -> Emit:
    error = Undecodable("not_json", "it ends early")
    return undecodable(record, error, "dlq", group="g", stage="sender", app_version="1", now_ms=now_ms)


def test_it_is_the_original_byte_for_byte_with_where_it_came_from() -> None:
    made = died(Record("alerts", 3, 7, 5_000, b"k", b"{", [("trace", b"x")]))
    assert (made.topic, made.key, made.value, made.partition, made.timestamp_ms) == ("dlq", b"k", b"{", 3, 5_000)
    assert strip(made.headers) == [("trace", b"x")]
    assert parse(made.headers) == DeadLetter(
        topic="alerts", partition=3, offset=7, timestamp_ms=5_000, group="g", stage="sender", code="not_json",
        error_class="Undecodable", message="it ends early", attempts=1, first_failed_ms=9_000, failed_ms=9_000,
        app_version="1",
    )  # fmt: skip


def test_one_that_died_before_keeps_its_replay_count_and_no_other_header_twice() -> None:
    first = died(Record("alerts", 3, 7, 5_000, b"k", b"{"))
    back = [("dlq.replay_count", b"2"), *(h for h in first.headers if h[0] != "dlq.replay_count")]
    again = died(Record("alerts", 3, 8, 6_000, b"k", b"{", back))
    names = [name for name, _ in again.headers]
    assert len(names) == len(set(names))
    found = parse(again.headers)
    assert found is not None
    assert (found.replay_count, found.offset) == (2, 8)

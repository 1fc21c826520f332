"""The memory of a ticket and the stream time of a source."""

from collections.abc import Iterable

from consumers.coalescer.seen import AHEAD_MS, HighWater, SeenIds, pack, unpack
from schemas.codec import encode
from schemas.config import HOUR, MINUTE, Parameters
from schemas.records import Window
from tests.consumers.coalescer.harness import START

P = Parameters()


def digest(number: int) -> bytes:
    return number.to_bytes(8, "big")


def packed(*entries: tuple[int, int]) -> bytearray:
    return pack((digest(number), mark) for number, mark in entries)


def numbers(window: Window) -> list[int]:
    return [int.from_bytes(known, "big") for known, _ in unpack(window.seen)]


def remembered(*marks: int) -> tuple[SeenIds, Window]:
    seen, window = SeenIds(), Window(phase="STUB", due_ms=0)
    for number, mark in enumerate(marks):
        assert not seen.knows("wpp/1", window, digest(number))
        seen.add("wpp/1", window, digest(number), mark, P)
    return seen, window


def test_ids_expire_when_the_stream_has_passed_them_by_seen_keep() -> None:
    seen, window = remembered(START, START + 1, START + P.seen_keep + 1)

    assert window.seen == packed((1, START + 1), (2, START + P.seen_keep + 1))
    assert window.seen_from_ms == START + 1
    assert [seen.knows("wpp/1", window, digest(n)) for n in range(3)] == [False, True, True]
    assert window.last_ts_ms == START + P.seen_keep + 1


def test_a_ticket_remembers_at_most_max_seen_ids_and_counts_what_it_dropped() -> None:
    few = Parameters(max_seen=3)
    seen, window = SeenIds(), Window(phase="STUB", due_ms=0)
    dropped = [seen.add("wpp/1", window, digest(number), START, few) for number in range(5)]

    assert dropped == [0, 0, 0, 1, 1]
    assert numbers(window) == [2, 3, 4]
    assert [seen.knows("wpp/1", window, digest(n)) for n in range(5)] == [False, False, True, True, True]


def test_expired_ids_are_not_counted_as_dropped() -> None:
    few = Parameters(max_seen=3)
    window = Window(phase="STUB", due_ms=0, seen=packed((0, START), (1, START), (2, START + P.seen_keep)))

    assert SeenIds().add("wpp/1", window, digest(3), START + P.seen_keep + 1, few) == 0
    assert numbers(window) == [2, 3]


def test_a_busy_tickets_memory_answers_the_same_before_and_after_a_restart() -> None:
    seen, window = remembered(*range(START, START + 200))
    fresh = SeenIds()

    for known in (seen, fresh):
        assert [known.knows("wpp/1", window, digest(n)) for n in (0, 1, 63, 64, 199, 200)] == [True] * 5 + [False]
    seen.forget("wpp/1")
    assert not seen.knows("wpp/1", Window(phase="STUB", due_ms=0), digest(7))


def test_a_busy_tickets_index_forgets_what_has_expired() -> None:
    seen, window = remembered(*range(START, START + 200))

    assert seen.knows("wpp/1", window, digest(99))
    seen.add("wpp/1", window, digest(200), START + P.seen_keep + 100, P)
    assert numbers(window) == list(range(100, 201))
    assert [seen.knows("wpp/1", window, digest(n)) for n in (99, 100, 200)] == [False, True, True]


def test_a_digest_that_lies_across_two_others_is_not_known() -> None:
    window = Window(
        phase="STUB", due_ms=0, seen=pack([(b"AAAAABCD", START), (b"EFGHIJKL", START), (b"ABCDEFGH", START)])
    )
    across = bytes(window.seen[4:12])

    assert not SeenIds().knows("wpp/1", window, across)
    window.seen += across + bytes(6)
    assert SeenIds().knows("wpp/1", window, across)


class Sealed:
    """A store that shows its encoded values."""

    def __init__(self, **windows: Window) -> None:
        self.raw = {key.replace("_", "/"): encode(window) for key, window in windows.items()}

    def get(self, key: str) -> Window | None:
        raise AssertionError(key)

    def keys(self) -> Iterable[str]:
        raise AssertionError

    def items(self) -> Iterable[tuple[str, bytes]]:
        return self.raw.items()


def stub(last_ts_ms: int) -> Window:
    return Window(phase="STUB", due_ms=0, last_ts_ms=last_ts_ms)


def test_the_stream_time_is_found_again_from_the_windows_when_an_old_row_asks() -> None:
    water = HighWater()
    windows = Sealed(wpp_1=stub(START - HOUR), wpp_2=stub(START - MINUTE), other_1=stub(START))

    assert not water.is_replay("wpp", START, START, P, windows)
    assert water.of("wpp") == 0
    assert water.is_replay("wpp", START - MINUTE - P.seen_keep - 1, START, P, windows)
    assert not water.is_replay("wpp", START - MINUTE - P.seen_keep, START, P, windows)
    assert (water.of("wpp"), water.of("other"), water.of("third")) == (START - MINUTE, START, 0)


def test_the_stream_time_never_goes_back_and_never_far_ahead_of_the_clock() -> None:
    water = HighWater()

    assert water.advance("wpp", START, START) == START
    assert water.advance("wpp", START - HOUR, START + 1) == START
    assert water.advance("wpp", START + HOUR, START + 2) == START + 2 + AHEAD_MS
    assert water.advance("other", START - HOUR, START + 2) == START - HOUR


def test_the_limit_ahead_is_what_the_parameters_leave_between_age_and_memory() -> None:
    assert P.seen_keep - P.max_age >= AHEAD_MS

"""One partition's task: timers never early and in bounded portions, a record that breaks the rules."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from consumers.runtime.api import AfterCommit, Ask, Due, Effect, Emit, Event, Record, Store
from consumers.runtime.kafka import Poison
from consumers.runtime.store import STALE_TIMERS, PartitionStore
from consumers.runtime.task import PartitionTask
from consumers.runtime.work import WorkPool
from schemas.clock import ManualClock
from tests.consumers.runtime.counter_app import Count, CounterApp

Handle = Callable[[Event, Store[Count], int], list[Effect]]


class ScriptedApp(CounterApp):
    """The counter with another rule."""

    def __init__(self, rule: Handle) -> None:
        super().__init__("t")
        self._rule = rule

    def handle(self, event: Event, store: Store[Count], now_ms: int) -> list[Effect]:
        return self._rule(event, store, now_ms)


class Submitted:
    """In place of the pool: notes what was started."""

    def __init__(self) -> None:
        self.works: list[Any] = []

    def submit(self, ticket: object, work: Any, *, durable: bool) -> None:
        self.works.append(work)


def task(rule: Handle, pool: object = None, poison: frozenset[int] = frozenset()) -> PartitionTask[Count]:
    app = ScriptedApp(rule)
    shared = cast("WorkPool[Count]", pool or Submitted())
    return PartitionTask(app, 0, 1, PartitionStore(app), 0, shared, poison)


def record(offset: int) -> Record:
    return Record("t.in", 0, offset, 0, b"k", b"v")


def test_a_timer_that_an_earlier_one_of_the_same_turn_moved_or_removed_does_not_fire_early() -> None:
    fired: list[tuple[str, int]] = []

    def rule(event: Event, store: Store[Count], now_ms: int) -> list[Effect]:
        assert isinstance(event, Due)
        fired.append((event.key, now_ms))
        store.delete(event.key)
        if event.key == "first":
            store.put("moved", Count(500, []))
            store.delete("removed")
        return []

    clock, found = ManualClock(100), task(rule)
    for key, due in (("first", 10), ("moved", 20), ("removed", 30)):
        found.store.put(key, Count(due, []))
    found.fire(clock.now_ms())
    assert fired == [("first", 100)]
    found.fire(clock.at(499))
    found.fire(clock.at(500))
    assert fired == [("first", 100), ("moved", 500)]


def test_a_timer_is_never_early_and_late_by_nothing_but_the_look_whatever_moves_it() -> None:
    fired: list[tuple[str, int]] = []

    def rule(event: Event, store: Store[Count], now_ms: int) -> list[Effect]:
        assert isinstance(event, Due)
        fired.append((event.key, now_ms))
        store.delete(event.key)
        return []

    clock, found = ManualClock(0), task(rule)
    for due in (900, 100, 700, 300, 600):  # earlier, later, earlier again: the last word counts
        found.store.put("k", Count(due, []))
    while clock.now_ms() < 1_000:
        found.fire(clock.now_ms())
        clock.advance(50)
    assert fired == [("k", 600)]


def test_overdue_timers_fire_in_bounded_portions_oldest_first() -> None:
    fired: list[str] = []

    def rule(event: Event, store: Store[Count], now_ms: int) -> list[Effect]:
        assert isinstance(event, Due)
        fired.append(event.key)
        store.delete(event.key)
        return []

    found = task(rule)
    for i in range(7):
        found.store.put(f"k{i}", Count(i, []))
    assert [found.fire(1_000, limit=3) for _ in range(4)] == [3, 3, 1, 0]
    assert fired == [f"k{i}" for i in range(7)]


def test_due_times_that_move_earlier_again_and_again_leave_no_growing_heap() -> None:
    store: PartitionStore[Count] = PartitionStore(CounterApp("t"))
    store.put("other", Count(10**9, []))
    for turn in range(20_000):
        store.put("k", Count(10**9 + turn, []))
        store.put("k", Count(turn, []))
        assert store.pop_due(turn) == ["k"]
    assert len(store._heap) <= STALE_TIMERS + 10
    assert store.pop_due(10**9) == ["other"]


def test_a_record_that_breaks_the_rules_is_reported_by_its_offset_and_dead_lettered_when_it_comes_again() -> None:
    def rule(event: Event, store: Store[Count], now_ms: int) -> list[Effect]:
        message = "a bug"
        raise ZeroDivisionError(message)

    with pytest.raises(Poison) as reported:
        task(rule).record(record(7), 0)
    assert (reported.value.partition, reported.value.offset) == (0, 7)
    again = task(rule, poison=frozenset({7}))
    again.record(record(7), 0)
    written = again.seal()
    assert written.outputs == [Emit("t.dlq", b"k", b"v", [("dlq.error.code", b"rules_failed")], 0, 0)]
    assert (written.position, written.consumed) == (8, True)


def test_a_partition_that_is_leaving_asks_nothing_more() -> None:
    def rule(event: Event, store: Store[Count], now_ms: int) -> list[Effect]:
        return [Ask("question"), AfterCommit("send")]

    pool = Submitted()
    found = task(rule, pool)
    found.record(record(0), 0)
    found.ticket.leaving = True
    found.record(record(1), 0)
    assert pool.works == ["question"]
    assert found.seal().after == ["send", "send"]

"""One partition's task: timers never early and in bounded portions, a record that breaks the rules."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import pytest

from consumers.runtime.api import AfterCommit, Answer, Ask, ConfigChanged, Due, Effect, Emit, Event, Record, Store
from consumers.runtime.kafka import Poison
from consumers.runtime.store import STALE_TIMERS, PartitionStore
from consumers.runtime.task import MAX_VALUE_BYTES, PartitionTask
from consumers.runtime.work import WorkPool
from schemas.clock import ManualClock
from schemas.errors import Fatal
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


def task(rule: Handle, pool: object = None, poison: frozenset[int | str] = frozenset()) -> PartitionTask[Count]:
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
    assert (reported.value.partition, reported.value.subject) == (0, 7)
    again = task(rule, poison=frozenset({7}))
    again.record(record(7), 0)
    written = again.seal()
    assert written.outputs == [Emit("t.dlq", b"k", b"v", [("dlq.error.code", b"rules_failed")], 0, 0)]
    assert (written.position, written.consumed) == (8, True)


def broken(event: Event, store: Store[Count], now_ms: int) -> list[Effect]:
    """Rules that fail, having changed half of it."""
    store.put("half", Count(None, ["changed"]))
    message = "a bug"
    raise ZeroDivisionError(message)


class Send:
    """A work without a key."""


class Keyed(NamedTuple):
    key: str


@pytest.mark.parametrize(
    ("event", "subject"),
    [
        (Answer(Keyed("k"), "found"), "k"),
        (Answer(Send(), error=TimeoutError()), "Send"),
        (ConfigChanged(), "changed configuration"),
    ],
    ids=lambda found: found if isinstance(found, str) else type(found).__name__,
)
def test_an_event_that_breaks_the_rules_is_reported_and_left_alone_when_it_comes_again(
    event: Event, subject: str
) -> None:
    with pytest.raises(Poison) as reported:
        task(broken).event(event, 0)
    assert (reported.value.partition, reported.value.subject) == (0, subject)
    again = task(broken, poison=frozenset({subject}))
    again.event(event, 0)
    assert again.seal().changes == []


def test_a_timer_that_breaks_the_rules_is_left_alone_with_its_state_and_the_others_fire() -> None:
    def rule(event: Event, store: Store[Count], now_ms: int) -> list[Effect]:
        assert isinstance(event, Due)
        if event.key == "bad":
            return broken(event, store, now_ms)
        store.delete(event.key)
        return [Emit("t.out", event.key.encode(), b"fired")]

    def restored(poison: frozenset[int | str]) -> PartitionTask[Count]:
        found = task(rule, poison=poison)
        for key in ("bad", "good"):
            found.store.load(key, found.store._app.encode(Count(10, [])))
        found.store.loaded(100)
        return found

    with pytest.raises(Poison) as reported:
        restored(frozenset()).fire(100)
    assert reported.value.subject == "bad"
    again = restored(frozenset({"bad"}))
    assert [again.fire(now) for now in (100, 1_000, 1_000_000)] == [2, 0, 0]
    written = again.seal()
    assert written.outputs == [Emit("t.out", b"good", b"fired")]
    assert written.changes == [("good", None)]
    assert [key for key, _ in again.store.items()] == ["bad"]


def test_a_restored_state_on_which_the_rules_fail_is_refused_with_a_code() -> None:
    found = task(broken)
    found.processor.restored = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(Fatal, match=r"restored state of partition 0: ") as refused:
        found.start(0, None)
    assert refused.value.code == "RCD-213"


def test_an_output_that_no_broker_takes_is_a_record_that_breaks_the_rules() -> None:
    def rule(event: Event, store: Store[Count], now_ms: int) -> list[Effect]:
        return [Emit("t.out", b"k", b"x" * (MAX_VALUE_BYTES + 1))]

    with pytest.raises(Poison, match="ValueError"):
        task(rule).record(record(7), 0)


@pytest.mark.parametrize("value", ["\ud83d", "x" * MAX_VALUE_BYTES], ids=["half-a-character", "too-large"])
def test_a_state_that_cannot_be_stored_is_put_aside_and_then_refused(value: str) -> None:
    found = task(broken)
    found.store.put("k", Count(None, [value]))
    with pytest.raises(Poison) as reported:
        found.seal()
    assert reported.value.subject == "k"
    again = task(broken, poison=frozenset({"k"}))
    again.store.put("k", Count(None, [value]))
    with pytest.raises(Fatal) as refused:
        again.seal()
    assert refused.value.code == "RCD-213"


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


@pytest.mark.parametrize(
    ("effects", "urgent"),
    [([], False), ([Ask("question")], False), ([Emit("t.out", b"k", b"v")], True), ([AfterCommit("send")], True)],
)
def test_only_what_somebody_waits_for_hurries_a_commit(effects: list[Effect], urgent: bool) -> None:
    def rule(event: Event, store: Store[Count], now_ms: int) -> list[Effect]:
        store.put("k", Count(None, []))
        return effects

    found = task(rule)
    found.record(record(0), 0)
    assert (found.dirty, found.urgent) == (True, urgent)
    found.seal()
    assert (found.dirty, found.urgent) == (False, False)

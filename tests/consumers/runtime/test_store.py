"""The store of one partition: decoded on touch, one timer a key, sealed into changelog records."""

import msgspec

from consumers.runtime.store import REFIRE_MS, PartitionStore
from tests.consumers.runtime.counter_app import Count, CounterApp


def fresh() -> PartitionStore[Count]:
    return PartitionStore(CounterApp("t"))


def raw(due_ms: int | None, *ids: str) -> bytes:
    return msgspec.json.encode(Count(due_ms, list(ids)))


def test_a_change_is_sealed_once_and_becomes_the_base() -> None:
    store = fresh()
    store.put("a", Count(5, ["x"]))
    assert store.dirty
    assert store.seal() == [("a", raw(5, "x"))]
    assert store.seal() == []
    assert dict(store.items()) == {"a": raw(5, "x")}
    assert store.get("a") == Count(5, ["x"])


def test_a_key_that_came_and_went_between_two_commits_leaves_no_tombstone() -> None:
    store = fresh()
    store.put("a", Count(5, ["x"]))
    store.delete("a")
    assert store.seal() == []
    store.put("a", Count(5, ["x"]))
    store.seal()
    store.delete("a")
    assert store.seal() == [("a", None)]
    assert list(store.keys()) == []


def test_a_later_due_time_replaces_an_earlier_one_without_firing_early() -> None:
    store = fresh()
    store.put("a", Count(10, []))
    store.put("a", Count(50, []))
    assert store.pop_due(49) == []
    assert store.pop_due(50) == ["a"]
    assert store.pop_due(1_000) == []


def test_an_earlier_due_time_fires_once() -> None:
    store = fresh()
    store.put("a", Count(50, []))
    store.put("a", Count(10, []))
    assert store.pop_due(60) == ["a"]
    assert store.pop_due(60) == []


def test_due_keys_come_oldest_first_and_deleted_ones_do_not_come() -> None:
    store = fresh()
    for key, due in (("late", 30), ("early", 10), ("gone", 20), ("never", None)):
        store.put(key, Count(due, []))
    store.delete("gone")
    assert store.pop_due(100) == ["early", "late"]


def test_a_timer_whose_firing_changed_nothing_is_armed_again() -> None:
    store = fresh()
    store.put("a", Count(10, []))
    assert store.pop_due(20) == ["a"]
    store.fired("a", 20)
    assert store.pop_due(20) == []
    assert store.pop_due(20 + REFIRE_MS) == ["a"]


def test_restored_bytes_carry_their_timers_and_tombstones_remove() -> None:
    store = fresh()
    store.load("a", raw(10, "x"))
    store.load("b", raw(10**18, "y"))
    store.load("c", raw(20, "z"))
    store.load("c", None)
    store.loaded(now_ms=1_000)
    assert store.pop_due(1_000) == ["a"]
    assert len(store) == 2
    assert store.get("b") == Count(10**18, ["y"])

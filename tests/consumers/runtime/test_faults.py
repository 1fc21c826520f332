"""What goes wrong around a worker on the real broker: it refuses, waits or goes on, and never guesses."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import psutil
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from consumers.runtime import instance
from consumers.runtime import worker as runtime_worker
from consumers.runtime.api import Due, Effect, Event, Store
from consumers.runtime.kafka import Doubt, Poison
from consumers.runtime.task import WriteSet
from consumers.runtime.transaction import Transactor
from consumers.runtime.worker import Worker
from schemas.errors import Fatal, RecadoError, Recoverable
from schemas.settings import KafkaSettings
from tests.consumers.runtime.arms import Arm, until
from tests.consumers.runtime.counter_app import FAST, Count, CounterApp
from tests.consumers.runtime.sending_app import SendingApp

stack_only = pytest.mark.stack


class Running:
    """A worker in a thread; `error` is what ended it."""

    def __init__(self, worker: Worker[Count]) -> None:
        self.worker = worker
        self.error: RecadoError | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.worker.run()
        except RecadoError as error:
            self.error = error

    def stop(self) -> None:
        self.worker.stop()
        self.thread.join(60)
        assert not self.thread.is_alive()

    def restored(self, *partitions: int) -> None:
        wanted = list(partitions)
        until(lambda: self.worker.status.snapshot(0)["restored"] == wanted, f"partitions {wanted}")


@contextmanager
def running(arm: Arm, app: CounterApp, ordinal: int = 0) -> Iterator[Running]:
    found = Running(Worker(app, arm.settings, FAST, f"{arm.prefix}.group", ordinal))
    try:
        yield found
    finally:
        if isinstance(app, SendingApp):
            app.open.set()
        found.stop()


def test_a_worker_whose_rebuilding_keeps_failing_ends_as_one_whose_dependency_is_down(monkeypatch: Any) -> None:
    worker = Worker(SendingApp("t"), KafkaSettings(bootstrap="127.0.0.1:1"), FAST, "t.group")

    def doubt() -> bool:
        raise Doubt("_TIMED_OUT", "no coordinator")

    monkeypatch.setattr(worker, "_life", doubt)
    monkeypatch.setattr(worker, "_sleep", lambda _seconds: None)
    with pytest.raises(Recoverable) as ended:
        worker.run()
    assert (ended.value.code, int(ended.value.exit)) == ("RCD-207", 30)


class Failing:
    """A life whose rules fail at once, each time on another key, until there is none left."""

    committed = 0
    left: ClassVar[list[str]]

    def __init__(self, *_: Any) -> None:
        pass

    def turn(self) -> None:
        if self.left:
            raise Poison(0, self.left.pop(), "ZeroDivisionError")
        raise Fatal("RCD-201", "as far as this")

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("bad", "ceiling", "code"), [(6, 7, "RCD-201"), (7, 7, "RCD-213")])
def test_lives_that_only_find_what_the_rules_fail_on_do_not_look_like_a_kafka_that_does_not_answer(
    monkeypatch: Any, bad: int, ceiling: int, code: str
) -> None:
    monkeypatch.setattr(runtime_worker, "LIVES_WITHOUT_PROGRESS", 3)
    monkeypatch.setattr(runtime_worker, "POISON_CEILING", ceiling)
    monkeypatch.setattr(runtime_worker, "Instance", Failing)
    monkeypatch.setattr(Failing, "left", [f"k{number}" for number in range(bad)], raising=False)
    worker = Worker(SendingApp("t"), KafkaSettings(), FAST, "t.group")
    with pytest.raises(Fatal) as ended:
        worker.run()
    assert ended.value.code == code
    assert worker.status.snapshot(0)["put_aside"] == bad


@stack_only
def test_of_two_processes_with_one_ordinal_one_ends_and_nothing_is_doubled(stack: Any) -> None:
    arm = Arm(stack.bootstrap)
    one = Running(arm.worker())
    try:
        one.restored(0, 1)
        for i in range(20):
            arm.send(f"k{i}", f"id{i}".encode())
        arm.flush()
        two = Running(arm.worker())
        try:
            until(lambda: not (one.thread.is_alive() and two.thread.is_alive()), "the end of one of them", 40)
            ended, working = (one, two) if not one.thread.is_alive() else (two, one)
            assert isinstance(ended.error, Fatal)
            assert (ended.error.code, int(ended.error.exit)) == ("RCD-212", 40)
            for i in range(20, 40):
                arm.send(f"k{i}", f"id{i}".encode())
            arm.flush()
            until(lambda: len(arm.told()) >= 40, "all ids at the one that works")
            assert working.thread.is_alive()
        finally:
            two.stop()
    finally:
        one.stop()
    assert sorted(arm.told()) == sorted(f"id{i}" for i in range(40))


@stack_only
def test_records_that_retention_took_before_they_were_read_are_not_skipped_in_silence(stack: Any) -> None:
    arm = Arm(stack.bootstrap, partitions=1)
    with arm.running() as worker:
        until(lambda: worker.status.snapshot(0)["ready"] and len(arm.read("changelog")) == 1, "the first start")
    for i in range(5):
        arm.send("k", f"id{i}".encode())
    arm.flush()
    gone = arm.admin.delete_records([TopicPartition(f"{arm.prefix}.in", 0, 3)])
    for deleted in gone.values():
        deleted.result(20)
    with pytest.raises(Fatal) as refused:
        arm.worker().run()
    assert (refused.value.code, int(refused.value.exit)) == ("RCD-202", 40)
    assert arm.told() == []


@stack_only
def test_a_dead_letter_that_its_topic_refuses_stops_the_worker_and_is_not_lost(stack: Any) -> None:
    arm = Arm(stack.bootstrap, partitions=1)
    limit(arm, "dlq", 1_000)
    arm.send(None, random.Random(1).randbytes(5_000), partition=0)
    arm.flush()
    with pytest.raises(Fatal) as refused:
        arm.worker().run()
    assert (refused.value.code, int(refused.value.exit)) == ("RCD-206", 30)
    assert arm.read("dlq") == []
    limit(arm, "dlq", 100_000)
    with arm.running():
        until(lambda: len(arm.read("dlq")) == 1, "the dead letter")


@stack_only
@pytest.mark.parametrize("topic", ["out", "changelog"])
def test_a_record_that_a_topic_refuses_for_its_size_stops_the_worker_and_is_not_lost(
    stack: Any, topic: str
) -> None:
    arm = Arm(stack.bootstrap, partitions=1)
    limit(arm, topic, 1_000)
    text = random.Random(1).randbytes(5_000).hex()
    arm.send("k", text.encode())
    arm.flush()
    # The state is only written down when it outlives a commit: told at once, it never reaches the changelog.
    settle_ms = 60_000 if topic == "changelog" else 100
    with pytest.raises(Fatal, match=rf"{arm.prefix}\.{topic}") as refused:
        arm.worker(settle_ms=settle_ms).run()
    assert (refused.value.code, int(refused.value.exit)) == ("RCD-214", 40)
    assert arm.told() == []
    limit(arm, topic, 100_000)
    with arm.running():
        until(lambda: arm.told() == [text], "the text")


class FailingTimers(CounterApp):
    """A timer whose key begins with `bad` breaks the rules."""

    def handle(self, event: Event, store: Store[Count], now_ms: int) -> list[Effect]:
        if isinstance(event, Due) and event.key.startswith("bad"):
            message = "a bug in the rules"
            raise ZeroDivisionError(message)
        return super().handle(event, store, now_ms)


@stack_only
def test_a_timer_that_breaks_the_rules_is_put_aside_and_the_others_go_on(stack: Any) -> None:
    arm = Arm(stack.bootstrap, partitions=1)
    with running(arm, FailingTimers(arm.prefix, 50)) as found:
        for key in ("good", "bad", "fine"):
            arm.send(key, key.encode())
        arm.flush()
        until(lambda: sorted(arm.told()) == ["fine", "good"], "the timers around it")
        until(lambda: found.worker.status.snapshot(0)["put_aside"] == 1, "the report")
        arm.send("later", b"later")
        arm.flush()
        until(lambda: sorted(arm.told()) == ["fine", "good", "later"], "what came later")
        assert found.worker.status.snapshot(0)["rebuilds"] == 1
    with arm.running():  # a corrected release
        until(lambda: sorted(arm.told()) == ["bad", "fine", "good", "later"], "what was put aside")


@stack_only
def test_rules_that_fail_without_end_end_the_worker_with_a_code(stack: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(runtime_worker, "POISON_CEILING", 3)
    arm = Arm(stack.bootstrap, partitions=1)
    with running(arm, FailingTimers(arm.prefix, 50)) as found:
        for number in range(3):
            arm.send(f"bad{number}", b"id")
        arm.flush()
        until(lambda: found.error is not None, "the end")
    assert found.error is not None
    assert (found.error.code, int(found.error.exit)) == ("RCD-213", 70)
    with arm.running():
        until(lambda: arm.told() == ["id"] * 3, "all of them")


def limit(arm: Arm, topic: str, max_bytes: int) -> None:
    entry = ConfigEntry("max.message.bytes", str(max_bytes), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, f"{arm.prefix}.{topic}", incremental_configs=[entry])
    for altered in arm.admin.incremental_alter_configs([resource]).values():
        altered.result(20)


@stack_only
def test_a_record_that_breaks_the_rules_is_dead_lettered_and_the_others_go_on(stack: Any) -> None:
    arm = Arm(stack.bootstrap, partitions=1)
    app = SendingApp(arm.prefix, 0.0)
    with running(arm, app) as found:
        for value in (b"before", b"poison", b"after"):
            arm.send("k", value)
        arm.flush()
        until(lambda: sorted(arm.told()) == ["after:ok", "before:ok"], "the records around it")
        until(lambda: len(arm.read("dlq")) == 1, "the dead letter")
        assert found.worker.status.snapshot(0)["rebuilds"] == 1
    assert arm.read("dlq") == [(0, b"k", b"poison", [("dlq.error.code", b"rules_failed")])]


@stack_only
def test_every_partition_hears_of_a_change_of_the_configuration_and_a_restored_one_looks_anew(stack: Any) -> None:
    arm = Arm(stack.bootstrap, partitions=2)
    app = SendingApp(arm.prefix)
    with running(arm, app) as found:
        found.restored(0, 1)
        until(lambda: len(app.changes) == 2, "the look after the restore")
        found.worker.config_changed()
        until(lambda: len(app.changes) == 4, "the change at both partitions")


@stack_only
def test_too_much_under_way_pauses_the_input_and_it_flows_again(stack: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(instance, "MAX_IN_FLIGHT", 20)
    monkeypatch.setattr(instance, "BATCH", 10)
    arm = Arm(stack.bootstrap, partitions=1)
    app = SendingApp(arm.prefix, asks=True)
    with running(arm, app) as found:
        found.restored(0)
        for i in range(200):
            arm.send("k", f"id{i}".encode())
        arm.flush()
        until(lambda: len(app.began) > 20, "the bound")
        turned_while_full(found, 50)
        assert len(app.began) <= 20 + 2 * 11
        app.open.set()
        until(lambda: len(arm.told()) == 200, "all of them")
    assert app.began == [f"id{i}" for i in range(200)]


def turned_while_full(found: Running, turns: int) -> None:
    """Wait until the loop went round many times, so that it would have read more had it been allowed."""
    seen: set[int | None] = set()

    def count() -> bool:
        seen.add(found.worker.status._turned_ms)
        return len(seen) >= turns

    until(count, f"{turns} turns")


@stack_only
def test_a_partition_taken_away_while_paused_flows_when_it_comes_back(stack: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(instance, "MAX_IN_FLIGHT", 4)
    monkeypatch.setattr(instance, "BATCH", 5)
    monkeypatch.setattr(instance, "DRAIN_S", 0.1)
    arm = Arm(stack.bootstrap, partitions=2)
    first, second = SendingApp(arm.prefix, asks=True), SendingApp(arm.prefix, 0.0, asks=True)
    with running(arm, first) as one:
        one.restored(0, 1)
        for i in range(8):
            for partition in (0, 1):
                arm.send("k", f"p{partition}-{i}".encode(), partition=partition)
        arm.flush()
        until(lambda: bool(one.worker._instance and one.worker._instance._paused), "the pause")
        with running(arm, second, ordinal=1) as two:
            until(lambda: len(two.worker.status.snapshot(0)["restored"]) == 1, "one partition at the second")
            until(lambda: len(one.worker.status.snapshot(0)["restored"]) == 1, "one partition at the first")
            first.open.set()
            until(lambda: one.worker._instance is not None and not one.worker._instance._paused, "the resume")
        until(lambda: one.worker.status.snapshot(0)["restored"] == [0, 1], "both back", 90)
        for partition in (0, 1):
            arm.send("k", f"last{partition}".encode(), partition=partition)
        arm.flush()
        until(lambda: {"last0:ok", "last1:ok"} <= set(arm.told()), "records of both partitions", 20)


@stack_only
def test_the_answer_to_an_attempt_outlives_the_life_that_began_it(stack: Any) -> None:
    arm = Arm(stack.bootstrap, partitions=1)
    app = SendingApp(arm.prefix)
    with running(arm, app) as found:
        arm.send("k", b"a")
        arm.flush()
        until(lambda: app.began == ["a"], "the attempt")
        doubted(found, 1)
        app.open.set()
        until(lambda: arm.told() == ["a:ok"], "its answer")
    assert app.began == ["a"]


def doubted(found: Running, rebuilds: int) -> None:
    living = found.worker._instance
    assert living is not None
    living._failure = Doubt("test", "as after a time-out")
    until(lambda: found.worker.status.snapshot(0)["rebuilds"] == rebuilds, "the doubt")
    until(lambda: found.worker.status.snapshot(0)["ready"], "the next life")


@stack_only
@pytest.mark.parametrize("durable", [True, False], ids=["committed", "not-committed"])
def test_an_attempt_whose_marker_is_in_doubt_is_known_not_to_have_begun(
    stack: Any, monkeypatch: Any, durable: bool
) -> None:
    """The broker's answer to a commit is lost, after it was committed or before."""
    attempt, lost = Transactor._attempt, threading.Event()

    def without_answer(self: Transactor, sets: list[WriteSet], consumer: Any) -> None:
        marks = any(write_set.after for write_set in sets) and not lost.is_set()
        if durable or not marks:
            attempt(self, sets, consumer)
        if marks:
            lost.set()
            raise Doubt("_TIMED_OUT", "the answer to the commit did not come")

    monkeypatch.setattr(Transactor, "_attempt", without_answer)
    arm = Arm(stack.bootstrap, partitions=1)
    app = SendingApp(arm.prefix, 0.0)
    with running(arm, app):
        arm.send("k", b"id")
        arm.flush()
        until(lambda: len(arm.told()) == 1, "what became of it")
    assert (arm.told(), app.began) == ((["id:never"], []) if durable else (["id:ok"], ["id"]))


@stack_only
def test_lives_that_are_rebuilt_leave_no_threads_behind(stack: Any) -> None:
    arm = Arm(stack.bootstrap, partitions=1)
    with running(arm, SendingApp(arm.prefix)) as found:
        found.restored(0)
        process, counts = psutil.Process(), []
        for rebuild in range(1, 6):
            doubted(found, rebuild)
            counts.append(process.num_threads())
    assert max(counts) <= counts[0] + 2, counts


@stack_only
def test_a_clean_stop_waits_for_attempts_that_have_begun(stack: Any) -> None:
    arm = Arm(stack.bootstrap, partitions=1)
    app = SendingApp(arm.prefix, seconds=3.0)
    with running(arm, app) as found:
        arm.send("k", b"a")
        arm.flush()
        until(lambda: app.began == ["a"], "the attempt")
        found.stop()
    assert arm.told() == ["a:ok"]


@stack_only
def test_attempts_of_a_revoked_partition_end_here_and_none_is_marked_without_being_begun(stack: Any) -> None:
    arm = Arm(stack.bootstrap, partitions=2)
    first, second = SendingApp(arm.prefix, 0.5), SendingApp(arm.prefix, 0.5)
    sent = 0
    with running(arm, first) as one:
        one.restored(0, 1)
        with running(arm, second, ordinal=1) as two:
            while len(two.worker.status.snapshot(0)["restored"]) < 1:
                for partition in (0, 1):
                    arm.send("k", f"id{sent}".encode(), partition=partition)
                    sent += 1
                arm.flush()
                threading.Event().wait(0.02)
            until(lambda: len(arm.told()) == sent, f"{sent} answers", 20)
    assert sorted(arm.told()) == sorted(f"id{i}:ok" for i in range(sent))
    assert len(first.began) + len(second.began) == sent

"""A worker on the real broker: exactly once, restored after a stop, and refusing to guess."""

import json
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from consumers.runtime.restore import META_KEY
from schemas.errors import Fatal
from tests.consumers.runtime.arms import Arm, until

pytestmark = pytest.mark.stack


def test_a_burst_leaves_once_and_an_undecodable_record_is_dead_lettered_byte_for_byte(stack: Any) -> None:
    arm = Arm(stack.bootstrap)
    with arm.running():
        for i in range(200):
            arm.send(f"k{i % 7}", f"id{i}".encode())
        arm.send(None, b"\x00\xff junk", partition=1, headers=[("trace", b"\x01")], timestamp=1_700_000_000_123)
        arm.flush()
        until(lambda: len(arm.told()) == 200, "200 ids")
        until(lambda: len(arm.read("dlq")) == 1, "the dead letter")
    assert sorted(arm.told()) == sorted(f"id{i}" for i in range(200))
    assert arm.read("dlq") == [(1, None, b"\x00\xff junk", [("trace", b"\x01"), ("dlq.error.code", b"no_key")])]


def test_what_waited_when_the_worker_stopped_fires_after_the_restart_though_nothing_comes_in(stack: Any) -> None:
    arm = Arm(stack.bootstrap)
    with arm.running(settle_ms=3_000) as worker:
        arm.send("a", b"1")
        arm.send("b", b"2")
        arm.flush()
        until(lambda: len(arm.read("changelog")) >= 2 + arm.partitions, "the windows in the changelog")
        assert worker.status.snapshot(0)["ready"]
    assert arm.told() == []
    with arm.running(settle_ms=3_000):
        until(lambda: len(arm.told()) == 2, "both windows")
    assert sorted(arm.told()) == ["1", "2"]


def test_a_second_worker_takes_over_partitions_and_gives_them_back(stack: Any) -> None:
    arm = Arm(stack.bootstrap, partitions=4)
    with arm.running(0) as one:
        until(lambda: one.status.snapshot(0)["restored"] == [0, 1, 2, 3], "all partitions at the first")
        with arm.running(1) as two:
            until(lambda: len(two.status.snapshot(0)["restored"]) == 2, "half of them at the second")
            until(lambda: len(one.status.snapshot(0)["restored"]) == 2, "half of them at the first")
            for i in range(100):
                arm.send(f"k{i}", f"id{i}".encode())
            arm.flush()
            until(lambda: len(arm.told()) == 100, "all ids")
        until(lambda: one.status.snapshot(0)["restored"] == [0, 1, 2, 3], "all partitions back", seconds=90)
        arm.send("k1", b"last")
        arm.flush()
        until(lambda: "last" in arm.told(), "the last id")
    assert sorted(arm.told()) == sorted([f"id{i}" for i in range(100)] + ["last"])


def committed(arm: Arm) -> None:
    """Do what an operator's reset of the group does: forget all offsets of the group."""
    arm.admin.delete_consumer_groups([f"{arm.prefix}.group"])[f"{arm.prefix}.group"].result(20)


def test_state_without_committed_offsets_is_refused(stack: Any) -> None:
    arm = Arm(stack.bootstrap, partitions=1)
    with arm.running() as worker:
        until(lambda: worker.status.snapshot(0)["ready"] and len(arm.read("changelog")) == 1, "the first start")

    def forgotten() -> bool:
        try:
            committed(arm)
        except Exception:
            return False
        return True

    until(forgotten, "the group to be empty", seconds=30)
    with pytest.raises(Fatal) as refused:
        arm.worker().run()
    assert refused.value.code == "RCD-202"


def test_a_missing_topic_is_named(stack: Any) -> None:
    arm = Arm(stack.bootstrap, partitions=1)
    app = arm.app()
    app.changelog_topic = f"{arm.prefix}.absent"
    worker = arm.worker()
    worker._app = app
    with pytest.raises(Fatal, match="absent is missing") as refused:
        worker.run()
    assert refused.value.code == "RCD-201"


def test_a_changelog_of_another_partition_count_is_refused(stack: Any) -> None:
    arm = Arm(stack.bootstrap, partitions=2, changelog_partitions=3)
    with pytest.raises(Fatal) as refused:
        arm.worker().run()
    assert refused.value.code == "RCD-204"


@pytest.mark.parametrize(
    ("meta", "code"),
    [
        ({"app": "counter", "format": 3, "partitions": 1}, "RCD-205"),
        ({"app": "other", "format": 1, "partitions": 1}, "RCD-205"),
        ({"app": "counter", "format": 1, "partitions": 7}, "RCD-204"),
        ({"app": "counter", "format": 1, "partitions": 1}, "RCD-202"),
    ],
)
def test_a_changelog_that_is_not_ours_is_refused(stack: Any, meta: dict[str, Any], code: str) -> None:
    arm = Arm(stack.bootstrap, partitions=1)
    value = json.dumps({**meta, "initialised_ms": 1, "written_by": "x", "v": 1}).encode()
    arm.producer.produce(f"{arm.prefix}.changelog", key=META_KEY, value=value, partition=0)
    arm.flush()
    with pytest.raises(Fatal) as refused:
        arm.worker().run()
    assert refused.value.code == code


def test_kafka_down_at_the_start_is_waited_for_not_fatal() -> None:
    worker = Arm.worker.__get__(_Unreachable())()
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    until(lambda: "RCD-207" in (worker.status.snapshot(0)["failed"] or ""), "the first failure", seconds=40)
    worker.stop()
    thread.join(40)
    assert not thread.is_alive()


class _Unreachable:
    def __init__(self) -> None:
        from schemas.settings import KafkaSettings

        self.prefix, self.settings = "nowhere", KafkaSettings(bootstrap="127.0.0.1:1")

    def app(self, settle_ms: int) -> Any:
        from tests.consumers.runtime.counter_app import CounterApp

        return CounterApp(self.prefix, settle_ms)


@pytest.mark.slow
def test_kill_9_again_and_again_loses_and_doubles_nothing(stack: Any, tmp_path: Path) -> None:
    arm, total = Arm(stack.bootstrap, partitions=2), 0
    process = arm.process(0, 150, tmp_path / "worker.log")
    try:
        for kill in range(5):
            deadline = time.monotonic() + 1.2 + 0.17 * kill
            while time.monotonic() < deadline:
                for _ in range(20):
                    arm.send(f"k{total % 11}", f"id{total}".encode())
                    total += 1
                arm.flush()
                time.sleep(0.01)
            process.kill()
            process.wait()
            process = arm.process(0, 150, tmp_path / "worker.log")
        until(lambda: len(arm.told()) >= total, f"{total} ids", seconds=60)
    finally:
        process.kill()
        process.wait()
    told = arm.told()
    assert (len(told), len(set(told))) == (total, total)


def test_the_end_of_a_changelog_may_be_control_records_an_aborted_transaction_or_tombstones(stack: Any) -> None:
    from confluent_kafka import Producer

    arm = Arm(stack.bootstrap, partitions=1)
    with arm.running(settle_ms=60_000):
        for i in range(3):
            arm.send(f"k{i}", f"id{i}".encode())
        arm.flush()
        until(lambda: len(arm.read("changelog")) >= 4, "meta and three windows")
    foreign = Producer({"bootstrap.servers": arm.bootstrap, "transactional.id": uuid.uuid4().hex})
    foreign.init_transactions(20)
    foreign.begin_transaction()
    foreign.produce(f"{arm.prefix}.changelog", key="k0", value=None, partition=0)
    foreign.flush(10)
    foreign.abort_transaction(20)
    foreign.begin_transaction()
    foreign.produce(f"{arm.prefix}.changelog", key="k1", value=None, partition=0)
    foreign.commit_transaction(20)
    with arm.running(settle_ms=60_000) as worker:
        until(lambda: worker.status.snapshot(0)["restored"] == [0], "the restore")
        reader = Consumer({"bootstrap.servers": arm.bootstrap, "group.id": "end"})
        _, end = reader.get_watermark_offsets(TopicPartition(f"{arm.prefix}.changelog", 0), timeout=10)
        reader.close()
        visible = arm.read("changelog")
        assert end > len(visible)  # control records and the aborted tombstone really are in the log
        instance = worker._instance
        assert instance is not None
        assert sorted(instance._tasks[0].store.keys()) == ["k0", "k2"]

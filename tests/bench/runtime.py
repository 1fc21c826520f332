"""Figures of the runtime on the real broker: rows/s with exactly-once, restore of a million states, kill -9."""

import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.cimpl import NewTopic

from deploy.stack import LocalStack
from tests.bench.measurement import Measurement, median
from tests.bench.processes import ROOT, child
from tests.bench.sizes import Sizes
from tests.consumers.runtime.arms import Arm, until

KEYS = 2_000
PAD = "x" * 900


def fill(bootstrap: str, topic: str, rows: int, keys: int) -> None:
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 50,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    for i in range(rows):
        producer.produce(topic, key=f"k{i % keys}", value=f"{i:08d}{PAD}")
        if i % 5_000 == 0:
            producer.poll(0)
    producer.flush()


def throughput(stack: LocalStack, sizes: Sizes) -> Measurement:
    """Rows/s of the counter app against a bare transactional loop over the same rows."""
    ours: list[float] = []
    floors: list[float] = []
    for _ in range(sizes.runs):
        arm = Arm(stack.bootstrap, partitions=4)
        arm.admin.create_topics([NewTopic(f"{arm.prefix}.floor", 4, 1)])[f"{arm.prefix}.floor"].result(20)
        fill(stack.bootstrap, f"{arm.prefix}.in", sizes.rows, KEYS)
        floors.append(
            child("tests.bench.floors", "transactions", stack.bootstrap, arm.prefix, str(sizes.rows))["rows_per_s"]
        )
        ours.append(
            child("tests.bench.ours", "counter", stack.bootstrap, arm.prefix, str(sizes.rows))["rows_per_s"]
        )
    value, floor = median(ours), median(floors)
    holds = value >= 100_000 and value >= 0.6 * floor
    return Measurement(
        "runtime rows/s, exactly once", value, "rows/s", floor, "≥ 100,000 and ≥ 0.6 × floor", holds, ours, floors
    )


def restore(stack: LocalStack, sizes: Sizes) -> list[Measurement]:
    """Restore a million states of one partition against reading the same topic into a dict."""
    arm = Arm(stack.bootstrap, partitions=1)
    with arm.running() as worker:
        until(lambda: worker.status.snapshot(0)["ready"] and len(arm.read("changelog")) == 1, "the first start")
    producer = Producer(
        {"bootstrap.servers": stack.bootstrap, "linger.ms": 50, "queue.buffering.max.messages": 1_000_000}
    )
    due = time.time_ns() // 1_000_000 + 3_600_000
    for i in range(sizes.states):
        value = f'{{"due_ms":{due + i},"ids":["{i:0100d}"]}}'
        producer.produce(f"{arm.prefix}.changelog", key=f"source/{i}", value=value, partition=0)
        if i % 5_000 == 0:
            producer.poll(0)
    producer.flush()
    topic = f"{arm.prefix}.changelog"
    floors = [child("tests.bench.floors", "load", stack.bootstrap, topic) for _ in range(sizes.runs)]
    ours = [child("tests.bench.ours", "restore", stack.bootstrap, arm.prefix) for _ in range(sizes.runs)]
    assert all(f["keys"] == sizes.states + 1 for f in floors), f"the floor read {floors}"
    seconds, mb = [o["seconds"] for o in ours], [o["mb"] for o in ours]
    floor_s, floor_mb = [f["seconds"] for f in floors], [f["mb"] for f in floors]
    return [
        Measurement("restore of 1 M states", median(seconds), "s", median(floor_s), "≤ 5 s", median(seconds) <= 5,
                    seconds, floor_s),
        Measurement("memory of the whole process with 1 M states", median(mb), "MB", median(floor_mb), "≤ 600 MB",
                    median(mb) <= 600,                    mb, floor_mb),
    ]  # fmt: skip


def kill(stack: LocalStack, sizes: Sizes) -> Measurement:
    """Seconds from the restart after kill -9 to the first record told, against a bare static member."""
    ours: list[float] = []
    floors: list[float] = []
    log = Path("/dev/null")
    for _ in range(sizes.runs):
        arm = Arm(stack.bootstrap, partitions=2)
        process = arm.process(0, 0, log)
        arm.send("k", b"before")
        arm.flush()
        until(lambda arm=arm: arm.told() == ["before"], "the first life")  # type: ignore[misc]
        process.kill()
        process.wait()
        arm.send("k", b"after")
        arm.flush()
        started = time.monotonic()
        process = arm.process(0, 0, log)
        until(lambda arm=arm: len(arm.told()) == 2, "the second life")  # type: ignore[misc]
        ours.append(time.monotonic() - started)
        process.kill()
        process.wait()
        floors.append(_bare_kill(stack.bootstrap, arm))
    value, floor = median(ours), median(floors)
    return Measurement("kill -9 → first record told", value, "s", floor, "≤ 2 s", value <= 2, ours, floors)


def _bare_kill(bootstrap: str, arm: Arm) -> float:
    group = "bare-" + uuid.uuid4().hex[:8]
    command = [sys.executable, "-m", "tests.bench.floors", "member", bootstrap, f"{arm.prefix}.in", group]

    def first() -> tuple["subprocess.Popen[bytes]", float]:
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        return process, time.monotonic() - started

    process, _ = first()
    process.kill()
    process.wait()
    process, seconds = first()
    process.kill()
    process.wait()
    return seconds


def run(stack: LocalStack, sizes: Sizes) -> Sequence[Measurement]:
    return [throughput(stack, sizes), *restore(stack, sizes), kill(stack, sizes)]

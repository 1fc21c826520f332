"""The coalescer on the real runtime over rows as Debezium writes them, against a bare transactional loop.

python -m tests.bench.coalescer ours BOOTSTRAP CELL N [profile]     rows/s of the real application
python -m tests.bench.coalescer floor BOOTSTRAP CELL N              rows/s of consume, decode, remember, transact
"""

import cProfile
import json
import pstats
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from consumers.coalescer.app import CoalescerApp
from consumers.runtime.kafka import consumer_config, producer_config
from consumers.runtime.logs import configure
from consumers.runtime.metrics import counter
from consumers.runtime.worker import Worker
from deploy.stack import LocalStack
from schemas.config import Snapshot, SourceConfig, StaticConfig, TenantConfig
from schemas.reasons import Mode
from schemas.settings import KafkaSettings, LogSettings, Timings
from schemas.topics import Cell, Topic
from tests.bench import rows
from tests.bench.measurement import Measurement, median
from tests.bench.processes import child
from tests.bench.sizes import Sizes

PARTITIONS = 4


def config(tenants: int) -> StaticConfig:
    """Return settings with one ticketz source and that many tenants, all on."""
    on = tuple(
        TenantConfig(f"{rows.SOURCE}/{c}", Mode.ON, lane=f"{rows.SOURCE}/{c}") for c in range(1, tenants + 1)
    )
    return StaticConfig(Snapshot(1, enabled=True, sources=(SourceConfig(rows.SOURCE, "ticketz"),), tenants=on))


# ── as processes ──────────────────────────────────────────────────────────────────────────────────────────


def ours(bootstrap: str, cell: str, total: str, profile: str = "") -> dict[str, float]:
    """Rows/s of the application from the first row until all are committed."""
    configure(LogSettings(level="warning", format="json"))
    view = config(1)
    app = CoalescerApp(Cell(cell), lambda: view, "bench")
    worker = Worker(app, KafkaSettings(bootstrap=bootstrap), Timings(), app.cell.coalescer_group, 0)
    profiler = cProfile.Profile()

    def run() -> None:
        if profile:
            profiler.runcall(worker.run)
        else:
            worker.run()

    thread = threading.Thread(target=run)
    thread.start()
    done = counter("recado_records_total").labels(app.name)
    while done._value.get() < 1:
        time.sleep(0.001)
    started, cpu, first = time.monotonic(), time.process_time(), done._value.get()
    while done._value.get() < int(total) or _uncommitted(worker):
        time.sleep(0.002)
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    worker.stop()
    thread.join()
    if profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(40)
    rate = int(total) - first
    return {"rows_per_s": rate / seconds, "cpu_us": cpu / rate * 1e6}


def _uncommitted(worker: Worker[Any]) -> bool:
    instance = worker._instance
    return instance is None or any(t.dirty or t.moved for t in list(instance._tasks.values()))


class _Source(msgspec.Struct):
    name: str
    ts_ms: int


class _After(msgspec.Struct):
    id: str
    ticketId: int
    companyId: int
    fromMe: bool
    createdAt: str


class _Change(msgspec.Struct):
    op: str
    source: _Source
    after: _After
    ts_ms: int


class _Value(msgspec.Struct):
    due_ms: int
    ids: list[str]


def floor(bootstrap: str, cell_name: str, total: str) -> dict[str, float]:
    """Consume, decode, remember the last id of each ticket, write the touched ones and the offsets each tick."""
    cell, settings, timings, wanted = Cell(cell_name), KafkaSettings(bootstrap=bootstrap), Timings(), int(total)
    member = f"{cell.prefix}floor"
    consumer = Consumer(
        {**consumer_config(settings, timings, member, f"{member}.0"), "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([cell.messages])
    producer = Producer(producer_config(settings, timings, f"{member}.0"))
    producer.init_transactions(30)
    state: dict[bytes, _Value] = {}
    dirty: dict[bytes, int] = {}
    positions: dict[int, int] = {}
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(_Change).decode
    seen, started, cpu, last = 0, 0.0, 0.0, time.monotonic()
    while seen < wanted or dirty:
        for message in consumer.consume(2_000, 0.05):
            if message.error() is not None:
                continue
            if not started:
                started, cpu = time.monotonic(), time.process_time()
            key, change, partition = message.key() or b"", decode(message.value() or b""), message.partition() or 0
            found = state.get(key)
            if found is None:
                found = state[key] = _Value(0, [""])
            found.ids[0], found.due_ms = change.after.id, change.ts_ms
            dirty[key] = partition
            positions[partition] = (message.offset() or 0) + 1
            seen += 1
        if dirty and (time.monotonic() - last > timings.tick_ms / 1000 or seen >= wanted):
            producer.begin_transaction()
            for key, partition in dirty.items():
                producer.produce(member, key=key, value=encode(state[key]), partition=partition)
            offsets = [TopicPartition(cell.messages, p, o) for p, o in positions.items()]
            producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), 10)
            producer.commit_transaction(10)
            dirty.clear()
            last = time.monotonic()
    cpu = time.process_time() - cpu
    return {"rows_per_s": wanted / (time.monotonic() - started), "cpu_us": cpu / wanted * 1e6}


# ── the suite ─────────────────────────────────────────────────────────────────────────────────────────────


def _compare(stack: LocalStack, name: str, count: int, tickets: int, runs: int) -> list[Measurement]:
    gave: list[dict[str, Any]] = []
    bare: list[dict[str, Any]] = []
    for run in range(runs):
        cell = Cell(f"bench-{name}-{run}-{time.time_ns() // 1_000_000}")
        topics = [*cell.all(PARTITIONS), Topic(f"{cell.prefix}floor", PARTITIONS, {})]
        stack.create_topics(topics)
        rows.fill(stack.bootstrap, cell.messages, count, tickets)
        order = [("ours", gave), ("floor", bare)]
        for which, into in order if run % 2 else reversed(order):
            into.append(child("tests.bench.coalescer", which, stack.bootstrap, cell.name, str(count)))
        admin = AdminClient({"bootstrap.servers": stack.bootstrap})
        for deleted in admin.delete_topics([t.name for t in topics]).values():
            deleted.result(20)
    speed, floors = [g["rows_per_s"] for g in gave], [b["rows_per_s"] for b in bare]
    cpu, bare_cpu = [g["cpu_us"] for g in gave], [b["cpu_us"] for b in bare]
    value, least = median(speed), median(floors)
    note = f"{count:,} rows on {tickets:,} tickets"
    return [
        Measurement(f"coalescer rows/s, {name} tickets", value, "rows/s", least, "≥ 100,000 and ≥ 0.6 × floor",
                    value >= 100_000 and value >= 0.6 * least, speed, floors, note),
        Measurement(f"coalescer CPU a row, {name} tickets", median(cpu), "µs", median(bare_cpu), "≤ 2 × floor",
                    median(cpu) <= 2 * median(bare_cpu), cpu, bare_cpu),
    ]  # fmt: skip


def run(stack: LocalStack, sizes: Sizes) -> Sequence[Measurement]:
    hot = _compare(stack, "hot", sizes.rows, 2_000, sizes.runs)
    return [*hot, *_compare(stack, "cold", sizes.rows, sizes.rows // 3, sizes.runs)]


if __name__ == "__main__":
    modes: dict[str, Callable[..., dict[str, float]]] = {"ours": ours, "floor": floor}
    print(json.dumps(modes[sys.argv[1]](*sys.argv[2:])))

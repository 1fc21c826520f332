"""What a row costs the coalescer, without a broker: the real processor over the real store, sealed like a commit.

python -m tests.bench.cost TENANTS OPEN TOUCHED ROWS [profile]     CPU µs a row
"""

import cProfile
import json
import pstats
import sys
import time
from collections.abc import Sequence
from typing import Any

from consumers.coalescer.app import CoalescerApp
from consumers.coalescer.seen import pack
from consumers.runtime.api import Record
from consumers.runtime.store import PartitionStore
from consumers.runtime.task import PartitionTask
from consumers.runtime.tuning import settle_memory
from consumers.runtime.work import WorkPool
from deploy.stack import LocalStack
from schemas.codec import encode
from schemas.identity import digest64
from schemas.records import Item, Window
from schemas.topics import Cell
from tests.bench import rows
from tests.bench.coalescer import config
from tests.bench.measurement import Measurement, median
from tests.bench.processes import child
from tests.bench.sizes import Sizes

COMMIT = 4_000


def opened(ticket: int, now_ms: int) -> bytes:
    """Return a window that has told of one message and gathers two more."""
    ref = f"{rows.SOURCE}/{ticket}/3EB0OPEN"
    items = [Item(f"{ref}{i}", f"3EB0OPEN{i}", now_ms - i, now_ms, now_ms) for i in range(2)]
    seen = pack((digest64(f"{ref}{i}"), now_ms) for i in range(3))
    return encode(
        Window(
            phase="GATHERING", due_ms=now_ms + 3_000_000, window_end_ms=now_ms + 3_000_000, opened_ms=now_ms,
            seq=now_ms - 10, pending=items, seen=seen, company_id=1, last_ts_ms=now_ms, first_ms=now_ms,
            last_customer_ms=now_ms,
        )
    )  # fmt: skip


def cost(tenants: str, windows: str, touched: str, count: str, profile: str = "") -> dict[str, float]:
    """Apply rows of `touched` tickets among `windows` open ones; timers fire as in the loop."""
    view = config(int(tenants))
    app = CoalescerApp(Cell("bench"), lambda: view, "bench")
    now_ms = time.time_ns() // 1_000_000
    store: PartitionStore[Window] = PartitionStore(app)
    for ticket in range(1, int(windows) + 1):
        store.load(f"{rows.SOURCE}/{ticket}", opened(ticket, now_ms))
    store.loaded(now_ms)
    pool: WorkPool[Window] = WorkPool(app)
    task: PartitionTask[Window] = PartitionTask(app, 0, 1, store, 0, pool)
    task.start(now_ms, None)
    records = [
        Record("messages", 0, i, now_ms, key, value, [])
        for i, (key, value) in enumerate(rows.rows(int(count), int(touched), int(tenants)))
    ]
    settle_memory()
    profiler = cProfile.Profile()
    sealed = 0
    started = time.process_time()
    if profile:
        profiler.enable()
    for i, record in enumerate(records, 1):
        task.record(record, now_ms)
        if i % COMMIT == 0:
            now_ms = time.time_ns() // 1_000_000
            task.fire(now_ms)
            sealed += len(task.seal().changes)
    profiler.disable()
    cpu = time.process_time() - started
    if profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(30)
    pool.close()
    return {"us": cpu / len(records) * 1e6, "written": sealed / len(records)}


def _flat(name: str, floor: Sequence[str], value: Sequence[str], sizes: Sizes) -> Measurement:
    least: list[float] = []
    found: list[float] = []
    for _ in range(sizes.runs):
        least.append(child("tests.bench.cost", *floor, str(sizes.cost_rows))["us"])
        found.append(child("tests.bench.cost", *value, str(sizes.cost_rows))["us"])
    ratio = median(found) / median(least)
    return Measurement(name, median(found), "µs", median(least), "≤ 1.5 × floor", ratio <= 1.5, found, least)


def run(stack: LocalStack, sizes: Sizes) -> list[Measurement]:
    """CPU of a row with many tenants or windows, against one tenant and a thousand windows."""
    many = str(sizes.states)
    one = ("1", "1000", "1000")
    wide = f"coalescer µs a row, {sizes.states:,} windows"
    return [
        _flat("coalescer µs a row, 1,000 tenants", one, ("1000", "1000", "1000"), sizes),
        _flat(f"{wide}, 1,000 busy", one, ("1", many, "1000"), sizes),
        _flat(f"{wide}, all busy", ("1", "50000", "50000"), ("1", many, many), sizes),
    ]


if __name__ == "__main__":
    mode: Any = cost
    print(json.dumps(mode(*sys.argv[1:])))

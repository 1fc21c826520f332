"""Our own side of the runtime's benchmarks, as processes, so that memory and imports are their own.

python -m tests.bench.ours counter BOOTSTRAP PREFIX N      rows/s of the counter app
python -m tests.bench.ours restore BOOTSTRAP PREFIX        seconds and MB until partition 0 is restored
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil

from consumers.runtime.api import Effect, Event, Record, Store
from consumers.runtime.logs import configure
from consumers.runtime.metrics import counter
from consumers.runtime.worker import Worker
from schemas.settings import KafkaSettings, LogSettings, Timings
from tests.consumers.runtime.counter_app import Count, CounterApp


class LastValue(CounterApp):
    """Remembers the last value of each key, with a timer far away: one state change a row."""

    def handle(self, event: Event, store: Store[Count], now_ms: int) -> list[Effect]:
        if isinstance(event, Record) and event.key is not None and event.value is not None:
            key = event.key.decode()
            state = store.get(key)
            if state is None:
                state = Count(None, [""])
            state.ids[0] = event.value[:8].decode()
            state.due_ms = now_ms + 3_600_000
            store.put(key, state)
        return []


def _worker(bootstrap: str, prefix: str) -> Worker[Count]:
    configure(LogSettings(level="warning", format="json"))
    return Worker(LastValue(prefix), KafkaSettings(bootstrap=bootstrap), Timings(), f"{prefix}.group", 0)


def rows_per_s(worker: Worker[Any], total: int) -> float:
    """Run a worker over `total` waiting rows and return rows/s from the first to the last."""
    thread = threading.Thread(target=worker.run)
    thread.start()
    done = counter("recado_records_total").labels(worker.app_name)
    while done._value.get() < 1:
        time.sleep(0.001)
    started, first = time.monotonic(), done._value.get()
    while done._value.get() < total:
        time.sleep(0.002)
    rate = (total - first) / (time.monotonic() - started)
    worker.stop()
    thread.join()
    return float(rate)


def count(bootstrap: str, prefix: str, total: str) -> dict[str, float]:
    return {"rows_per_s": rows_per_s(_worker(bootstrap, prefix), int(total))}


def restore(bootstrap: str, prefix: str) -> dict[str, float]:
    worker = _worker(bootstrap, prefix)
    thread = threading.Thread(target=worker.run)
    started = time.monotonic()
    thread.start()
    while not worker.status.snapshot(0)["restored"]:
        time.sleep(0.005)
    seconds = time.monotonic() - started
    mb = psutil.Process().memory_full_info().uss / 2**20
    worker.stop()
    thread.join()
    return {"seconds": seconds, "mb": mb}


if __name__ == "__main__":
    modes: dict[str, Callable[..., dict[str, float]]] = {"counter": count, "restore": restore}
    print(json.dumps(modes[sys.argv[1]](*sys.argv[2:])))

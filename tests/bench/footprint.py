"""What stack and roles take when nothing happens, and how soon the demonstration tells somebody something."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from deploy.stack import Dirs, LocalStack
from schemas.settings import Settings
from tests.bench.desk import Desk, wait
from tests.bench.measurement import Measurement
from tests.bench.processes import ROOT
from tests.bench.sizes import Sizes

IDLE_S = 30
AFTER_S = 60
OUTSIDE = frozenset({"phones"})
"""The phones' gateway stands for the provider: it is no part of an installation."""


def pss_mb(stack: LocalStack) -> float:
    """Proportional set size of every process of the stack, shared pages counted once."""
    return float(sum(p.memory_full_info().pss for p in _processes(stack))) / 2**20


def cores(stack: LocalStack) -> float:
    """CPU seconds a second while nothing happens."""
    before, started = _cpu_s(stack), time.monotonic()
    time.sleep(IDLE_S)
    return (_cpu_s(stack) - before) / (time.monotonic() - started)


def _cpu_s(stack: LocalStack) -> float:
    return sum(sum(p.cpu_times()[:2]) for p in _processes(stack))


def _processes(stack: LocalStack) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for part in stack.status():
        if part.name in OUTSIDE or part.pid is None:
            continue
        root = psutil.Process(part.pid)
        found |= {p.pid: p for p in (root, *root.children(recursive=True))}
    return list(found.values())


def first_notice() -> tuple[float, float]:
    """Return seconds from the demonstration's start to its first notice, and to the bare stack's answer."""
    cache = Settings.load().cache_dir
    with tempfile.TemporaryDirectory(prefix="recado-bench-") as folder:
        bare = LocalStack(Dirs(Path(folder) / "bare", cache))
        started = time.monotonic()
        try:
            bare.up()
            floor = time.monotonic() - started
        finally:
            bare.down(purge=True)
        data = Path(folder) / "demo"
        ledger = data / "demo" / "phones.jsonl"
        started = time.monotonic()
        with (Path(folder) / "demo.log").open("wb") as log:
            demo = subprocess.Popen(
                [sys.executable, "-m", "admin", "demo", "--once"], cwd=ROOT, stdout=log, stderr=log,
                env={**os.environ, "RECADO_DATA_DIR": str(data)},
            )  # fmt: skip
            try:
                wait(lambda: ledger.exists() and ledger.stat().st_size > 0, "the demonstration's first notice", 120)
                seconds = time.monotonic() - started
            finally:
                demo.send_signal(signal.SIGINT)
                try:
                    demo.wait(60)
                finally:
                    demo.kill()
                    LocalStack(Dirs(data, cache)).down(purge=True)
    return seconds, floor


def run(stack: LocalStack, sizes: Sizes) -> list[Measurement]:
    desk = Desk(stack)
    desk.build()
    with desk.bare_connector():
        time.sleep(AFTER_S if sizes.runs > 1 else 10)
        floor_mb, floor_cores = pss_mb(stack), cores(stack)
    desk.install(desk.start_phones(), {})
    time.sleep(AFTER_S if sizes.runs > 1 else 10)
    mb, idle = pss_mb(stack), cores(stack)
    notice, up = first_notice()
    return [
        Measurement("PSS of stack and roles, 60 s after the start", mb, "MB", floor_mb, "≤ 900 MB", mb <= 900,
                    note="floor: the same stack with a bare connector and no roles"),
        Measurement("idle CPU of stack and roles", idle, "cores", floor_cores, "≤ 0.25 core", idle <= 0.25),
        Measurement("demonstration: start → first notice, warm", notice, "s", up, "≤ 25 s", notice <= 25,
                    note="floor: the bare stack answers"),
    ]  # fmt: skip

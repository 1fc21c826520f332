"""Processes known by a record (pid and start time): is it still that one, and how to end it for good."""

import contextlib
import json
import signal
from pathlib import Path

import psutil
import structlog

log = structlog.get_logger()
CLOCK_SLACK_S = 2.0  # the start time is computed from the boot time, which moves when the clock is set


def alive(record: Path) -> psutil.Process | None:
    """Return the recorded process if it still runs; a reused pid, a zombie or a torn record is nobody."""
    try:
        noted = json.loads(record.read_text(encoding="utf-8"))
        process = psutil.Process(int(noted["pid"]))
        same = abs(process.create_time() - float(noted["started"])) < CLOCK_SLACK_S
        running = process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return process if same and running else None


def end(process: psutil.Process, first: signal.Signals = signal.SIGTERM, patience_s: float = 15.0) -> None:
    """End a process and its children: politely, then by force. Blocks until they are gone."""
    try:
        family = [process, *process.children(recursive=True)]
        log.info("ending a left-over process", pid=process.pid)
        process.send_signal(first)
    except psutil.NoSuchProcess:
        return
    _, stubborn = psutil.wait_procs([process], timeout=patience_s)
    for member in [*stubborn, *family[1:]]:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(family, timeout=5)


def pss_mb(pid: int) -> int | None:
    """Return the proportional memory of a process and its children in MB, or None where it cannot be read."""
    total = 0
    try:
        process = psutil.Process(pid)
        for member in [process, *process.children(recursive=True)]:
            info = member.memory_full_info()
            total += int(getattr(info, "pss", 0) or getattr(info, "uss", 0))
    except psutil.Error:
        return None
    return total >> 20

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deploy import processes


def record(path: Path, pid: int, started: float) -> Path:
    path.write_text(json.dumps({"pid": pid, "started": started, "argv": []}))
    return path


def test_a_recorded_process_is_recognised(tmp_path: Path) -> None:
    me = psutil.Process()
    assert processes.alive(record(tmp_path / "me.json", me.pid, me.create_time())) == me


def test_a_reused_pid_is_nobody(tmp_path: Path) -> None:
    started = psutil.Process().create_time() - 60
    assert processes.alive(record(tmp_path / "other.json", os.getpid(), started)) is None


@pytest.mark.parametrize("text", [None, "", "{}", '{"pid": "x", "started": 1}'])
def test_a_torn_or_missing_record_is_nobody(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "torn.json"
    if text is not None:
        path.write_text(text)
    assert processes.alive(path) is None


def test_a_process_that_ignores_the_signal_is_killed_with_its_children(tmp_path: Path) -> None:
    child = "import time; time.sleep(600)"
    program = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"subprocess.Popen([sys.executable, '-c', {child!r}]); print('ready', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()
        family = [psutil.Process(stubborn.pid), *psutil.Process(stubborn.pid).children()]
        processes.end(family[0], patience_s=0.2)
        stubborn.wait(5)
    assert len(family) == 2
    assert [member.is_running() for member in family] == [False, False]

"""The demonstration as a person runs it: `recado demo --once` on a stack of its own, to the end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.stack import Dirs, LocalStack
from schemas.settings import Settings

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.stack, pytest.mark.slow]


@pytest.mark.timeout(400)
def test_ten_scenarios_of_recorded_traffic_reach_the_phones_with_nothing_lost_or_doubled(tmp_path: Path) -> None:
    data, summary = tmp_path / ".recado", tmp_path / "summary.json"
    environment = {**os.environ, "RECADO_DATA_DIR": str(data)}
    command = [sys.executable, "-m", "admin", "demo", "--once", "--scenario", "10", "--summary", str(summary)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=350, check=False
        )
    finally:
        LocalStack(Dirs(data, Settings.load().cache_dir)).down(purge=True)
    assert done.returncode == 0, done.stderr[-3_000:]
    told = json.loads(summary.read_text("utf-8"))
    accounted = {name: told[name] for name in ("dead", "pending", "unaccounted", "doubled", "broken")}
    assert accounted == {"dead": 0, "pending": 0, "unaccounted": 0, "doubled": 0, "broken": {}}
    assert told["admitted"] == 24
    assert told["notices"] > 0
    assert told["latency_ms"]["p50"] is not None

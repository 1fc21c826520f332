"""The demonstration as a person runs it: `recado demo --once` on a stack of its own, to the end."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.stack import Dirs, LocalStack
from schemas.settings import Settings

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.stack, pytest.mark.slow]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the demonstration's stack is: the first run starts it, the next one finds it."""
    folder = tmp_path_factory.mktemp("demo") / ".recado"
    try:
        yield folder
    finally:
        LocalStack(Dirs(folder, Settings.load().cache_dir)).down(purge=True)


def expected(scenarios: int) -> dict[str, int]:
    """Return what the hand-written oracle says of the first scenarios: messages, and how often one is told."""
    oracle: dict[str, Any] = json.loads((ROOT / "tests/expected/ticketz.json").read_text("utf-8"))["scenarios"]
    messages = [each for name in sorted(oracle)[:scenarios] for each in oracle[name]["messages"].values()]
    return {"admitted": len(messages), "sent": sum(len(each["told"]) for each in messages)}


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("gateway", "scenarios"), [("sandbox", 7), ("evolution", 2)])
def test_recorded_traffic_reaches_the_phones_with_nothing_lost_or_doubled(
    data: Path, tmp_path: Path, gateway: str, scenarios: int
) -> None:
    summary = tmp_path / "summary.json"
    command = [sys.executable, "-m", "admin", "demo", "--once", "--scenario", str(scenarios), "--gateway", gateway]
    environment = {**os.environ, "RECADO_DATA_DIR": str(data)}
    done = subprocess.run(
        [*command, "--summary", str(summary)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=350, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3_000:]
    told: dict[str, Any] = json.loads(summary.read_text("utf-8"))
    accounted = {name: told[name] for name in ("dead", "pending", "unaccounted", "doubled", "broken")}
    assert accounted == {"dead": 0, "pending": 0, "unaccounted": 0, "doubled": 0, "broken": {}}
    wanted = expected(scenarios)
    assert {name: told[name] for name in wanted} == wanted
    assert told["notices"] > 0
    assert told["latency_ms"]["p50"] is not None

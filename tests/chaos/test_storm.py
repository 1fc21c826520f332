"""A storm: faults of all parts over one another. Afterwards nothing is lost and nothing doubled.

`CHAOS_SEEDS` seeds from `CHAOS_FIRST_SEED` on, each in its own world and `CHAOS_STORM_S` seconds long. Each fault
is a line of `faults.jsonl` beside the reports.
"""

import os
from pathlib import Path
from random import Random

import pytest

from deploy.stack import LocalStack
from tests.chaos.report import Report
from tests.chaos.storm import ROLES, counted, storm
from tests.chaos.traffic import Traffic
from tests.chaos.world import World

SEEDS = int(os.environ.get("CHAOS_SEEDS", "0"))
FIRST_SEED = int(os.environ.get("CHAOS_FIRST_SEED", "1"))
STORM_S = float(os.environ.get("CHAOS_STORM_S", "360"))
PROCESSES = (0, 1, 2)
SETTLE_S = 120.0

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,
    pytest.mark.chaos,
    pytest.mark.timeout(STORM_S + 600),
    pytest.mark.skipif(not SEEDS, reason="make chaos"),
]


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + max(SEEDS, 1)))
def test_a_storm_of_faults_loses_and_doubles_nothing(
    broken_stack: LocalStack, tmp_path: Path, reports: Path, seed: int
) -> None:
    report = Report("storm", seed)
    world = World(broken_stack, tmp_path, capture=True)
    world.on_fault = lambda fault: report.note(fault, reports)
    try:
        world.misbehave(do="status", status=503, every=11, times=None)
        world.misbehave(do="delay", delay_ms=200, every=3, times=None)
        for role in ROLES:
            world.start_roles(role, len(PROCESSES))
        world.ready()
        with Traffic(world, Random(seed)):
            pace = storm(world, seed, STORM_S, PROCESSES)
        verdict = world.settled(SETTLE_S)
        report.result = {**world.summary(verdict), "kinds": counted(report.faults), "pace": vars(pace)}
        print(report.write(reports))
        notes = {"where": world.where_it_stands()} if not verdict.ok else {}
        assert (verdict.findings, verdict.tally.pending, world.watch.doubles, notes) == ([], 0, [], {})
    finally:
        world.close()

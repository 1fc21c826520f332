"""Each kind of fault on each part under steady traffic: nothing is lost, nothing is doubled."""

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from deploy.stack import LocalStack
from tests.chaos.roles import until
from tests.chaos.world import Report, Traffic, World

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def world(broken_stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world with two processes of each role and real capture."""
    world = World(broken_stack, tmp_path_factory.mktemp("world"), capture=True)
    try:
        world.start_roles("coalescer", 2)
        world.start_roles("sender", 2)
        world.ready()
        yield world
    finally:
        world.close()


def judged(world: World, report: Report, reports: Path, since: int) -> None:
    verdict = world.settled()
    report.faults = world.faults[since:]
    report.result = world.summary(verdict)
    print(report.write(reports))
    assert (verdict.findings, verdict.tally.pending, world.watch.doubles) == ([], 0, [])


@pytest.mark.parametrize("part", ["coalescer", "sender", "kafka", "connect", "postgres"])
def test_a_killed_part_loses_and_doubles_nothing(world: World, reports: Path, part: str) -> None:
    since, seed = len(world.faults), 1
    before = world.watch.tally.told
    with Traffic(world, Random(f"{part}{seed}")):
        until(lambda: world.watch.tally.told > before + 3, "notices before the fault")
        world.kill(part)
        time.sleep(3)
    judged(world, Report(f"kill-{part}", seed), reports, since)

"""Each kind of fault on each part under steady traffic: nothing is lost, nothing is doubled.

`CHAOS_SEEDS` seeds (default 1) of `CHAOS_FAULTS` faults each; without either only the short rounds run.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random

import pytest

from deploy.stack import LocalStack
from tests.chaos.report import Report
from tests.chaos.roles import until
from tests.chaos.traffic import Traffic
from tests.chaos.world import World

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(240)]

Act = Callable[[World], None]
ROLES = ("coalescer", "sender")
PARTS = (*ROLES, "kafka", "connect", "postgres")
SEEDS = int(os.environ.get("CHAOS_SEEDS", "0"))
FIRST_SEED = int(os.environ.get("CHAOS_FIRST_SEED", "1"))
FAULTS = int(os.environ.get("CHAOS_FAULTS", "30"))
PAUSE_S = 1.5
FREEZES = {"kafka": 5.0, "connect": 12.0}


def kill(part: str, world: World) -> None:
    world.kill(part)


def freeze(part: str, world: World) -> None:
    world.freeze(part, seconds=FREEZES.get(part, 8.0))


def outage(world: World) -> None:
    world.outage()


def both(*acts: Act) -> Act:
    """Faults at the same time."""

    def act(world: World) -> None:
        with ThreadPoolExecutor(len(acts)) as pool:
            for done in [pool.submit(one, world) for one in acts]:
                done.result()

    return act


def twin(role: str, world: World) -> None:
    world.twin(role)


def rebalance(role: str, world: World) -> None:
    """1 → 3 → 2 processes."""
    for count in (1, 3, 2):
        world.scale(role, count)
        time.sleep(PAUSE_S)


KILLS: list[Act] = [partial(kill, part) for part in PARTS]
ZOMBIES: list[Act] = [partial(freeze, role) for role in ROLES]
REBALANCES: list[Act] = [partial(rebalance, role) for role in ROLES]
TWINS: list[Act] = [partial(twin, role) for role in ROLES]
FROZEN_PARTS: list[Act] = [partial(freeze, part) for part in ("kafka", "connect", "postgres")]
ALL = [*KILLS, *KILLS, *ZOMBIES, *REBALANCES, *TWINS, *FROZEN_PARTS, outage]


@pytest.fixture(scope="module")
def world(broken_stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world with two processes of each role, real capture, and a gateway with moods."""
    world = World(broken_stack, tmp_path_factory.mktemp("world"), capture=True)
    try:
        world.misbehave(do="status", status=503, every=11, times=None)
        world.misbehave(do="delay", delay_ms=200, every=3, times=None)
        world.start_roles("coalescer", 2)
        world.start_roles("sender", 2)
        world.ready()
        yield world
    finally:
        world.close()


def play(world: World, acts: Sequence[Act], random: Random, report: Report, reports: Path) -> None:
    """Let the faults happen under traffic, each after the world goes on again; then judge."""
    since = len(world.faults)
    with Traffic(world, random):
        for act in acts:
            goes_on(world)
            act(world)
            time.sleep(random.random() * PAUSE_S)
        goes_on(world)
    verdict = world.settled()
    report.faults = world.faults[since:]
    report.result = world.summary(verdict)
    print(report.write(reports))
    assert (verdict.findings, verdict.tally.pending, world.watch.doubles) == ([], 0, [])


def goes_on(world: World) -> None:
    before = world.watch.tally.told
    try:
        until(lambda: world.watch.tally.told > before + 2, "notices go on", 90)
    except AssertionError as error:
        error.add_note(world.where_it_stands())
        raise


@pytest.mark.parametrize(
    ("name", "acts"),
    [("kills", KILLS), ("zombies", [both(*ZOMBIES)]), ("rebalances", [both(*REBALANCES)])],
    ids=["every-part-killed", "roles-frozen-longer-than-a-session", "one-three-two-workers"],
)
def test_a_fault_loses_and_doubles_nothing(world: World, reports: Path, name: str, acts: list[Act]) -> None:
    play(world, acts, Random(name), Report(name, 0), reports)


@pytest.mark.skipif(not SEEDS, reason="make chaos")
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_any_faults_in_any_order_lose_and_double_nothing(world: World, reports: Path, seed: int) -> None:
    random = Random(seed)
    acts = [random.choice(ALL) for _ in range(FAULTS)]
    play(world, acts, random, Report("random", seed), reports)

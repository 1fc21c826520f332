"""The sender is killed at every point of an attempt, and a gateway is away for a minute: on the real stack.

`CHAOS_SEEDS` (make chaos): every point with every policy, and the gateway. In CI the gateway's outages run in
virtual time (tests/consumers/sender/test_load.py).
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from admin.registry import tenants
from consumers.runtime.kafka import partition_counts
from deploy.stack import LocalStack
from schemas.database import transaction
from schemas.errors import RecadoError
from schemas.identity import TenantId
from schemas.settings import KafkaSettings
from tests.chaos.report import Report
from tests.chaos.roles import until
from tests.chaos.test_controls import arm, judged, told
from tests.chaos.world import BY, COMPANIES, TICKETS, World

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(600)]

SEEDS = int(os.environ.get("CHAOS_SEEDS", "0"))
ALL_POINTS = ("marker", "http", "answer", "commit")
# In CI each point once, those that leave a doubt with the policy that sends again.
POINTS = {"resend": ("http", "answer"), "dead": ("marker", "commit")}
OUTAGE_S = 60.0


def is_ready(world: World) -> bool:
    """Tell whether the broker knows the topics that were just created."""
    try:
        partition_counts(
            KafkaSettings(bootstrap=world.stack.bootstrap),
            [world.cell.alerts, world.cell.sender_changelog, world.cell.dlq, world.cell.messages],
        )
    except RecadoError:
        return False
    return True


def killed_at(stack: LocalStack, folder: Path, reports: Path, point: str, policy: str) -> dict[str, Any]:
    """Every ticket's customer writes; the sender is killed where it is; its successor ends the matter."""
    at = folder / "here"
    with arm(stack, folder) as (world, connection):
        with transaction(world._url) as registry:
            for company, _ in COMPANIES:
                tenant = TenantId(world.source, str(company))
                tenants.change(registry, BY, tenant, unknown_policy=policy)
        until(lambda: is_ready(world), "the topics")  # a sender that has to start twice holds nowhere
        world.start_roles("coalescer")
        held = point != "commit"
        world.roles.start("sender", 0, ["--hold", f"{point}:{at}"] if held else [])
        world.ready()
        for ticket in TICKETS:
            world.write(connection, world.row(ticket))
        if held:
            until(at.exists, f"the sender at its {point}", 60)
        else:
            told(world, 1)
        world.kill("sender")
        seen = judged(world, f"killed-at-{point}-{policy}", [], reports, 0, 60)
        flagged = [o for o in world.outcomes() if "maybe_duplicate" in o.flags and o.kind == "sent"]
        return {
            "verdict": seen.verdict,
            "phones": seen.phones,
            "flagged": len(flagged),
            "dead": seen.verdict.summary()["dead"],
            "told": world.watch.tally.told,
        }


@pytest.mark.parametrize("policy", POINTS)
def test_a_sender_that_is_killed_at_any_point_of_an_attempt_loses_nothing_and_hides_nothing(
    broken_stack: LocalStack, tmp_path: Path, reports: Path, policy: str
) -> None:
    with ThreadPoolExecutor(2) as several:
        runs = {
            point: several.submit(killed_at, broken_stack, tmp_path / point, reports, point, policy)
            for point in (ALL_POINTS if SEEDS else POINTS[policy])
        }
        found = {point: run.result() for point, run in runs.items()}
    for point, seen in found.items():
        assert seen["verdict"].ok, (point, seen["verdict"].summary())
        assert seen["phones"], point
        if policy == "dead":
            assert set(seen["phones"]) == {1}, f"{point}: delivered twice"
            assert seen["flagged"] == 0
        else:
            assert seen["dead"] == 0, f"{point}: somebody was left without"
            assert sum(times > 1 for times in seen["phones"]) <= seen["flagged"]
    if "marker" in found:  # nothing had left: no doubt, no dead letter
        assert found["marker"]["dead"] == found["marker"]["flagged"] == 0


@pytest.mark.skipif(not SEEDS, reason="make chaos")
def test_a_gateway_that_is_away_for_a_minute_leaves_no_dead_letter_and_one_notice_for_each_agent(
    broken_stack: LocalStack, tmp_path: Path, reports: Path
) -> None:
    with arm(broken_stack, tmp_path) as (world, connection):
        for role in ("coalescer", "sender"):
            world.start_roles(role)
        world.ready()
        world.misbehave(do="status", status=503, times=None)
        started = time.monotonic()
        while time.monotonic() - started < OUTAGE_S:
            for ticket in TICKETS:
                world.write(connection, world.row(ticket))
            time.sleep(5)
        httpx.delete(f"{world.phones_url}/v1/faults", timeout=10).raise_for_status()
        verdict = world.settled(150, quiet_s=5)
        print(Report("gateway-away", 0, world.faults, world.summary(verdict)).write(reports))
        assert verdict.ok, verdict.summary()
        assert verdict.summary()["dead"] == 0
        in_order(world)


def in_order(world: World) -> None:
    """Assert that each agent was told of each ticket in the order in which its messages were written."""
    last: dict[tuple[str, int], int] = {}
    for outcome in world.outcomes():
        if outcome.kind == "sent" and outcome.agent is not None:
            key = outcome.agent, outcome.ticket_id
            assert (outcome.created_ms or 0) >= last.get(key, 0), f"{key} was told out of order"
            last[key] = outcome.created_ms or 0

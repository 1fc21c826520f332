"""Control arms: each takes one guard away by name, completes its run, and then something is lost or doubled.

The same run with the guard loses and doubles nothing, so a green suite cannot be one that sees nothing.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psutil
import psycopg
import pytest

from deploy.demo.verifier.verdict import Verdict
from deploy.stack import LocalStack
from tests.chaos.report import Report
from tests.chaos.roles import until
from tests.chaos.world import TICKETS, World

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(600)]

SEEDS = int(os.environ.get("CHAOS_SEEDS", "0"))
AT_ONCE = 4
HOUR_MS = 3_600_000
NIGHT_MS = 14 * HOUR_MS
QUEUE_TICKET = 1001
OTHER_TICKET = 1003
ANA, BRU = 2, 3
BRUNO = "+5511977771002"


@contextmanager
def arm(stack: LocalStack, folder: Path, **parameters: int) -> Iterator[tuple[World, "psycopg.Connection[Any]"]]:
    """A world without capture: rows are produced as Debezium would, at the moment that the scenario wants."""
    world = World(stack, folder, capture=False, parameters=parameters)
    try:
        with world.connect() as connection:
            yield world, connection
    finally:
        world.close()


@dataclass
class Seen:
    """What an arm showed: the verifier's verdict, how often phones saw each notice, what was visible twice."""

    verdict: Verdict
    phones: list[int]
    doubles: list[str]
    ends: dict[str, list[str]] = field(default_factory=dict)


def told(world: World, count: int) -> None:
    until(lambda: world.watch.tally.told >= count, f"{count} messages told", 60)


def judged(world: World, name: str, flags: list[str], reports: Path, seed: int, seconds: float) -> Seen:
    verdict = world.settled(seconds)
    phones = sorted(world.phone_lines().values())
    report = Report(name + ("-control" if flags else ""), seed, world.faults, world.summary(verdict))
    report.result["phones_twice"] = sum(times > 1 for times in phones)
    print(report.write(reports))
    return Seen(verdict, phones, list(world.watch.doubles))


def held(world: World, role: str, file: Path) -> int:
    """Wait until the role waits at its point, stop it there for good, and let it think that it goes on."""
    until(file.exists, f"{role} at its point")
    pid = world.roles.pid(role, 0)
    world.note("freeze", role, pid, "SIGSTOP")
    os.kill(pid, signal.SIGSTOP)
    until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "the stop")
    file.unlink()
    return pid


# ── a zombie between a due timer and its transaction ──────────────────────────────────────────────────────


def a_frozen_coalescer_wakes(stack: LocalStack, folder: Path, reports: Path, flags: list[str], seed: int) -> Seen:
    at = folder / "here"
    # The sender knows an alert while any entry of it is there, also a sent one that waits for receipts.
    with arm(stack, folder, receipt_ttl=200) as (world, connection):
        world.start_roles("sender")
        world.roles.start("coalescer", 0, [*flags, "--hold", f"fire:{at}"])
        world.ready()
        world.write(connection, world.row(QUEUE_TICKET))
        zombie = held(world, "coalescer", at)
        world.roles.start("coalescer", 1, flags)
        told(world, 2)  # ANA and BRU, by the successor
        time.sleep(1)
        os.kill(zombie, signal.SIGCONT)
        time.sleep(1)
        world.write(connection, world.row(OTHER_TICKET))
        told(world, 4)
        return judged(world, "zombie-timer", flags, reports, seed, 20)


# ── a zombie between a marker and its HTTP request ────────────────────────────────────────────────────────


def a_frozen_sender_wakes(stack: LocalStack, folder: Path, reports: Path, flags: list[str], seed: int) -> Seen:
    at = folder / "here"
    with arm(stack, folder) as (world, connection):
        connection.execute('UPDATE "Tickets" SET "userId" = %s WHERE id = %s', [ANA, QUEUE_TICKET])
        world.start_roles("coalescer")
        world.roles.start("sender", 0, [*flags, "--hold", f"http:{at}"])
        world.ready()
        world.write(connection, world.row(QUEUE_TICKET))
        zombie = held(world, "sender", at)
        world.roles.start("sender", 1, flags)
        told(world, 1)  # by the successor, as the one resend of an unknown attempt
        os.kill(zombie, signal.SIGCONT)
        time.sleep(1)
        world.write(connection, world.row(QUEUE_TICKET))
        told(world, 2)
        return judged(world, "zombie-send", flags, reports, seed, 20)


# ── reassigned to one who was told already, across a kill ─────────────────────────────────────────────────


def a_ticket_goes_to_who_was_told(
    stack: LocalStack, folder: Path, reports: Path, flags: list[str], seed: int
) -> Seen:
    with arm(stack, folder, base=6_000) as (world, connection):
        world.misbehave(do="status", status=503, to=BRUNO, times=1, headers={"Retry-After": "5"})
        world.start_roles("coalescer")
        world.start_roles("sender", 1, flags)
        world.ready()
        world.write(connection, world.row(QUEUE_TICKET))
        told(world, 1)  # ANA; BRU has to wait for the next attempt
        connection.execute('UPDATE "Tickets" SET "userId" = %s WHERE id = %s', [ANA, QUEUE_TICKET])
        world.kill("sender")
        until(lambda: world.watch.tally.suppressed["reassigned"] + world.watch.tally.moved == 1, "the re-check")
        return judged(world, "told-to", flags, reports, seed, 20)


# ── a connector that stops at 22:00 and returns at 12:00 ──────────────────────────────────────────────────


def a_night_passes(stack: LocalStack, folder: Path, reports: Path, flags: list[str], seed: int) -> Seen:
    with arm(stack, folder) as (world, connection):
        world.start_roles("coalescer", 1, flags)
        world.start_roles("sender")
        world.ready()
        question, other = world.row(QUEUE_TICKET), world.row(OTHER_TICKET)
        for row in (question, other):
            world.write(connection, row)
        told(world, 4)
        answer = world.row(QUEUE_TICKET, from_me=True, ack=2)
        world.write(connection, answer)
        night = world.row(QUEUE_TICKET)  # committed before the connector stopped, read when it has returned
        until(lambda: world.watch.state()["rows"] == 3, "the evening's rows")
        for role in ("coalescer", "sender"):
            world.note("kill", role, world.roles.pid(role, 0), "SIGKILL")
            world.roles.end(role, 0, signal.SIGKILL)
            kept = flags if role == "coalescer" else []
            world.roles.start(role, 0, [*kept, "--clock-ahead-ms", str(NIGHT_MS)])
        for row in (question, answer, other, night):  # back at noon, it repeats what it had not noted
            world.write(connection, row)
        noon_ms = time.time_ns() // 1_000_000 + NIGHT_MS
        news = world.row(QUEUE_TICKET, created_ms=noon_ms)
        world.write(connection, news)
        elsewhere = [
            world.row(ticket, created_ms=noon_ms) for ticket in TICKETS if ticket % 4 and ticket != OTHER_TICKET
        ]
        for row in elsewhere:
            world.write(connection, row)
        for row in (answer, question, other, night):  # and once more, with the stream 14 h ahead of them
            world.produce(row)
        seen = judged(world, "night", flags, reports, seed, 30)
        ends: dict[str, list[str]] = {}
        for outcome in world.outcomes():
            for ref in outcome.message_refs:
                if outcome.kind in {"sent", "suppressed"}:
                    ends.setdefault(ref, []).append(outcome.reason or outcome.kind)
        names = {"question": question, "other": other, "night": night, "news": news}
        seen.ends = {name: sorted(ends.get(world.ref(row), [])) for name, row in names.items()}
        return seen


# ── transactions refused with all their records in the log ────────────────────────────────────────────────


def transactions_are_refused(stack: LocalStack, folder: Path, reports: Path, flags: list[str], seed: int) -> Seen:
    random = Random(seed)
    with arm(stack, folder) as (world, connection):
        world.start_roles("coalescer", 1, [*flags, "--abort-every", "3"])
        world.start_roles("sender", 1, ["--abort-every", "4"])
        world.ready()
        tickets = random.sample(TICKETS, 12)
        for _ in range(2):  # what a dropped write set left in the changelog must not heal it: each ticket goes on
            for ticket in tickets:
                world.write(connection, world.row(ticket))
                time.sleep(random.random() * 0.15)
            time.sleep(2)
        return judged(world, "refused", flags, reports, seed, 20)


# ── the transaction of a result is refused ────────────────────────────────────────────────────────────────


def a_result_is_refused(stack: LocalStack, folder: Path, reports: Path, flags: list[str], seed: int) -> Seen:
    with arm(stack, folder) as (world, connection):
        connection.execute('UPDATE "Tickets" SET "userId" = %s WHERE id = %s', [ANA, QUEUE_TICKET])
        world.start_roles("coalescer")
        world.start_roles("sender", 1, [*flags, "--abort-sent"])
        world.ready()
        world.write(connection, world.row(QUEUE_TICKET))
        told(world, 1)
        return judged(world, "result-refused", flags, reports, seed, 20)


# ── the arms ──────────────────────────────────────────────────────────────────────────────────────────────

Scenario = Callable[[LocalStack, Path, Path, list[str], int], Seen]
TWICE = ["sent", "sent"]  # to each of the queue's two members


@dataclass(frozen=True)
class Arm:
    """A scenario, what is seen with all guards, and whether what is seen without the named one is the failure."""

    scenario: Scenario
    phones: list[int] | None
    suppressed: dict[str, int]
    fails: Callable[[Seen], bool]
    ends: dict[str, list[str]] = field(default_factory=dict)


ARMS = {
    "offsets": Arm(a_frozen_coalescer_wakes, None, {}, lambda seen: bool(seen.doubles and seen.verdict.doubled)),
    # The phone sees an attempt that both owners started; the laws excuse it, for a resend is flagged.
    "lease": Arm(a_frozen_sender_wakes, [1, 1], {}, lambda seen: seen.phones == [1, 2]),
    "told_to": Arm(
        a_ticket_goes_to_who_was_told, [1], {"reassigned": 1}, lambda seen: bool(seen.verdict.doubled)
    ),
    "stream_time": Arm(
        a_night_passes, None, {"stale": 1},
        lambda seen: len(seen.verdict.unaccounted) == 1 and seen.ends["night"] == [],
        ends={"question": TWICE, "other": TWICE, "night": ["stale"], "news": TWICE},
    ),
    # Whoever exits forgets what it has just sent; the resend of its unknown attempt is seen, and flagged.
    "staying": Arm(a_result_is_refused, [1], {}, lambda seen: seen.phones == [2]),
    "replay": Arm(transactions_are_refused, None, {}, lambda seen: bool(seen.verdict.unaccounted)),
}  # fmt: skip


# In CI the timer's zombie has its own deterministic pair in tests/consumers/runtime.
NAMES = list(ARMS) if SEEDS else [name for name in ARMS if name != "offsets"]


@pytest.fixture(scope="module")
def arms(
    request: pytest.FixtureRequest,
    broken_stack: LocalStack,
    tmp_path_factory: pytest.TempPathFactory,
    reports: Path,
) -> Iterator[dict[tuple[str, bool, int], "Future[Seen]"]]:
    """Every arm that this session wants, several at a time: they mostly wait for sessions and windows."""
    wanted = [i.callspec.params for i in request.session.items if i.path == request.path]  # type: ignore[attr-defined]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {}
        for one in wanted:
            name, guarded, seed = one["name"], one["guarded"], one["seed"]
            flags = [] if guarded else ["--without", name]
            folder = tmp_path_factory.mktemp("arm")
            running[name, guarded, seed] = pool.submit(
                ARMS[name].scenario, broken_stack, folder, reports, flags, seed
            )
        yield running
        for future in running.values():
            future.cancel()


@pytest.mark.parametrize("seed", range(1, 1 + min(max(SEEDS, 1), 5)))
@pytest.mark.parametrize("guarded", [True], ids=["guarded"])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost_or_doubled(arms: dict[Any, Any], name: str, guarded: bool, seed: int) -> None:
    seen, arm = arms[name, guarded, seed].result(), ARMS[name]
    verdict = seen.verdict
    assert (verdict.findings, verdict.tally.pending, verdict.tally.suppressed) == ([], 0, arm.suppressed)
    assert (seen.ends, seen.doubles) == (arm.ends, [])
    assert seen.phones == (arm.phones or [1] * len(seen.phones))


@pytest.mark.parametrize("seed", range(1, 1 + min(max(SEEDS, 1), 5)))
@pytest.mark.parametrize("guarded", [False], ids=["without"])
@pytest.mark.parametrize("name", NAMES)
def test_control_without_the_guard_something_is(arms: dict[Any, Any], name: str, guarded: bool, seed: int) -> None:
    seen = arms[name, guarded, seed].result()
    assert ARMS[name].fails(seen), seen

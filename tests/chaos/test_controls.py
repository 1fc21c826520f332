"""Control arms: each takes one guard away by name, completes its run, and then something is lost or doubled.

The same run with the guard loses and doubles nothing, so a green suite cannot be one that sees nothing.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import psutil
import psycopg
import pytest

from deploy.demo.verifier.verdict import Verdict
from deploy.stack import LocalStack
from tests.chaos.roles import until
from tests.chaos.world import TICKETS, Report, World

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(120)]

SEEDS = int(os.environ.get("CHAOS_SEEDS", "0"))
HOUR_MS = 3_600_000
NIGHT_MS = 14 * HOUR_MS
GUARDED: list[str] = []
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


def without(*names: str) -> list[str]:
    return [flag for name in names for flag in ("--without", name)]


def told(world: World, count: int) -> None:
    until(lambda: sum(world.phone_lines().values()) >= count, f"{count} texts on the phones", 60)


def judged(world: World, name: str, flags: list[str], reports: Path, seed: int = 0, seconds: float = 40) -> Verdict:
    verdict = world.settled(seconds)
    report = Report(name + ("-control" if flags else ""), seed, world.faults, world.summary(verdict))
    report.result["phones_twice"] = sum(times > 1 for times in world.phone_lines().values())
    print(report.write(reports))
    return verdict


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


def a_frozen_coalescer_wakes(stack: LocalStack, folder: Path, reports: Path, flags: list[str]) -> Verdict:
    at = folder / "here"
    with arm(stack, folder) as (world, connection):
        world.start_roles("sender")
        world.roles.start("coalescer", 0, [*flags, "--hold", f"fire:{at}"])
        world.ready()
        world.write(connection, world.row(QUEUE_TICKET))
        zombie = held(world, "coalescer", at)
        world.roles.start("coalescer", 1, flags)
        told(world, 2)  # ANA and BRU, by the successor
        os.kill(zombie, signal.SIGCONT)
        time.sleep(1)
        world.write(connection, world.row(OTHER_TICKET))
        told(world, 4)
        return judged(world, "zombie-timer", flags, reports, seconds=20)


def test_a_zombies_timer_is_fenced(broken_stack: LocalStack, tmp_path: Path, reports: Path) -> None:
    verdict = a_frozen_coalescer_wakes(broken_stack, tmp_path, reports, GUARDED)
    assert (verdict.findings, verdict.tally.sent) == ([], 4)


def test_control_without_offsets_in_timer_transactions(
    broken_stack: LocalStack, tmp_path: Path, reports: Path
) -> None:
    verdict = a_frozen_coalescer_wakes(broken_stack, tmp_path, reports, without("offsets"))
    assert verdict.doubled != []


# ── a zombie between a marker and its HTTP request ────────────────────────────────────────────────────────


def a_frozen_sender_wakes(stack: LocalStack, folder: Path, reports: Path, flags: list[str]) -> Counter[str]:
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
        verdict = judged(world, "zombie-send", flags, reports, seconds=20)
        assert (verdict.findings, verdict.tally.pending) == ([], 0)
        return world.phone_lines()


def test_a_zombies_send_is_not_started(broken_stack: LocalStack, tmp_path: Path, reports: Path) -> None:
    phones = a_frozen_sender_wakes(broken_stack, tmp_path, reports, GUARDED)
    assert sorted(phones.values()) == [1, 1]


def test_control_without_a_send_lease(broken_stack: LocalStack, tmp_path: Path, reports: Path) -> None:
    phones = a_frozen_sender_wakes(broken_stack, tmp_path, reports, without("lease"))
    assert sorted(phones.values()) == [1, 2]


# ── reassigned to one who was told already, across a kill ─────────────────────────────────────────────────


def a_ticket_goes_to_who_was_told(stack: LocalStack, folder: Path, reports: Path, flags: list[str]) -> Verdict:
    with arm(stack, folder, base=6_000) as (world, connection):
        world.misbehave(do="status", status=503, to=BRUNO, times=1, headers={"Retry-After": "5"})
        world.start_roles("coalescer")
        world.start_roles("sender", 1, flags)
        world.ready()
        world.write(connection, world.row(QUEUE_TICKET))
        told(world, 1)  # ANA; BRU has to wait for the next attempt
        until(lambda: world.watch.tally.told == 1, "the outcome")
        connection.execute('UPDATE "Tickets" SET "userId" = %s WHERE id = %s', [ANA, QUEUE_TICKET])
        world.kill("sender")
        until(lambda: world.watch.tally.suppressed["reassigned"] + world.watch.tally.moved == 1, "the re-check")
        return judged(world, "told-to", flags, reports, seconds=20)


def test_who_was_told_is_not_told_again(broken_stack: LocalStack, tmp_path: Path, reports: Path) -> None:
    verdict = a_ticket_goes_to_who_was_told(broken_stack, tmp_path, reports, GUARDED)
    assert (verdict.findings, verdict.tally.sent, verdict.tally.suppressed) == ([], 1, {"reassigned": 1})


def test_control_without_told_to(broken_stack: LocalStack, tmp_path: Path, reports: Path) -> None:
    verdict = a_ticket_goes_to_who_was_told(broken_stack, tmp_path, reports, without("told_to"))
    assert verdict.doubled != []


# ── a connector that stops at 22:00 and returns at 12:00 ──────────────────────────────────────────────────


def a_night_passes(
    stack: LocalStack, folder: Path, reports: Path, flags: list[str]
) -> tuple[Verdict, dict[str, list[str]]]:
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
        verdict = judged(world, "night", flags, reports, seconds=45)
        ends: dict[str, list[str]] = {}
        for outcome in world.outcomes():
            for ref in outcome.message_refs:
                if outcome.kind in {"sent", "suppressed"}:
                    ends.setdefault(ref, []).append(outcome.reason or outcome.kind)
        names = {"question": question, "other": other, "night": night, "news": news}
        return verdict, {name: sorted(ends.get(world.ref(row), [])) for name, row in names.items()}


def test_rows_of_fourteen_hours_ago_are_neither_told_again_nor_cancel_what_is_new(
    broken_stack: LocalStack, tmp_path: Path, reports: Path
) -> None:
    verdict, ends = a_night_passes(broken_stack, tmp_path, reports, GUARDED)
    assert verdict.findings == []
    assert ends == {
        "question": ["sent", "sent"],
        "other": ["sent", "sent"],
        "night": ["stale"],
        "news": ["sent", "sent"],
    }


def test_control_with_wall_clock_expiry_of_seen_ids(
    broken_stack: LocalStack, tmp_path: Path, reports: Path
) -> None:
    verdict, ends = a_night_passes(broken_stack, tmp_path, reports, without("stream_time"))
    assert ([finding.what for finding in verdict.unaccounted], ends["night"]) == (["unaccounted"], [])


# ── transactions refused with all their records in the log ────────────────────────────────────────────────


def transactions_are_refused(
    stack: LocalStack, folder: Path, reports: Path, flags: list[str], seed: int
) -> Verdict:
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
        return judged(world, "refused", flags, reports, seed, seconds=30)


@pytest.mark.parametrize("seed", range(1, 1 + max(SEEDS, 1)))
def test_a_refused_transaction_is_written_again(
    broken_stack: LocalStack, tmp_path: Path, reports: Path, seed: int
) -> None:
    verdict = transactions_are_refused(broken_stack, tmp_path, reports, GUARDED, seed)
    assert (verdict.findings, verdict.tally.pending, verdict.tally.admitted) == ([], 0, 24)


@pytest.mark.parametrize("seed", range(1, 1 + max(SEEDS, 1)))
def test_control_with_write_sets_dropped_on_abort(
    broken_stack: LocalStack, tmp_path: Path, reports: Path, seed: int
) -> None:
    verdict = transactions_are_refused(broken_stack, tmp_path, reports, without("replay"), seed)
    assert verdict.unaccounted != []

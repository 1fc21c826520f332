"""The asyncio thread: what was certainly not begun says so; what was kept is kept for a while only."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from consumers.runtime import work
from consumers.runtime.api import NeverStarted
from consumers.runtime.work import Arrived, Ticket, WorkPool
from tests.consumers.runtime.arms import until
from tests.consumers.runtime.counter_app import Count, CounterApp


@pytest.fixture
def pool() -> Iterator[WorkPool[Count]]:
    made: WorkPool[Count] = WorkPool(CounterApp("t"))
    yield made
    made.close()


def arrive(pool: WorkPool[Count], count: int = 1) -> list[Arrived]:
    found: list[Arrived] = []

    def come() -> bool:
        found.extend(pool.answers())
        return len(found) >= count

    until(come, f"{count} answers", 10)
    return found


def test_work_of_a_partition_that_was_lost_before_it_began_is_never_started(pool: WorkPool[Count]) -> None:
    ticket = Ticket(0)
    ticket.alive = False
    pool.submit(ticket, "send", durable=True)
    (found,) = arrive(pool)
    assert isinstance(found.answer.error, NeverStarted)
    assert (pool.in_flight, ticket.in_flight, ticket.durable_in_flight) == (0, 0, 0)


def test_work_that_was_refused_comes_back_as_never_started_and_counts_nothing(pool: WorkPool[Count]) -> None:
    ticket = Ticket(3)
    pool.refuse(ticket, "send")
    (found,) = pool.answers()
    assert (found.ticket, found.durable, found.answer.work) == (ticket, True, "send")
    assert isinstance(found.answer.error, NeverStarted)
    assert pool.in_flight == 0


def test_a_kept_answer_is_kept_for_a_while_only(pool: WorkPool[Count], monkeypatch: Any) -> None:
    pool.submit(Ticket(0), "send", durable=True)
    (found,) = arrive(pool)
    pool.keep(found)
    assert pool.answers() == [found]
    monkeypatch.setattr(work, "KEEP_S", 0.0)
    pool.keep(found)
    assert pool.answers() == []


def test_closing_ends_the_thread_though_work_runs() -> None:
    class Slow(CounterApp):
        async def perform(self, work: Any) -> Any:
            import asyncio

            await asyncio.sleep(60)

    pool: WorkPool[Count] = WorkPool(Slow("t"))
    pool.submit(Ticket(0), "send", durable=True)
    started = time.monotonic()
    pool.close()
    assert time.monotonic() - started < 5
    assert pool._thread not in threading.enumerate()
    (found,) = pool.answers()
    assert not isinstance(found.answer.error, NeverStarted)


def test_who_waits_for_an_answer_is_woken_by_it_and_not_by_one_that_was_taken(pool: WorkPool[Count]) -> None:
    assert not pool.wait(0)
    pool.submit(Ticket(0), "send", durable=True)
    assert pool.wait(10)
    assert len(pool.answers()) == 1
    assert not pool.wait(0)

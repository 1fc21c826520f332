"""The live directory: batching, time limits, one source's trouble staying its own. Fakes play the databases."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
import structlog
from sqlalchemy.exc import OperationalError

from cdc.flavours.api import LiveTicket
from consumers.directory import live
from consumers.directory.api import DirectoryDown, TicketQuestion
from consumers.directory.live import LiveDirectory

SECRET = "uma-senha-secreta"
DSN = f"postgresql://recado:{SECRET}@db.example/ticketz"


def ticket(source: str, ticket_id: int) -> LiveTicket:
    return LiveTicket(
        source=source, ticket_id=ticket_id, company_id=1, status="open", is_group=False, user_id=2, queue_id=None,
        queue_name=None, queue_members=(), admins=(), chatbot=False, menu=False, contact_name="",
        contact_number=None, number=str(ticket_id), link_path=None,
    )  # fmt: skip


class FakePool:
    """Stands for `SourcePool`: its `read` calls the flavour with the pool itself as the connection."""

    made: "list[FakePool]"
    trouble: Callable[[str], None]

    def __init__(self, source: str, fork: str, dsn: str) -> None:
        self.source, self.fork, self.dsn = source, fork, dsn
        self.threads = ThreadPoolExecutor(2)
        self.queries: list[dict[int, tuple[str, ...]]] = []
        self.closed = threading.Event()
        FakePool.made.append(self)

    def serves(self, fork: str, dsn: str) -> bool:
        return (self.fork, self.dsn) == (fork, dsn)

    def read(self, query: Callable[[Any], Any]) -> Any:
        return query(self)

    def close(self) -> None:
        self.threads.shutdown(wait=True)
        self.closed.set()


class FakeFlavour:
    """Answers even tickets; odd ones do not exist."""

    def live(self, connection: FakePool, source: str, asked: Mapping[int, Sequence[str]]) -> dict[int, LiveTicket]:
        connection.queries.append({number: tuple(rows) for number, rows in asked.items()})
        FakePool.trouble(connection.source)
        return {number: ticket(source, number) for number in asked if number % 2 == 0}


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    FakePool.made = []
    FakePool.trouble = lambda _: None
    monkeypatch.setattr(live, "SourcePool", FakePool)
    monkeypatch.setattr(live, "flavour", lambda _: FakeFlavour())
    yield
    for pool in FakePool.made:
        pool.threads.shutdown(wait=False)


@asynccontextmanager
async def directory(**options: Any) -> AsyncIterator[LiveDirectory]:
    made = LiveDirectory(**({"sources": lambda _: ("ticketz", DSN)} | options))
    try:
        yield made
    finally:
        await made.close()


def asked(number: int, *rows: str, source: str = "loja") -> TicketQuestion:
    return TicketQuestion(source, number, rows)


def test_a_ticket_is_answered_and_a_missing_one_is_none() -> None:
    async def run() -> list[LiveTicket | None]:
        async with directory() as asking:
            return [await asking.ticket(asked(2, "A")), await asking.ticket(asked(3))]

    assert asyncio.run(run()) == [ticket("loja", 2), None]
    assert FakePool.made[0].queries == [{2: ("A",)}, {3: ()}]


def test_questions_asked_together_are_one_query_with_the_rows_of_all() -> None:
    async def run() -> list[LiveTicket | None]:
        async with directory() as asking:
            questions = asked(2, "A", "B"), asked(4, "C"), asked(2, "B", "D")
            return await asyncio.gather(*map(asking.ticket, questions))

    assert asyncio.run(run()) == [ticket("loja", 2), ticket("loja", 4), ticket("loja", 2)]
    assert FakePool.made[0].queries == [{2: ("A", "B", "D"), 4: ("C",)}]


def test_questions_asked_while_a_query_runs_make_up_the_next_one() -> None:
    gate = threading.Event()
    FakePool.trouble = lambda _: (gate.wait(2), None)[1]

    async def run() -> None:
        async with directory() as asking:
            first = asyncio.create_task(asking.ticket(asked(2)))
            while not (FakePool.made and FakePool.made[0].queries):
                await asyncio.sleep(0.001)
            later = [asyncio.create_task(asking.ticket(asked(number))) for number in (4, 6, 8)]
            await asyncio.sleep(0)
            gate.set()
            await asyncio.gather(first, *later)

    asyncio.run(run())
    assert FakePool.made[0].queries == [{2: ()}, {4: (), 6: (), 8: ()}]


def test_a_large_crowd_is_asked_in_parts() -> None:
    async def run() -> None:
        async with directory() as asking:
            await asyncio.gather(*(asking.ticket(asked(number)) for number in range(1, 451)))

    asyncio.run(run())
    assert [len(query) for query in FakePool.made[0].queries] == [200, 200, 50]


def test_a_source_that_hangs_fails_in_time_and_does_not_delay_another() -> None:
    gate = threading.Event()
    FakePool.trouble = lambda source: (gate.wait(5) if source == "morta" else None, None)[1]

    async def run() -> tuple[LiveTicket | None, bool]:
        async with directory(timeout_s=0.2) as asking:
            dead = [asyncio.create_task(asking.ticket(asked(2, source="morta"))) for _ in range(3)]
            await asyncio.sleep(0)
            alive = await asking.ticket(asked(2, source="viva"))
            waiting = not any(task.done() for task in dead)
            for task in dead:
                with pytest.raises(DirectoryDown, match="no answer in time"):
                    await task
            gate.set()
            return alive, waiting

    assert asyncio.run(run()) == (ticket("viva", 2), True)


def test_a_source_that_hung_is_asked_again_on_its_other_thread() -> None:
    gate = threading.Event()
    held = iter([True, False])
    FakePool.trouble = lambda _: (gate.wait(5) if next(held) else None, None)[1]

    async def run() -> LiveTicket | None:
        async with directory(timeout_s=0.2) as asking:
            with pytest.raises(DirectoryDown):
                await asking.ticket(asked(2))
            found = await asking.ticket(asked(2))
            gate.set()
            return found

    assert asyncio.run(run()) == ticket("loja", 2)


def refused(_: str) -> None:
    words = f'password authentication failed, dsn "{DSN}"'
    raise OperationalError("SELECT", {}, psycopg.errors.InvalidPassword(words))


def test_no_error_and_no_log_line_repeats_the_dsn() -> None:
    FakePool.trouble = refused

    async def run() -> DirectoryDown:
        async with directory() as asking:
            with pytest.raises(DirectoryDown) as caught:
                await asking.ticket(asked(2))
            return caught.value

    with structlog.testing.capture_logs() as lines:
        error = asyncio.run(run())
    assert str(error) == "InvalidPassword 28P01"
    assert (error.__cause__, error.__suppress_context__ or error.__context__ is None) == (None, True)
    assert lines == [
        {"event": "directory_failed", "log_level": "warning", "source": "loja", "tickets": 1,
         "error": "InvalidPassword", "sqlstate": "28P01"}
    ]  # fmt: skip


def test_an_unknown_source_is_down_without_a_connection() -> None:
    async def run() -> None:
        async with directory(sources=lambda _: None) as asking:
            with pytest.raises(DirectoryDown, match="not configured"):
                await asking.ticket(asked(2))

    asyncio.run(run())
    assert FakePool.made == []


def test_a_configuration_that_cannot_be_read_is_a_source_that_is_down() -> None:
    def unreadable(_: str) -> tuple[str, str]:
        message = "the secret's file is gone"
        raise OSError(message)

    async def run() -> None:
        async with directory(sources=unreadable) as asking:
            with pytest.raises(DirectoryDown, match=r"^OSError$"):
                await asking.ticket(asked(2))

    asyncio.run(run())


def test_a_changed_dsn_takes_a_new_pool_and_closes_the_old_one() -> None:
    where = {"loja": ("ticketz", DSN)}

    async def run() -> None:
        async with directory(sources=where.get) as asking:
            await asking.ticket(asked(2))
            await asking.ticket(asked(2))
            where["loja"] = ("ticketz", DSN + "2")
            await asking.ticket(asked(2))

    asyncio.run(run())
    assert [(pool.dsn, len(pool.queries)) for pool in FakePool.made] == [(DSN, 2), (DSN + "2", 1)]
    assert all(pool.closed.is_set() for pool in FakePool.made)


def test_each_finished_query_is_observed() -> None:
    seen: list[str] = []

    async def run() -> None:
        async with directory(observe=lambda source, seconds: seen.append(f"{source} {seconds < 1}")) as asking:
            await asking.ticket(asked(2))

    asyncio.run(run())
    assert seen == ["loja True"]


def test_closing_fails_whoever_still_waits() -> None:
    gate = threading.Event()
    FakePool.trouble = lambda _: (gate.wait(5), None)[1]

    async def run() -> None:
        asking = LiveDirectory(lambda _: ("ticketz", DSN))
        waiting = asyncio.create_task(asking.ticket(asked(2)))
        while not (FakePool.made and FakePool.made[0].queries):
            await asyncio.sleep(0.001)
        behind = asyncio.create_task(asking.ticket(asked(4)))
        await asyncio.sleep(0)
        closing = asyncio.create_task(asking.close())
        for task in (waiting, behind):
            with pytest.raises(DirectoryDown, match="closed"):
                await task
        gate.set()
        await closing
        with pytest.raises(DirectoryDown, match="closed"):
            await asking.ticket(asked(2))

    asyncio.run(run())


def test_a_source_that_is_down_does_not_gather_questions_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_BATCH", 2)
    monkeypatch.setattr(live, "MAX_WAITING", 3)
    gate = threading.Event()

    def trouble(source: str) -> None:
        if source == "down":
            gate.wait(2)
            raise OperationalError("", {}, psycopg.OperationalError("gone"))

    FakePool.trouble = trouble

    async def run() -> tuple[list[str], LiveTicket | None]:
        async with directory() as asking:
            gate.set()
            with pytest.raises(DirectoryDown):
                await asking.ticket(asked(2, source="down"))
            gate.clear()
            many = [asyncio.create_task(asking.ticket(asked(n, source="down"))) for n in range(2, 22)]
            other = await asking.ticket(asked(2, source="up"))
            refused = [task for task in many if task.done()]
            gate.set()
            await asyncio.gather(*many, return_exceptions=True)
            return [str(task.exception()) for task in refused], other

    # all were asked in one turn of the loop: three batches of two wait, the rest is refused
    refused, other = asyncio.run(run())
    assert (refused, other) == (["too many questions wait for it"] * 14, ticket("up", 2))


def test_a_question_that_nobody_waits_for_any_more_is_not_asked() -> None:
    gate = threading.Event()
    FakePool.trouble = lambda _: (gate.wait(2), None)[1]

    async def run() -> None:
        async with directory(timeout_s=0.2) as asking:
            first = asyncio.create_task(asking.ticket(asked(2)))
            while not (FakePool.made and FakePool.made[0].queries):
                await asyncio.sleep(0.001)
            later = asyncio.create_task(asking.ticket(asked(4)))
            await asyncio.sleep(0)
            later.cancel()
            await asyncio.gather(first, later, return_exceptions=True)
            gate.set()
            assert await asking.ticket(asked(6)) == ticket("loja", 6)

    asyncio.run(run())
    assert FakePool.made[0].queries == [{2: ()}, {6: ()}]

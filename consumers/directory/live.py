"""Live look-ups in the Whaticket databases: batched per source, each source on its own threads and connections."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

import structlog
from sqlalchemy import Connection

from cdc.flavours.api import Flavour, LiveTicket
from cdc.flavours.registry import flavour
from consumers.directory.api import DirectoryDown, TicketQuestion
from consumers.directory.pools import SourcePool

__all__ = ["LiveDirectory", "Sources"]

Sources = Callable[[str], tuple[str, str] | None]
"""Source id -> (flavour name, DSN), None when the source is not ours; asked before each query, so it may change."""

MAX_BATCH = 200
MAX_WAITING = 5
"""Batches that may wait for a source whose last query failed; more are refused at once. A process that has too much
work under way stops reading, for all sources: one that is down must not fill that measure alone."""

_LATE = "no answer in time"
_UNKNOWN = "the source is not configured"
_CLOSED = "closed"
_MANY = "too many questions wait for it"

_log = structlog.get_logger()


@dataclass(slots=True)
class _Batch:
    """Questions of one query: the rows asked of each ticket, and who waits for it."""

    rows: dict[int, dict[str, None]] = field(default_factory=dict)
    waiting: dict[int, list[asyncio.Future[LiveTicket | None]]] = field(default_factory=dict)

    def add(self, question: TicketQuestion, answer: asyncio.Future[LiveTicket | None]) -> None:
        self.rows.setdefault(question.ticket_id, {}).update(dict.fromkeys(question.row_ids))
        self.waiting.setdefault(question.ticket_id, []).append(answer)

    @property
    def is_given_up(self) -> bool:
        """Whether nobody waits for it any more."""
        return all(answer.done() for answers in self.waiting.values() for answer in answers)

    def settle(self, found: dict[int, LiveTicket]) -> None:
        for ticket, answers in self.waiting.items():
            for answer in answers:
                if not answer.done():
                    answer.set_result(found.get(ticket))

    def fail(self, reason: str) -> None:
        for answers in self.waiting.values():
            for answer in answers:
                if not answer.done():
                    answer.set_exception(DirectoryDown(reason))


class _Source:
    """The questions to one source. At most one query at a time; those asked meanwhile make up the next one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pool: SourcePool | None = None
        self.waiting: list[_Batch] = []
        self.task: asyncio.Task[None] | None = None
        self.is_failing = False

    @property
    def is_full(self) -> bool:
        """Whether it fails, and enough questions wait to see whether it still does."""
        return self.is_failing and len(self.waiting) >= MAX_WAITING and len(self.waiting[-1].rows) >= MAX_BATCH

    def add(self, question: TicketQuestion, answer: asyncio.Future[LiveTicket | None]) -> None:
        if not self.waiting or len(self.waiting[-1].rows) >= MAX_BATCH:
            self.waiting.append(_Batch())
        self.waiting[-1].add(question, answer)


class LiveDirectory:
    """`consumers.directory.api.Directory` over the sources' own databases.

    A question is answered within `timeout_s`, or fails with `DirectoryDown`. Questions to one source that arrive
    while a query runs are asked together in the next; the answer of a ticket asked twice holds the rows of both.
    No error or log line repeats a DSN, a password or what the database said.

    Args:
        sources: where each source is, now.
        timeout_s: limit of a question, waiting included.
        observe: called with (source, seconds) for each finished query.
    """

    def __init__(
        self, sources: Sources, timeout_s: float = 2.0, observe: Callable[[str, float], None] | None = None
    ) -> None:
        self._where = sources
        self._timeout_s = timeout_s
        self._observe = observe
        self._sources: dict[str, _Source] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    async def ticket(self, question: TicketQuestion) -> LiveTicket | None:
        """Return the ticket as it stands now (`Directory.ticket`)."""
        if self._closed:
            raise DirectoryDown(_CLOSED)
        source = self._sources.setdefault(question.source, _Source(question.source))
        if source.is_full:
            raise DirectoryDown(_MANY)
        answer: asyncio.Future[LiveTicket | None] = asyncio.get_running_loop().create_future()
        source.add(question, answer)
        if source.task is None:
            source.task = asyncio.create_task(self._drain(source), name=f"directory {question.source}")
        try:
            async with asyncio.timeout(self._timeout_s):
                return await answer
        except TimeoutError:
            raise DirectoryDown(_LATE) from None

    async def close(self) -> None:
        """Fail what still waits and close all pools."""
        self._closed = True
        running = [source.task for source in self._sources.values() if source.task is not None]
        for task in running:
            task.cancel()
        for source in self._sources.values():
            for batch in source.waiting:
                batch.fail(_CLOSED)
            self._retire(source)
        await asyncio.gather(*running, *self._closing, return_exceptions=True)

    async def _drain(self, source: _Source) -> None:
        """Ask batch after batch until nobody waits. What is asked in one turn of the loop goes together."""
        try:
            while source.waiting:
                batch = source.waiting.pop(0)
                if batch.is_given_up:
                    continue
                try:
                    batch.settle(await self._ask(source, batch))
                    source.is_failing = False
                except DirectoryDown as down:
                    source.is_failing = True
                    batch.fail(str(down))
                except asyncio.CancelledError:
                    batch.fail(_CLOSED)
                    raise
        finally:
            source.task = None

    async def _ask(self, source: _Source, batch: _Batch) -> dict[int, LiveTicket]:
        started = perf_counter()
        try:
            fork, pool = self._pool(source)
            query = partial(pool.read, partial(_live, fork, source.name, batch.rows))
            running = asyncio.get_running_loop().run_in_executor(pool.threads, query)
            async with asyncio.timeout(self._timeout_s):
                return await running
        except TimeoutError:
            _log.warning("directory_timeout", source=source.name, tickets=len(batch.rows))
            raise DirectoryDown(_LATE) from None
        except DirectoryDown:
            raise
        except Exception as error:
            # Whatever it was, this source has no usable answer now. Its words may hold parts of the DSN.
            kind, state = _kind(error)
            _log.warning(
                "directory_failed", source=source.name, tickets=len(batch.rows), error=kind, sqlstate=state
            )
            reason = f"{kind} {state}" if state else kind
            raise DirectoryDown(reason) from None
        finally:
            if self._observe is not None:
                self._observe(source.name, perf_counter() - started)

    def _pool(self, source: _Source) -> tuple[Flavour, SourcePool]:
        """Return the source's pool, a new one if its configuration changed."""
        where = self._where(source.name)
        if where is None:
            self._retire(source)
            raise DirectoryDown(_UNKNOWN)
        fork, dsn = where
        if source.pool is not None and not source.pool.serves(fork, dsn):
            self._retire(source)
        if source.pool is None:
            source.pool = SourcePool(source.name, fork, dsn)
        return flavour(fork), source.pool

    def _retire(self, source: _Source) -> None:
        """Close the source's pool in the background, once its queries have ended."""
        pool, source.pool = source.pool, None
        if pool is not None:
            task = asyncio.create_task(asyncio.to_thread(pool.close))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def _live(
    fork: Flavour, source: str, rows: dict[int, dict[str, None]], connection: Connection
) -> dict[int, LiveTicket]:
    return fork.live(connection, source, {ticket: tuple(ids) for ticket, ids in rows.items()})


def _kind(error: Exception) -> tuple[str, str | None]:
    cause = getattr(error, "orig", None) or error
    return type(cause).__name__, getattr(cause, "sqlstate", None)

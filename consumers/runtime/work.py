"""The asyncio thread: look-ups and sends run here, their answers go back to the Kafka thread."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Generic

import msgspec
import structlog

from consumers.runtime.api import Answer, App, NeverStarted, S

log = structlog.get_logger(__name__)

KEEP_S = 30.0


class Ticket:
    """What belongs to one assignment of one partition: its work may start while `alive` and not `leaving`."""

    __slots__ = ("alive", "durable_in_flight", "in_flight", "leaving", "partition")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.alive = True
        self.leaving = False
        self.in_flight = 0
        self.durable_in_flight = 0


class Arrived(msgspec.Struct):
    """An answer, and whose it is. `durable` work began after a commit: its answer is a fact about an attempt."""

    ticket: Ticket
    durable: bool
    answer: Answer
    at: float


class WorkPool(Generic[S]):
    """Runs `App.perform` for the partitions of one process. `submit` and `answers` belong to the Kafka thread."""

    def __init__(self, app: App[S]) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._answers: deque[Arrived] = deque()
        self._kept: list[Arrived] = []
        self._arrived = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"{app.name}-work", daemon=True)
        self._thread.start()
        self.in_flight = 0

    def submit(self, ticket: Ticket, work: Any, *, durable: bool) -> None:
        """Start `work`; `durable` work (after a commit) is waited for when its partition is revoked."""
        self.in_flight += 1
        ticket.in_flight += 1
        ticket.durable_in_flight += durable
        self._loop.call_soon_threadsafe(self._start, ticket, work, durable)

    def _start(self, ticket: Ticket, work: Any, durable: bool) -> None:
        task = self._loop.create_task(self._perform(ticket, work, durable))
        task.set_name(type(work).__name__)

    async def _perform(self, ticket: Ticket, work: Any, durable: bool) -> None:
        answer = Answer(work, error=NeverStarted("partition no longer owned"))
        try:
            if ticket.alive:
                answer = Answer(work, error=asyncio.CancelledError("cancelled under way"))
                answer = Answer(work, await self._app.perform(work))
        except Exception as error:
            answer = Answer(work, error=error)
        finally:
            self._answers.append(Arrived(ticket, durable, answer, time.monotonic()))
            self._arrived.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until an answer has arrived, at most `timeout_s`; tell whether one has. Blocks."""
        return self._arrived.wait(timeout_s)

    def refuse(self, ticket: Ticket, work: Any) -> None:
        """Keep for whoever restores the partition in this process that durable `work` was not begun."""
        answer = Answer(work, error=NeverStarted("partition about to leave"))
        self.keep(Arrived(ticket, durable=True, answer=answer, at=time.monotonic()))

    def answers(self) -> list[Arrived]:
        """Return the answers that have arrived, the kept ones first."""
        self._arrived.clear()  # before they are taken: one that arrives meanwhile sets it again
        arrived, self._kept = self._kept, []
        while self._answers:
            answer = self._answers.popleft()
            self.in_flight -= 1
            answer.ticket.in_flight -= 1
            answer.ticket.durable_in_flight -= answer.durable
            arrived.append(answer)
        return arrived

    def keep(self, arrived: Arrived) -> None:
        """Keep a durable answer while its partition is being restored, at most `KEEP_S`.

        So a rebuild within this process does not turn known results into unknown ones.
        """
        if time.monotonic() - arrived.at < KEEP_S:
            self._kept.append(arrived)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> "Future[Any]":
        """Run a coroutine of the process itself (health server, closing) on this thread's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self, timeout_s: float = 2.0) -> None:
        """Cancel what still runs, end the thread and close its loop. Closing again changes nothing."""
        if self._loop.is_closed():
            return

        async def cancel() -> None:
            others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        try:
            self.run(cancel()).result(timeout_s)
        except TimeoutError:
            log.warning("work did not end in time", in_flight=self.in_flight)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._loop.close()

"""Drives applications in this process: topics are lists, the clock is moved by hand, work is done at once."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Any, Generic, NamedTuple, cast

from consumers.runtime.api import Answer, App, Emit, Record, S
from consumers.runtime.murmur2 import partition
from consumers.runtime.store import PartitionStore
from consumers.runtime.task import PartitionTask
from consumers.runtime.work import Ticket, WorkPool
from schemas.clock import ManualClock

MAX_STEPS = 100_000


class Work(NamedTuple):
    """Work that a partition asked for."""

    app: "Driven[Any]"
    partition: int
    work: Any


class _Pool:
    """In place of the runtime's pool: remembers what to do; the driver does it when the partition has finished."""

    def __init__(self, app: "Driven[Any]", works: deque[Work]) -> None:
        self._app, self._works = app, works

    def submit(self, ticket: Ticket, work: Any, *, durable: bool) -> None:
        self._works.append(Work(self._app, ticket.partition, work))


class Driven(Generic[S]):
    """One application with all its partitions. `changelog` holds (partition, key, value) in commit order."""

    def __init__(self, app: App[S], partitions: int, works: deque[Work], now_ms: int) -> None:
        self.app = app
        self.partitions = partitions
        self.changelog: list[tuple[int, str, bytes | None]] = []
        self._pool = cast("WorkPool[S]", _Pool(self, works))
        self.tasks = [self._task(number, PartitionStore(app), now_ms) for number in range(partitions)]

    def _task(self, number: int, store: PartitionStore[S], now_ms: int) -> PartitionTask[S]:
        task = PartitionTask(self.app, number, self.partitions, store, 0, self._pool)
        task.start(now_ms, None)
        return task

    def restart(self, now_ms: int) -> None:
        """Lose all that is in memory: build every partition from its committed state, as a restore does."""
        for old in self.tasks:
            store = PartitionStore(self.app)
            for key, raw in list(old.store.items()):
                store.load(key, raw)
            store.loaded(now_ms)
            self.tasks[old.partition] = self._task(old.partition, store, now_ms)

    def state(self) -> Iterator[tuple[str, bytes]]:
        """Iterate over the committed state of all partitions."""
        for task in self.tasks:
            yield from task.store.items()

    def next_due_ms(self) -> int | None:
        """Return a lower bound of when the next timer is due."""
        return min((due for task in self.tasks if (due := task.store.next_due_ms()) is not None), default=None)


class Driver:
    """Applications joined by topics, on one virtual clock.

    Args:
        apps: those that run; a record produced to the input of one is handed to it at once.
        clock: the time of everything.
        runner: where look-ups and sends are performed.
        partitions: of every topic.
        restarts: restart every application after each commit, with nothing but what was committed.
    """

    def __init__(
        self,
        apps: list[App[Any]],
        clock: ManualClock,
        runner: asyncio.Runner,
        partitions: int = 4,
        *,
        restarts: bool,
    ) -> None:
        self.clock = clock
        self.topics: dict[str, list[Record]] = defaultdict(list)
        self._works: deque[Work] = deque()
        self._runner = runner
        self._partitions = partitions
        self._restarts = restarts
        self.apps = {app.name: Driven(app, partitions, self._works, clock.now_ms()) for app in apps}
        self._inputs = {driven.app.input_topic: driven for driven in self.apps.values()}

    def produce(self, topic: str, key: bytes, value: bytes | None) -> None:
        """Append a record to a topic; if an application reads it, let it work until all is quiet."""
        self._publish(Emit(topic, key, value))
        self.settle()

    def run_until(self, now_ms: int) -> None:
        """Let time pass to `now_ms`, firing timers when they are due."""
        for _ in range(MAX_STEPS):
            due_ms = min(
                (due for app in self.apps.values() if (due := app.next_due_ms()) is not None), default=None
            )
            if due_ms is None or due_ms > now_ms:
                self.clock.at(now_ms)
                return
            self.clock.at(due_ms)
            self.settle()
        message = "timers do not come to rest"
        raise AssertionError(message)

    def next_due_ms(self) -> int | None:
        """Return a lower bound of when the next timer of any application is due."""
        return min((due for app in self.apps.values() if (due := app.next_due_ms()) is not None), default=None)

    def settle(self) -> None:
        """Fire what is due, commit, perform and answer, until nothing is left to do at this instant."""
        now_ms = self.clock.now_ms()
        for _ in range(MAX_STEPS):
            for app in self.apps.values():
                for task in app.tasks:
                    task.fire(now_ms)
            if self._commit():
                continue
            if not self._works:
                return
            app, number, work = self._works.popleft()
            app.tasks[number].event(self._perform(app, work), now_ms)
        message = "work does not come to rest"
        raise AssertionError(message)

    def _perform(self, app: Driven[Any], work: Any) -> Answer:
        try:
            return Answer(work, self._runner.run(app.app.perform(work)))
        except Exception as error:
            return Answer(work, error=error)

    def _commit(self) -> bool:
        committed = False
        for app in self.apps.values():
            for task in app.tasks:
                if not task.dirty and not task.moved:
                    continue
                sealed = task.seal()
                committed = True
                app.changelog += [(task.partition, key, value) for key, value in sealed.changes]
                self._works.extend(Work(app, task.partition, work) for work in sealed.after)
                for output in sealed.outputs:
                    self._publish(output)
        if committed and self._restarts and not self._works:
            for app in self.apps.values():
                if not any(task.dirty for task in app.tasks):
                    app.restart(self.clock.now_ms())
        return committed

    def _publish(self, emit: Emit) -> None:
        key = emit.key or b""
        number = partition(key, self._partitions) if emit.partition is None else emit.partition
        log = self.topics[emit.topic]
        offset = sum(record.partition == number for record in log)
        now_ms = self.clock.now_ms()
        record = Record(emit.topic, number, offset, emit.timestamp_ms or now_ms, emit.key, emit.value, emit.headers)
        log.append(record)
        reader = self._inputs.get(emit.topic)
        if reader is not None:
            reader.tasks[number].record(record, now_ms)

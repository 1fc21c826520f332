"""One life of consumer, producer and state: the loop. After doubt it is thrown away whole and a new one is built.

The order within a turn: answers, records, timers, restores, commit. Rebalance callbacks come inside `poll`.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Generic

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from consumers.runtime.api import App, ConfigChanged, Record, S
from consumers.runtime.kafka import Doubt, consumer_config, partition_counts, translate
from consumers.runtime.metrics import counter, gauge, histogram
from consumers.runtime.restore import Restored, Restorer, check
from consumers.runtime.status import Status
from consumers.runtime.store import PartitionStore
from consumers.runtime.task import PartitionTask, WriteSet
from consumers.runtime.transaction import Guards, Transactor
from consumers.runtime.tuning import settle_memory
from consumers.runtime.work import WorkPool
from schemas import codec
from schemas.clock import Clock
from schemas.errors import Fatal, RecadoError
from schemas.records import Meta
from schemas.settings import KafkaSettings, Timings

log = structlog.get_logger(__name__)

BATCH = 2_000
MAX_RECORDS = 20_000
MAX_IN_FLIGHT = 5_000
LAZY_COMMIT_MS = 1_000
WORK_PER_COMMIT = 8
MAX_TICK_MS = 500
ASK_WAIT_MS = 10
GAUGE_EVERY_MS = 1_000
BUSY_POLL_S = 0.004
MAX_BUSY_POLL_S = 0.025
MAX_FIRED = 2_000
DRAIN_S = 2.0
STOP_DRAIN_S = 11.0
INFORMATIONAL = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._RESOLVE)


class Instance(Generic[S]):
    """Consumes, applies, commits. All methods belong to one thread."""

    def __init__(
        self,
        app: App[S],
        settings: KafkaSettings,
        timings: Timings,
        group: str,
        ordinal: int,
        clock: Clock,
        pool: WorkPool[S],
        status: Status,
        guards: Guards,
        version: str,
        poison: Mapping[int, frozenset[int | str]] | None = None,
    ) -> None:
        self._poison = poison or {}
        self._app, self._timings, self._clock, self._pool, self._status = app, timings, clock, pool, status
        self._version = version
        counts = partition_counts(settings, [app.input_topic, app.changelog_topic, app.dead_letter_topic])
        self._partitions = counts[app.input_topic]
        if counts[app.changelog_topic] != self._partitions:
            found = (
                f"{app.changelog_topic} has {counts[app.changelog_topic]} partitions, its input {self._partitions}"
            )
            raise Fatal("RCD-204", found)
        instance = f"{group}.{ordinal}"
        topics = (app.input_topic, app.changelog_topic, app.dead_letter_topic)
        with ExitStack() as made:
            self._transactor = Transactor(app.name, settings, timings, instance, topics, guards)
            made.callback(self._transactor.close)
            self._restorer = Restorer(settings, instance, app.input_topic, app.changelog_topic)
            made.callback(self._restorer.close)
            self._consumer = Consumer(consumer_config(settings, timings, group, instance))
            made.callback(self._consumer.close)
            self._made = made.pop_all()
        self._tasks: dict[int, PartitionTask[S]] = {}
        self._failure: Exception | None = None
        self._buffered: list[Message] = []
        self._pending: list[WriteSet] = []
        self._full = False
        self._paused = False
        self._idle_turns = 0
        self._records = 0
        self._commit_ms = 0
        self._gauged_ms = 0
        self._dirty_since: int | None = None
        self._moved_since: int | None = None
        self._config_changed = False
        self._consumer.subscribe(
            [app.input_topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    @property
    def committed(self) -> int:
        """How many transactions this life has committed."""
        return self._transactor.committed

    def config_changed(self) -> None:
        """Deliver `ConfigChanged` to every partition in the next turn (called from any thread)."""
        self._config_changed = True

    # ── the loop ──────────────────────────────────────────────────────────────────────────────────────────

    def turn(self) -> None:
        """Do one round of work; blocks at most for the poll wait and one transaction.

        Raises:
            Doubt: rebuild me. Fatal: a person has to act.
        """
        self._answers()
        self._consume()
        self._fire()
        if self._restorer.busy:
            self._restore()
        self._commit_when_due()
        now_ms = self._clock.now_ms()
        oldest = self._oldest_due()
        self._status.turned(now_ms, oldest, self._pool.in_flight)
        if now_ms - self._gauged_ms >= GAUGE_EVERY_MS:
            self._gauged_ms = now_ms
            self._gauges(now_ms, oldest)

    def _gauges(self, now_ms: int, oldest: int | None) -> None:
        name = self._app.name
        late_s = 0.0 if oldest is None else max(0, now_ms - oldest) / 1000
        gauge("recado_oldest_due_seconds").labels(name).set(late_s)
        gauge("recado_work_in_flight").labels(name).set(self._pool.in_flight)
        for partition, task in self._tasks.items():
            gauge("recado_state_entries").labels(name, str(partition)).set(len(task.store))

    def drain(self) -> None:
        """Before a clean stop: let attempts in flight end (bounded), commit what they gave.

        It waits longer than a revocation may, as long as an HTTP attempt may take: nobody else is kept waiting,
        and an attempt that is cut off here is one whose outcome nobody knows.
        """
        self._commit()
        self._drain(set(self._tasks), STOP_DRAIN_S)
        self._commit()

    def close(self) -> None:
        """Drop everything. A static member does not leave the group: its successor takes over at once."""
        for partition in list(self._tasks):
            self._drop(partition)
        self._made.close()

    def _answers(self) -> None:
        now_ms = self._clock.now_ms()
        answers = self._pool.answers()
        if answers:
            self._idle_turns = 0
        for arrived in answers:
            task = self._tasks.get(arrived.ticket.partition)
            if task is not None and task.ticket.leaving and not arrived.durable:
                continue  # it could only start new work
            if task is not None and (arrived.durable or task.ticket is arrived.ticket):
                # A durable answer is a fact about an attempt, whichever life of this process began it.
                task.event(arrived.answer, now_ms)
            elif task is None and arrived.durable:
                self._pool.keep(arrived)
        if self._config_changed:
            self._config_changed = False
            for task in self._tasks.values():
                task.event(ConfigChanged(), now_ms)

    def _wait_s(self) -> float:
        if self._full or self._buffered:
            return 0.0
        if self._urgent() or self._patience_s():
            return 0.0
        if self._restorer.busy:
            return BUSY_POLL_S
        now_ms, longest = self._clock.now_ms(), self._timings.idle_poll_ms / 1000
        if self._dirty_since is not None:
            longest = max(0.0, (self._dirty_since + self._timings.tick_ms - now_ms) / 1000)
        if self._pool.in_flight:
            # Nothing wakes the poll when an answer comes. Most come soon; for those that do not, ever rarer looks.
            self._idle_turns += 1
            longest = min(longest, BUSY_POLL_S * self._idle_turns, MAX_BUSY_POLL_S)
        due = None if self._paused else self._oldest_due()
        return longest if due is None else min(longest, max(0.0, (due - now_ms) / 1000))

    def _consume(self) -> None:
        self._throttle()
        batch, self._buffered = self._buffered, []
        self._await_answer()
        first = self._poll(self._wait_s())
        if first is not None:
            batch.append(first)
            batch += self._consumer.consume(BATCH, 0)
            self._raise_failure()
        self._full = len(batch) >= BATCH
        now_ms = self._clock.now_ms()
        tasks, topic, count = self._tasks, self._app.input_topic, 0
        for message in batch:
            error = message.error()
            if error is not None:
                self._complain(error)
                continue
            task = tasks.get(message.partition() or 0)
            offset = message.offset() or 0
            if task is None or offset < task.position:
                continue  # taken away meanwhile, or fetched before a seek
            task.record(
                Record(
                    topic,
                    task.partition,
                    offset,
                    message.timestamp()[1],
                    message.key(),
                    message.value(),
                    message.headers() or [],  # type: ignore[arg-type]
                ),
                now_ms,
            )
            count += 1
        if count:
            self._idle_turns = 0
            self._records += count
            counter("recado_records_total").labels(self._app.name).inc(count)

    def _throttle(self) -> None:
        """Partitions pause for memory only: too much work under way."""
        over = self._pool.in_flight > (MAX_IN_FLIGHT // 2 if self._paused else MAX_IN_FLIGHT)
        if over != self._paused:
            assigned = [TopicPartition(self._app.input_topic, p) for p in self._tasks]
            (self._consumer.pause if over else self._consumer.resume)(assigned)
            self._paused = over

    def _fire(self) -> None:
        """Fire what is due, bounded: a heap of overdue timers must not become one transaction that times out."""
        if self._paused:
            return
        now_ms = self._clock.now_ms()
        for task in self._tasks.values():
            task.fire(now_ms, MAX_FIRED)

    def _poll(self, timeout_s: float) -> Message | None:
        message = self._consumer.poll(timeout_s)
        self._raise_failure()
        return message

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _complain(self, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:
            raise Doubt("fatal", f"consumer: {error.str()}")
        if error.code() in INFORMATIONAL or error.retriable():
            log.info("kafka is not reachable for now, the client retries", error=error.name())
            return
        if error.code() == KafkaError._MAX_POLL_EXCEEDED:
            log.warning("the loop was too slow; partitions are taken away", error=error.str())
            return
        raise translate(error, "consuming")

    # ── restore ───────────────────────────────────────────────────────────────────────────────────────────

    def _restore(self) -> None:
        for restored in self._restorer.slice(self._consumer):
            self._begin(restored)
        if not self._restorer.busy:
            settle_memory()

    def _begin(self, restored: Restored) -> None:
        app, now_ms = self._app, self._clock.now_ms()
        first = check(restored, app.name, app.state_format, self._partitions, app.changelog_topic)
        position = restored.position
        if position is None:
            position = self._restorer.low_watermark(restored.partition)
        restored.store.loaded(now_ms)
        task = PartitionTask(
            app, restored.partition, self._partitions, restored.store, position, self._pool,
            self._poison.get(restored.partition, frozenset()),
        )  # fmt: skip
        meta = None
        if first:
            meta = codec.encode(
                Meta(
                    app=app.name,
                    format=app.state_format,
                    partitions=self._partitions,
                    initialised_ms=now_ms,
                    written_by=self._version,
                )
            )
        task.start(now_ms, meta)
        task.event(ConfigChanged(), now_ms)  # due times were written under the settings of that time
        self._tasks[restored.partition] = task
        self._status.restored(restored.partition)
        histogram("recado_restore_seconds").labels(app.name).observe(restored.seconds)
        log.info(
            "partition restored",
            partition=restored.partition,
            records=restored.records,
            entries=len(restored.store),
            position=position,
            seconds=round(restored.seconds, 3),
        )
        try:
            assigned = [TopicPartition(app.input_topic, restored.partition, position)]
            self._consumer.incremental_assign(assigned)
            # The client remembers a pause across assignments: a partition revoked while paused would never flow.
            (self._consumer.pause if self._paused else self._consumer.resume)(assigned)
        except KafkaException as error:
            raise translate(error, "assigning") from error

    # ── commit ────────────────────────────────────────────────────────────────────────────────────────────

    def _dirty(self) -> bool:
        return any(t.dirty for t in self._tasks.values())

    def _commit_when_due(self) -> None:
        """Commit when dirty and idle; under load at the tick or at a number of records."""
        now_ms = self._clock.now_ms()
        if self._dirty():
            if self._dirty_since is None:
                self._dirty_since = now_ms
            # With a backlog a slow commit makes the next one rarer: else hot tickets are encoded all the time.
            tick_ms = max(self._timings.tick_ms, min(WORK_PER_COMMIT * self._commit_ms, MAX_TICK_MS))
            late = now_ms - self._dirty_since >= tick_ms
            if (
                (self._urgent() and not self._full and not self._patience_s())
                or late
                or self._records >= MAX_RECORDS
            ):
                self._commit()
        elif any(t.moved for t in self._tasks.values()):
            if self._moved_since is None:
                self._moved_since = now_ms
            if now_ms - self._moved_since >= LAZY_COMMIT_MS:
                self._commit()

    def _urgent(self) -> bool:
        """Whether somebody waits for the next commit. Nobody does where only state has changed.

        Such a change, lost in a crash, is made again from its record; it goes with the next commit, at the latest
        after a tick, and what is due or comes in the meantime has no transaction before it.
        """
        return any(t.urgent for t in self._tasks.values())

    def _patience_s(self) -> float:
        """How long a commit may wait for answers, while no work waits for the commit: one transaction takes both.

        A question that is asked in the turn of its record is mostly answered within milliseconds, sooner than a
        transaction of its own would be committed.
        """
        if self._dirty_since is None or any(t.waits_for_commit for t in self._tasks.values()):
            return 0.0
        if not any(t.ticket.in_flight > t.ticket.durable_in_flight for t in self._tasks.values()):
            return 0.0
        return max(0, self._dirty_since + ASK_WAIT_MS - self._clock.now_ms()) / 1000

    def _await_answer(self) -> None:
        """Wait for an answer that one transaction can take along; what comes from Kafka meanwhile joins it, too."""
        patience_s = 0.0 if self._full or self._buffered else self._patience_s()
        if patience_s and self._pool.wait(patience_s):
            self._answers()

    def _commit(self, *, in_callback: bool = False) -> None:
        started = time.monotonic()
        sets = [t.seal() for t in self._tasks.values() if t.dirty or t.moved]
        self._dirty_since = self._moved_since = None
        self._records = 0
        if not sets:
            return
        self._pending = sets
        poll = None if in_callback else self._poll_in_transaction
        try:
            self._transact(sets, poll)
        finally:
            self._pending = []
            self._commit_ms = int((time.monotonic() - started) * 1000)

    def _transact(self, sets: list[WriteSet], poll: Callable[[], None] | None) -> None:
        """Commit and start what waits for it. After doubt the marks may be durable, but nothing of it has begun.

        Whoever restores the partition in this process is told so, instead of waiting for attempts that never were.
        """
        try:
            self._start_work(self._transactor.commit(sets, self._consumer, poll))
        except Doubt:
            for write_set in sets:
                waiting, write_set.after = write_set.after, []
                for work in () if write_set.committed else waiting:
                    self._pool.refuse(write_set.ticket, work)
            raise

    def _poll_in_transaction(self) -> None:
        """Serve a rebalance between two attempts; a record that comes along waits for the next turn."""
        message = self._poll(0.02)
        if message is not None:
            self._buffered.append(message)

    def _start_work(self, sets: list[WriteSet]) -> None:
        for write_set in sets:
            for work in write_set.after:
                if write_set.ticket.alive and not write_set.ticket.leaving:
                    self._idle_turns = 0
                    self._pool.submit(write_set.ticket, work, durable=True)
                else:
                    self._pool.refuse(write_set.ticket, work)

    def _oldest_due(self) -> int | None:
        due = [d for d in (t.store.next_due_ms() for t in self._tasks.values()) if d is not None]
        return min(due) if due else None

    # ── rebalance ─────────────────────────────────────────────────────────────────────────────────────────

    def _guarded(self, what: str, act: Callable[[], None]) -> None:
        """Run inside a callback: an error must not vanish in the client's C code, it is raised after the poll."""
        try:
            act()
        except RecadoError as error:
            self._failure = self._failure or error
        except KafkaException as error:
            self._failure = self._failure or translate(error, what)
        except Exception as error:
            log.exception("rebalance callback failed", what=what)
            self._failure = self._failure or error

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        def act() -> None:
            # Nothing is fetched yet: each partition joins with an explicit offset once it is restored.
            consumer.incremental_assign([])
            for tp in partitions:
                self._restorer.add(Restored(tp.partition, PartitionStore(self._app)))
                self._status.assigned(tp.partition)
            log.info("partitions assigned", partitions=[tp.partition for tp in partitions])

        self._status.joined()
        self._guarded("assign", act)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        leaving = {tp.partition for tp in partitions}

        def act() -> None:
            log.info("partitions revoked", partitions=sorted(leaving))
            # A rebalance under load aborts the transaction of that moment; until this callback ends it is ours to
            # repeat. What it marked starts now, and is waited for with the rest.
            self._transact(self._pending, None)
            self._commit(in_callback=True)
            self._drain(leaving, DRAIN_S)
            self._commit(in_callback=True)

        self._guarded("revoke", act)
        self._guarded("revoke", lambda: self._release(consumer, leaving))

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        leaving = {tp.partition for tp in partitions}
        log.warning("partitions lost", partitions=sorted(leaving))
        self._guarded("lost", lambda: self._release(consumer, leaving))
        # Seen with confluent-kafka 2.16.1: after a broker was away for longer than the session, partitions that the
        # same consumer was assigned again were never fetched. A new consumer fetches them.
        self._failure = self._failure or Doubt("lost", "the membership was lost")

    def _drain(self, leaving: set[int], patience_s: float) -> None:
        """Stop starting work and wait, bounded, for the attempts in flight, so that their results are kept."""
        deadline = time.monotonic() + patience_s
        tickets = [t.ticket for p, t in self._tasks.items() if p in leaving]
        for ticket in tickets:
            ticket.leaving = True
        while any(t.durable_in_flight for t in tickets) and time.monotonic() < deadline:
            time.sleep(0.002)
            self._answers()

    def _release(self, consumer: Consumer, leaving: set[int]) -> None:
        fetching = [TopicPartition(self._app.input_topic, p) for p in leaving if p in self._tasks]
        for partition in leaving:
            self._restorer.forget(partition)
            self._drop(partition)
        consumer.incremental_unassign(fetching)

    def _drop(self, partition: int) -> None:
        task = self._tasks.pop(partition, None)
        if task is not None:
            task.ticket.alive = False
        self._status.revoked(partition)
        gauge("recado_state_entries").labels(self._app.name, str(partition)).set(0)

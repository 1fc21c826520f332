"""One transactional producer: write sets in, all or nothing out.

A transaction is opened late and closed fast. It carries a real offset, even an unchanged one, for every partition
whose state or output it touches: the group's fencing rides on offset commits, so a transaction of timers alone
would not be fenced and a zombie could fire a window that its successor fires too.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from consumers.runtime.api import Emit
from consumers.runtime.kafka import Abortable, Doubt, producer_config, translate
from consumers.runtime.metrics import counter, histogram
from consumers.runtime.task import WriteSet
from schemas.errors import Fatal
from schemas.settings import KafkaSettings, Timings

log = structlog.get_logger(__name__)

INIT_TIMEOUT_S = 30.0
MAX_ABORTS = 20
CALLBACK_RETRY_S = 0.05
TOO_LARGE = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE)


class Guards(msgspec.Struct, frozen=True):
    """What makes exactly-once true, each switchable for the control arms of tests that must then fail."""

    offsets_in_timer_transactions: bool = True


class Transactor:
    """Owns the producer. Never reused after doubt: the whole instance is thrown away."""

    def __init__(
        self,
        name: str,
        settings: KafkaSettings,
        timings: Timings,
        transactional_id: str,
        topics: tuple[str, str, str],
        guards: Guards,
    ) -> None:
        self._name = name
        self._input, self._changelog, self._dead_letters = topics
        self._guards = guards
        self._timeout_s = timings.commit_ms / 1000
        config = producer_config(settings, timings, transactional_id) | {"on_delivery": self._undelivered}
        self._producer = Producer(config)
        self._dead_letter_error: KafkaError | None = None
        self._too_large: str | None = None
        self._init_error: KafkaException | None = None
        self._init_timeout_s = min(INIT_TIMEOUT_S, timings.max_poll_ms / 2000)
        self._init = threading.Thread(target=self._initialise, name=f"{name}-init", daemon=True)
        self._init.start()
        self.committed = 0

    def _initialise(self) -> None:
        try:
            self._producer.init_transactions(self._init_timeout_s)
        except KafkaException as error:
            self._init_error = error

    def close(self) -> None:
        """Let the producer go at once, with its threads: only a new epoch ends what it had begun.

        Its own `close` would wait for a broker to abort the transaction; collected late, it would go on trying.
        """
        del self._producer

    def ready(self) -> None:
        """Wait for the producer's epoch; while the consumer joined and restored, it came for free.

        Raises:
            Doubt: the coordinator did not answer.
        """
        self._init.join()
        if self._init_error is not None:
            raise translate(self._init_error, "init_transactions")

    def commit(self, sets: list[WriteSet], consumer: Consumer, poll: Callable[[], None] | None) -> list[WriteSet]:
        """Commit the write sets in one transaction and return those that were committed.

        Args:
            sets: one for each partition; those whose partition was taken away meanwhile are left out.
            consumer: gives fresh group metadata for each attempt.
            poll: serves a rebalance between attempts, in which another call may commit the sets; None inside a
                rebalance callback, where only the generation, learnt in the background, can change.

        Raises:
            Doubt: fatal, timed out or unknown; nothing of this instance may be used again.
            Fatal: RCD-206 when the dead-letter topic cannot be written, RCD-201 when a topic is missing, RCD-214
                when another topic refuses a record for its size: again and again it would be the same record.
        """
        self.ready()
        for _ in range(MAX_ABORTS):
            sets = [s for s in sets if s.ticket.alive and not s.committed]
            if not sets:
                return []
            try:
                self._attempt(sets, consumer)
            except Abortable as error:
                counter("recado_transactions_total").labels(self._name, "aborted").inc()
                log.warning("transaction aborted, replaying what is still ours", reason=error.reason)
                self._abort()
                if self._dead_letter_error is not None:
                    raise Fatal("RCD-206", f"{self._dead_letters}: {self._dead_letter_error.str()}") from error
                if self._too_large is not None:
                    raise Fatal("RCD-214", self._too_large) from error
                if poll is None:
                    time.sleep(CALLBACK_RETRY_S)
                else:
                    poll()
            else:
                self.committed += 1
                for write_set in sets:
                    write_set.committed = True
                counter("recado_transactions_total").labels(self._name, "committed").inc()
                return sets
        raise Doubt("aborts", f"{MAX_ABORTS} transactions in a row were refused")

    def _attempt(self, sets: list[WriteSet], consumer: Consumer) -> None:
        started = time.monotonic()
        try:
            self._producer.begin_transaction()
            produce, changelog = self._producer.produce, self._changelog
            for write_set in sets:
                partition = write_set.partition
                for key, raw in write_set.changes:
                    try:
                        produce(changelog, raw, key, partition)  # nothing in between: most records go this way
                    except (BufferError, KafkaException):
                        self._produce(Emit(changelog, key.encode(), raw, partition=partition))
                for emit in write_set.outputs:
                    self._produce(emit)
            offsets = self._offsets(sets)
            self._producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), self._timeout_s)
            self._producer.commit_transaction(self._timeout_s)
        except KafkaException as error:
            raise translate(error, "transaction") from error
        histogram("recado_transaction_seconds").labels(self._name).observe(time.monotonic() - started)

    def _offsets(self, sets: Sequence[WriteSet]) -> list[TopicPartition]:
        return [
            TopicPartition(self._input, s.partition, s.position)
            for s in sets
            if self._guards.offsets_in_timer_transactions or s.consumed
        ]

    def _produce(self, emit: Emit) -> None:
        options: dict[str, Any] = {}
        if emit.partition is not None:
            options["partition"] = emit.partition
        if emit.timestamp_ms is not None:
            options["timestamp"] = emit.timestamp_ms
        if emit.headers:
            options["headers"] = emit.headers
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                self._producer.produce(emit.topic, key=emit.key, value=emit.value, **options)
            except BufferError as error:
                if time.monotonic() > deadline:
                    raise Doubt("queue_full", "the producer's queue did not drain in time") from error
                self._producer.poll(0.05)
            except KafkaException as error:
                if emit.topic == self._dead_letters:
                    raise Fatal("RCD-206", f"{emit.topic}: {error.args[0].str()}") from error
                if error.args[0].code() in TOO_LARGE:
                    raise Fatal("RCD-214", f"{emit.topic}: {error.args[0].str()}") from error
                raise
            else:
                return

    def _undelivered(self, error: KafkaError | None, message: Message) -> None:
        """Take a report on a record; the producer is configured to report failures only."""
        if error is None or error.code() in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT):
            return
        if message.topic() == self._dead_letters:
            self._dead_letter_error = error
        elif error.code() in TOO_LARGE:
            self._too_large = f"{message.topic()}: {error.str()}"

    def _abort(self) -> None:
        try:
            self._producer.abort_transaction(self._timeout_s)
        except KafkaException as error:
            found = translate(error, "abort_transaction")
            raise Doubt("abort", str(found)) from error

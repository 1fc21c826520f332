"""One assigned, restored partition: its processor, its state, and the write set that grows until a commit."""

from typing import Any, Generic

import msgspec
import structlog

from consumers.runtime.api import (
    AfterCommit,
    Answer,
    App,
    Ask,
    Due,
    Effect,
    Emit,
    Event,
    Record,
    S,
    Undecodable,
)
from consumers.runtime.kafka import Poison
from consumers.runtime.metrics import counter
from consumers.runtime.restore import META_KEY
from consumers.runtime.store import PartitionStore, Unstorable
from consumers.runtime.work import Ticket, WorkPool
from schemas.errors import Fatal, RecadoError

log = structlog.get_logger(__name__)

MAX_VALUE_BYTES = 1_000_000
"""What a broker takes by default (`message.max.bytes` is 1,048,588, with the key, the headers and the batch)."""
CONFIGURATION = "changed configuration"
"""What is put aside when the rules fail on `ConfigChanged`, which belongs to no key."""


class WriteSet(msgspec.Struct):
    """What one partition contributes to a transaction: changed keys, outputs, position. Replayable as it is."""

    partition: int
    ticket: Ticket
    changes: list[tuple[str, bytes | None]]
    outputs: list[Emit]
    after: list[Any]
    position: int
    consumed: bool
    committed: bool = False


class PartitionTask(Generic[S]):
    """Applies events to one partition. Everything here is in memory; `seal` hands it to a transaction.

    `poison` names what the rules failed on before: records by their offset, timers and answers by their state key
    (an answer to a work without a key by the work's class).
    """

    def __init__(
        self,
        app: App[S],
        partition: int,
        partitions: int,
        store: PartitionStore[S],
        position: int,
        pool: WorkPool[S],
        poison: frozenset[int | str] = frozenset(),
    ) -> None:
        self._app = app
        self._poison = poison
        self.partition = partition
        self.store = store
        self.position = position
        self.ticket = Ticket(partition)
        self.processor = app.processor(partition, partitions)
        self._pool = pool
        self._outputs: list[Emit] = []
        self._after: list[Any] = []
        self._extra: list[tuple[str, bytes | None]] = []
        self._sealed_position = position

    def start(self, now_ms: int, first: bytes | None) -> None:
        """Build indexes; `first` is the `__meta__` value that a first start writes with its initial position."""
        if first is not None:
            self._extra.append((META_KEY, first))
        try:
            self._apply(self.processor.restored(self.store, now_ms))
        except RecadoError:
            raise
        except Exception as error:
            log.exception("the rules failed on a restored state", partition=self.partition)
            detail = f"the restored state of partition {self.partition}: {type(error).__name__}"
            raise Fatal("RCD-213", detail) from error

    def record(self, record: Record, now_ms: int) -> None:
        """Apply one input record; an undecodable one goes to the dead-letter topic in the same transaction.

        Raises:
            Poison: the rules fail on it. The state in memory may be half changed: it is restored, and the record is
                dead-lettered when it comes again.
        """
        try:
            if record.offset in self._poison:
                code = "rules_failed"
                raise Undecodable(code, "the rules failed on this record; see the log for the error")
            effects = self.processor.handle(record, self.store, now_ms)
            if effects:
                self._apply(effects)
        except RecadoError:
            raise
        except Undecodable as error:
            counter("recado_undecodable_total").labels(self._app.name).inc()
            log.warning(
                "undecodable record dead-lettered",
                partition=self.partition,
                offset=record.offset,
                code=error.code,
                detail=error.detail,
            )
            self._outputs.append(self._app.dead_letter(record, error, now_ms))
        except Exception as error:
            log.exception("the rules failed on a record", partition=self.partition, offset=record.offset)
            raise Poison(self.partition, record.offset, type(error).__name__) from error
        self.position = record.offset + 1

    def event(self, event: Event, now_ms: int) -> None:
        """Apply an answer or a configuration change.

        Raises:
            Poison: the rules fail on it.
        """
        self._handle(event, subject_of(event), now_ms)

    def _handle(self, event: Event, subject: str, now_ms: int) -> None:
        """Apply an event that is no record. What the rules failed on before is left alone: its state stays.

        It goes on to count as pending until a corrected release, or another process, restores the partition.
        """
        if subject in self._poison:
            log.error("put aside", code="RCD-213", partition=self.partition, subject=subject)
            return
        try:
            self._apply(self.processor.handle(event, self.store, now_ms))
        except RecadoError:
            raise
        except Exception as error:
            name = type(event).__name__
            log.exception("the rules failed", partition=self.partition, subject=subject, on=name)
            raise Poison(self.partition, subject, type(error).__name__) from error

    def fire(self, now_ms: int, limit: int | None = None) -> int:
        """Apply the timers that are due, at most `limit`, and return how many there were."""
        due = self.store.pop_due(now_ms, limit)
        for key in due:
            if not self.store.is_due(key, now_ms):
                continue
            self._handle(Due(key), key, now_ms)
            if key not in self._poison:
                self.store.fired(key, now_ms)
        return len(due)

    def _apply(self, effects: "tuple[Effect, ...] | list[Effect] | Any") -> None:
        for effect in effects:
            if type(effect) is Emit:
                if effect.value is not None and len(effect.value) > MAX_VALUE_BYTES:
                    message = f"an output of {len(effect.value)} bytes to {effect.topic}"
                    raise ValueError(message)
                self._outputs.append(effect)
            elif type(effect) is Ask:
                if self.ticket.leaving:
                    continue  # nobody here will hear the answer; the due time in the state asks again
                self._pool.submit(self.ticket, effect.work, durable=False)
            elif type(effect) is AfterCommit:
                self._after.append(effect.work)
            else:
                message = f"not an effect: {effect!r}"
                raise TypeError(message)

    @property
    def dirty(self) -> bool:
        """Whether there is anything worth a transaction now (a moved position alone can wait)."""
        return bool(self._outputs or self._after or self._extra) or self.store.dirty

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for these changes: records for others, or work that starts after them."""
        return bool(self._outputs or self._after or self._extra)

    @property
    def waits_for_commit(self) -> bool:
        """Whether work starts with the next commit."""
        return bool(self._after)

    @property
    def moved(self) -> bool:
        """Whether the position moved since the last seal."""
        return self.position != self._sealed_position

    def seal(self) -> WriteSet:
        """Hand over what has gathered; the partition starts a new, empty write set.

        Raises:
            Poison: a value cannot be stored. Fatal: RCD-213, and its key is put aside already.
        """
        try:
            changes = self._extra + self.store.seal(MAX_VALUE_BYTES)
        except Unstorable as error:
            log.exception("a state cannot be stored", partition=self.partition, key=error.key)
            if error.key in self._poison:
                detail = f"the state of {error.key} in partition {self.partition} cannot be stored: {error}"
                raise Fatal("RCD-213", detail) from error
            raise Poison(self.partition, error.key, type(error.__cause__ or error).__name__) from error
        sealed = WriteSet(
            partition=self.partition,
            ticket=self.ticket,
            changes=changes,
            outputs=self._outputs,
            after=self._after,
            position=self.position,
            consumed=self.moved,
        )
        self._outputs, self._after, self._extra = [], [], []
        self._sealed_position = self.position
        return sealed


def subject_of(event: Event) -> str:
    """Return what is put aside when the rules fail on an event that is no record."""
    if isinstance(event, Due):
        return event.key
    if isinstance(event, Answer):
        key = getattr(event.work, "key", None)
        return key if isinstance(key, str) else type(event.work).__name__
    return CONFIGURATION

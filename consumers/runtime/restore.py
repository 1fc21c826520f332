"""Restore of partitions from their changelog, in slices between polls.

The end is captured with a read_uncommitted handle: a read_committed one answers with the last stable offset, which
may lag behind our predecessor's last commit. It is read to with a read_committed one. Finished means: the EOF event
of the partition is at or behind that end. "A record at end - 1" may never come: it may be a control record.
"""

import gc
import time
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumers.runtime.kafka import reader_config, translate
from consumers.runtime.store import PartitionStore
from schemas import codec
from schemas.errors import Fatal
from schemas.records import Meta
from schemas.settings import KafkaSettings

META_KEY = "__meta__"
BATCH = 10_000
_meta = codec.decoder(Meta)


class Restored:
    """One partition's restore: where its input goes on, what its changelog says of itself, its state."""

    def __init__(self, partition: int, store: PartitionStore[Any]) -> None:
        self.partition = partition
        self.store = store
        self.position: int | None = None
        self.end: int | None = None
        self.done = False
        self.meta: Meta | None = None
        self.records = 0
        self.started = time.monotonic()

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Apply one changelog record."""
        if key is None:
            return
        self.records += 1
        name = key.decode()
        if name == META_KEY:
            self.meta = None if value is None else _meta.decode(value)
        else:
            self.store.load(name, value)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self.started


class Restorer:
    """Restores partitions that were assigned together. Every call returns within its budget."""

    def __init__(self, settings: KafkaSettings, group: str, input_topic: str, changelog: str) -> None:
        self._input, self._changelog = input_topic, changelog
        self._uncommitted = Consumer(reader_config(settings, f"{group}.watermarks", committed=False))
        self._reader = Consumer(reader_config(settings, f"{group}.restore"))
        try:
            # A fresh reader that does not know the topic waits a second for its metadata after the first assign.
            self._reader.list_topics(changelog, timeout=10.0)
        except KafkaException as error:
            self.close()
            raise translate(error, "reading metadata") from error
        self._waiting: dict[int, Restored] = {}
        self._reading: dict[int, Restored] = {}

    def add(self, restored: Restored) -> None:
        """Queue a partition."""
        self._waiting[restored.partition] = restored

    def forget(self, partition: int) -> None:
        """Stop restoring a partition that was revoked."""
        self._waiting.pop(partition, None)
        if self._reading.pop(partition, None) is not None:
            self._reader.incremental_unassign([TopicPartition(self._changelog, partition)])

    @property
    def busy(self) -> bool:
        """Whether anything is still to be restored."""
        return bool(self._waiting or self._reading)

    def slice(self, consumer: Consumer, budget_s: float = 0.05) -> list[Restored]:
        """Work for about `budget_s` and return what is finished.

        Args:
            consumer: the input consumer, asked for committed offsets (it waits for stable ones).
            budget_s: how long records are read in this call.

        Raises:
            Fatal: RCD-202 when an offset or the state is missing where the other exists.
            Doubt: Kafka did not answer; the instance is rebuilt.
        """
        if self._waiting:
            self._locate(consumer)
        if self._reading:
            self._read(budget_s)
        finished = [r for r in self._reading.values() if r.done]
        for restored in finished:
            del self._reading[restored.partition]
            self._reader.incremental_unassign([TopicPartition(self._changelog, restored.partition)])
        return finished

    def _locate(self, consumer: Consumer) -> None:
        """Committed offset first (stable), then the changelog's end: in this order nothing can slip between."""
        waiting = list(self._waiting.values())
        try:
            committed = consumer.committed([TopicPartition(self._input, r.partition) for r in waiting], timeout=1.0)
        except KafkaException as error:
            found = error.args[0]
            if found.code() in (KafkaError._TIMED_OUT, KafkaError.UNSTABLE_OFFSET_COMMIT):
                return  # an open transaction of the predecessor still holds the offsets: asked again next turn
            raise translate(error, "reading committed offsets") from error
        try:
            for restored, tp in zip(waiting, committed, strict=True):
                if tp.error is not None:
                    raise translate(tp.error, "reading committed offsets")
                low, end = self._uncommitted.get_watermark_offsets(
                    TopicPartition(self._changelog, restored.partition), timeout=5.0, cached=False
                )
                restored.position = tp.offset if tp.offset >= 0 else None
                restored.end = end
                del self._waiting[restored.partition]
                self._reading[restored.partition] = restored
                if low == end:
                    restored.done = True
                self._reader.incremental_assign([TopicPartition(self._changelog, restored.partition, low)])
        except KafkaException as error:
            raise translate(error, "reading watermarks") from error

    def _read(self, budget_s: float) -> None:
        deadline = time.monotonic() + budget_s
        collecting = gc.isenabled()
        gc.disable()
        try:
            while any(not r.done for r in self._reading.values()) and time.monotonic() < deadline:
                for message in self._reader.consume(BATCH, 0.02):
                    restored = self._reading.get(message.partition() or 0)
                    if restored is None:
                        continue
                    error = message.error()
                    if error is None:
                        restored.take(message.key(), message.value())
                    elif error.code() == KafkaError._PARTITION_EOF:
                        if restored.end is not None and (message.offset() or 0) >= restored.end:
                            restored.done = True
                    else:
                        raise translate(error, "reading the changelog")
        finally:
            if collecting:
                gc.enable()

    def low_watermark(self, partition: int) -> int:
        """Return the first offset of the input partition that still exists."""
        try:
            low, _ = self._uncommitted.get_watermark_offsets(
                TopicPartition(self._input, partition), timeout=5.0, cached=False
            )
        except KafkaException as error:
            raise translate(error, "reading watermarks") from error
        return int(low)

    def close(self) -> None:
        """Close both readers."""
        self._reader.close()
        self._uncommitted.close()


def check(restored: Restored, app_name: str, app_format: int, partitions: int, topic: str) -> bool:
    """Check what was restored against what this release understands; return whether this is a first start.

    Raises:
        Fatal: RCD-202 (offsets or state missing), RCD-204 (partition counts), RCD-205 (state version).
    """
    meta, where = restored.meta, f"{topic}/{restored.partition}"
    if meta is None:
        if restored.position is None and restored.records == 0:
            return True
        raise Fatal(
            "RCD-202", f"{where} has committed offsets or records, but no {META_KEY}: the state is not whole"
        )
    if meta.app != app_name:
        raise Fatal("RCD-205", f"{where} was written by {meta.app}, not by {app_name}")
    if meta.format > app_format + 1:
        raise Fatal("RCD-205", f"{where} has state format {meta.format}; this release reads up to {app_format + 1}")
    if meta.partitions != partitions:
        raise Fatal("RCD-204", f"{where} was written for {meta.partitions} partitions, the input has {partitions}")
    if restored.position is None:
        raise Fatal("RCD-202", f"{where} holds state, but the group has no committed offset for its input")
    return False

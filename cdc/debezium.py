"""What Debezium says and hears on Kafka: heartbeats, notifications, signals. On kafka-python; every method blocks.

Heartbeats of all sources of a cell go to one topic with one partition, and so do signals and notifications.
"""

import uuid
from collections.abc import Iterator, Mapping
from time import monotonic
from types import TracebackType
from typing import Any, Literal

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from schemas.clock import Clock, SystemClock
from schemas.errors import Recoverable
from schemas.topics import Cell

# kafka-python has no annotations.
_Consumer: Any = KafkaConsumer
_Producer: Any = KafkaProducer

SignalType = Literal["log", "execute-snapshot", "stop-snapshot", "pause-snapshot", "resume-snapshot"]
LOOK_BACK_MS = 10 * 60 * 1000
"""Older heartbeats than this are not looked for: such a connector is down."""

REQUEST_MS = 10_000


class _HeartbeatKey(msgspec.Struct, rename="camel"):
    server_name: str


class _HeartbeatValue(msgspec.Struct):
    ts_ms: int


class Notification(msgspec.Struct, frozen=True):
    """What a connector tells of its snapshots. `id` repeats the signal's for incremental ones."""

    id: str
    type: str
    aggregate_type: str
    additional_data: dict[str, str] | None = None
    timestamp: int | None = None


_key = msgspec.json.Decoder(_HeartbeatKey)
_value = msgspec.json.Decoder(_HeartbeatValue)
_notification = msgspec.json.Decoder(Notification)


class Debezium:
    """The connectors of one cell, as seen from Kafka. Not for use by several threads.

    All methods raise `Recoverable` RCD-207 when Kafka does not answer.

    Args:
        bootstrap: Kafka's bootstrap servers.
        cell: whose topics.
        options: kafka-python's own settings (`security_protocol`, `sasl_*`, `ssl_*`).
        clock: for ages.
    """

    def __init__(
        self,
        bootstrap: str,
        cell: Cell,
        options: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._cell = cell
        self._clock = clock or SystemClock()
        self._settings: dict[str, Any] = {"bootstrap_servers": bootstrap.split(","), **(options or {})}
        self._beats: Any = None
        self._producer: Any = None
        self._last: dict[str, int] = {}

    def __enter__(self) -> "Debezium":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        for client in (self._beats, self._producer):
            if client is not None:
                client.close()
        self._beats = self._producer = None

    # ── heartbeats ───────────────────────────────────────────────────────────────

    def heartbeat_age_ms(self, source: str) -> int | None:
        """Return how long ago the source's connector last gave a sign of life; None: not in the last 10 minutes."""
        last = self.heartbeats().get(source)
        return None if last is None else max(0, self._clock.now_ms() - last)

    def heartbeats(self) -> dict[str, int]:
        """Return the time of each source's last heartbeat (epoch ms) among those of the last 10 minutes.

        The first call reads the tail of the topic; later ones only what is new.
        """
        try:
            self._read_beats()
        except KafkaError as error:
            self._forget_beats()
            raise _down(error) from error
        oldest = self._clock.now_ms() - LOOK_BACK_MS
        return {source: at for source, at in self._last.items() if at >= oldest}

    def _read_beats(self) -> None:
        topic = TopicPartition(self._cell.heartbeats, 0)
        if self._beats is None:
            self._beats = self._consumer(topic)
            self._seek(self._beats, topic, self._clock.now_ms() - LOOK_BACK_MS)
        for record in _to_end(self._beats, topic):
            try:
                source, at = _key.decode(record.key).server_name, _value.decode(record.value).ts_ms
            except (msgspec.DecodeError, TypeError):
                continue  # someone else's record says nothing of a connector
            self._last[source] = max(at, self._last.get(source, 0))

    def _forget_beats(self) -> None:
        beats, self._beats = self._beats, None
        if beats is not None:
            beats.close()

    # ── signals and notifications ────────────────────────────────────────────────

    def signal(self, source: str, kind: SignalType, data: Mapping[str, Any] | None = None) -> str:
        """Send a signal to a source's connector; return its id. Nobody confirms it: watch the notifications.

        Connectors compare the key with their `topic.prefix`, read partition 0 only, and fail without `data`.
        """
        identity = str(uuid.uuid4())
        value = msgspec.json.encode({"id": identity, "type": kind, "data": dict(data or {})})
        try:
            if self._producer is None:
                self._producer = _Producer(**self._settings, acks="all", request_timeout_ms=REQUEST_MS)
            sending = self._producer.send(self._cell.signals, key=source.encode(), value=value, partition=0)
            sending.get(timeout=REQUEST_MS / 1000)
        except KafkaError as error:
            raise _down(error) from error
        return identity

    def notifications(self, since_ms: int) -> Iterator[Notification]:
        """Yield the notifications written since then, oldest first, up to now."""
        topic = TopicPartition(self._cell.notifications, 0)
        try:
            consumer = self._consumer(topic)
            try:
                self._seek(consumer, topic, since_ms)
                yield from _notifications(consumer, topic)
            finally:
                consumer.close()
        except KafkaError as error:
            raise _down(error) from error

    # ── Kafka ────────────────────────────────────────────────────────────────────

    def _consumer(self, topic: TopicPartition) -> Any:
        consumer = _Consumer(
            **self._settings, group_id=None, enable_auto_commit=False, request_timeout_ms=REQUEST_MS
        )
        consumer.assign([topic])
        return consumer

    def _seek(self, consumer: Any, topic: TopicPartition, since_ms: int) -> None:
        found = consumer.offsets_for_times({topic: max(0, since_ms)})[topic]
        if found is None:
            consumer.seek_to_end(topic)
        else:
            consumer.seek(topic, found.offset)


def _to_end(consumer: Any, topic: TopicPartition) -> Iterator[Any]:
    """Yield the records up to the end of the partition as it is now."""
    end = consumer.end_offsets([topic])[topic]
    deadline = monotonic() + REQUEST_MS / 1000
    while consumer.position(topic) < end and monotonic() < deadline:
        for records in consumer.poll(timeout_ms=200).values():
            yield from records


def _notifications(consumer: Any, topic: TopicPartition) -> Iterator[Notification]:
    for record in _to_end(consumer, topic):
        try:
            yield _notification.decode(record.value or b"")
        except msgspec.DecodeError:
            continue


def _down(error: KafkaError) -> Recoverable:
    return Recoverable("RCD-207", f"{type(error).__name__}: {error}"[:300])

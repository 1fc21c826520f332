"""The one place that configures confluent-kafka and turns its errors into ours.

The constants are measured: `retry.backoff.ms` and `fetch.queue.backoff.ms` at their defaults are the latency tail
of transactions and a cap on consumption (docs/decisions, the runtime's shape).
"""

from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from schemas.errors import Fatal, Recoverable
from schemas.settings import KafkaSettings, Timings

RETRY_BACKOFF_MS = 5
FETCH_QUEUE_BACKOFF_MS = 5


class Doubt(Recoverable):
    """The fate of a transaction or of the membership is not known: producer, consumer and state are rebuilt."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(None, detail)
        self.reason = reason


class Abortable(Recoverable):
    """The broker refused the transaction for certain: abort it and replay the write sets that are still ours."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(None, detail)
        self.reason = reason


class Poison(Doubt):
    """The rules failed on an event. The state, perhaps half changed, is restored, and the event is put aside.

    Args:
        partition: of the input.
        subject: a record's offset: the record is dead-lettered when it comes again. Or a state key (or another
            name, see `PartitionTask`): its timers and answers are not delivered any more; the state stays as it is.
        error: the exception's class; never its text, which may hold a message.
    """

    def __init__(self, partition: int, subject: int | str, error: str) -> None:
        what = f"the record at {partition}/{subject}" if isinstance(subject, int) else f"{partition}/{subject}"
        super().__init__("poison", f"the rules failed on {what}: {error}")
        self.partition = partition
        self.subject = subject


_REFUSED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)
_MISSING = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)


def translate(error: KafkaError | KafkaException, doing: str) -> Doubt | Abortable | Fatal:
    """Return our error for the client's: what the runtime does next depends on the class alone."""
    if isinstance(error, KafkaException):
        found = error.args[0] if error.args else None
        if not isinstance(found, KafkaError):
            return Doubt("unknown", f"{doing}: {error}")
        error = found
    detail = f"{doing}: {error.name()} {error.str()}"
    if error.code() in _MISSING:
        return Fatal("RCD-201", detail)
    if error.code() == KafkaError._AUTO_OFFSET_RESET:
        return Fatal("RCD-202", f"the committed offset is no longer in the topic ({error.str()})")
    if error.code() == KafkaError.FENCED_INSTANCE_ID:
        return Fatal("RCD-212", detail)
    if error.code() in _REFUSED:
        return Fatal("RCD-207", detail)
    if error.txn_requires_abort() and not error.fatal():
        return Abortable(error.name(), detail)
    return Doubt(error.name(), detail)


def common(settings: KafkaSettings) -> dict[str, Any]:
    """Return what every client of ours is configured with."""
    config: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap,
        "retry.backoff.ms": RETRY_BACKOFF_MS,
        "retry.backoff.max.ms": 250,
        "socket.keepalive.enable": True,
        "log_level": 3,
        **settings.options,
    }
    if settings.username is not None and settings.password is not None:
        config["sasl.username"] = settings.username
        config["sasl.password"] = settings.password.get_secret_value()
    return config


def consumer_config(settings: KafkaSettings, timings: Timings, group: str, instance: str) -> dict[str, Any]:
    """Configuration of the input consumer: classic protocol, static membership, explicit offsets only."""
    return {
        **common(settings),
        "group.id": group,
        "group.instance.id": instance,
        "client.id": instance,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": timings.session_ms,
        "heartbeat.interval.ms": max(timings.session_ms // 6, 500),
        "max.poll.interval.ms": timings.max_poll_ms,
        "fetch.queue.backoff.ms": FETCH_QUEUE_BACKOFF_MS,
        "queued.max.messages.kbytes": 32_768,
    }


def producer_config(settings: KafkaSettings, timings: Timings, transactional_id: str) -> dict[str, Any]:
    """Configuration of the one transactional producer; keys are partitioned as Kafka's Java client does."""
    return {
        **common(settings),
        "transactional.id": transactional_id,
        "client.id": transactional_id,
        "transaction.timeout.ms": timings.transaction_ms,
        "partitioner": "murmur2_random",
        "linger.ms": 0,
        "compression.type": "lz4",
        "queue.buffering.max.messages": 500_000,
        "message.max.bytes": 4_000_000,
        "delivery.report.only.error": True,
    }


def reader_config(settings: KafkaSettings, group: str, *, committed: bool = True) -> dict[str, Any]:
    """Configuration of a reader that belongs to no group: restores, verifiers, watermark questions."""
    return {
        **common(settings),
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed" if committed else "read_uncommitted",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 10,  # the EOF event comes with an empty answer, which waits that long
        "fetch.queue.backoff.ms": FETCH_QUEUE_BACKOFF_MS,
        "queued.max.messages.kbytes": 65_536,
    }


def partition_counts(settings: KafkaSettings, topics: list[str], timeout_s: float = 10.0) -> dict[str, int]:
    """Return the partition count of each topic.

    Raises:
        Fatal: RCD-201 when one is missing.
        Recoverable: RCD-207 when Kafka does not answer.
    """
    try:
        found = AdminClient(common(settings)).list_topics(timeout=timeout_s).topics
    except KafkaException as error:
        raise Recoverable("RCD-207", f"Kafka at {settings.bootstrap} does not answer: {error}") from error
    for name in topics:
        if name not in found or found[name].error is not None:
            raise Fatal("RCD-201", f"topic {name} is missing")
    return {name: len(found[name].partitions) for name in topics}


__all__ = ["Abortable", "Consumer", "Doubt", "Producer", "consumer_config", "producer_config", "reader_config"]

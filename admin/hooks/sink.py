"""Receipts into Kafka: returns when the broker has them all, or says that it does not."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumers.runtime.kafka import common
from schemas.codec import encode
from schemas.errors import Recoverable
from schemas.records import Receipt
from schemas.settings import KafkaSettings

TIMEOUT_MS: Final = 4_000
"""Below what gateways wait for an answer; then they are told to come again."""
QUEUED: Final = 10_000


class KafkaSink:
    """Writes to topic `alerts`. Neither transactional nor idempotent: a receipt written twice changes nothing.

    Args:
        settings: how to reach Kafka.
        topic: `alerts` of the cell.
        name: the client's id.
    """

    def __init__(self, settings: KafkaSettings, topic: str, name: str) -> None:
        self._topic = topic
        self._bootstrap = settings.bootstrap
        self._producer = Producer(
            {
                **common(settings),
                "client.id": name,
                "acks": "all",
                "partitioner": "murmur2_random",
                "linger.ms": 1,
                "message.timeout.ms": TIMEOUT_MS,
                "queue.buffering.max.messages": QUEUED,
                "compression.type": "lz4",
            }
        )
        self._failed: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="receipts", daemon=True)
        self._thread.start()

    @property
    def failed(self) -> str | None:
        """Why Kafka did not take the last receipt; None when it did, or none has come yet."""
        return self._failed

    async def write(self, receipts: Sequence[Receipt]) -> None:
        """Return when all are written.

        Raises:
            Recoverable: RCD-207, Kafka did not acknowledge in `TIMEOUT_MS`; some may be written nevertheless.
        """
        loop = asyncio.get_running_loop()
        waiting = [self._produce(loop, receipt) for receipt in receipts]
        # All are awaited, so that none fails unheard after the answer.
        found = [each for each in await asyncio.gather(*waiting, return_exceptions=True) if each is not None]
        self._failed = str(found[0]) if found else None
        if found:
            raise found[0]

    def _produce(self, loop: asyncio.AbstractEventLoop, receipt: Receipt) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = loop.create_future()

        def settle(error: KafkaError | None) -> None:
            if future.done():
                return  # the request was given up meanwhile
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(self._down(error))

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, error)

        try:
            self._producer.produce(self._topic, encode(receipt), receipt.lane.encode(), on_delivery=delivered)
        except (BufferError, KafkaException) as error:
            future.set_exception(self._down(error))
        return future

    def close(self) -> None:
        """Wait for what is on its way, at most `TIMEOUT_MS`."""
        self._producer.flush(TIMEOUT_MS / 1000)
        self._stopping.set()
        self._thread.join()

    def _down(self, error: Any) -> Recoverable:
        return Recoverable("RCD-207", f"Kafka at {self._bootstrap} did not take a receipt: {error}")

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(0.1)

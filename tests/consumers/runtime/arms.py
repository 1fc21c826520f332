"""What tests of the runtime share: topics of their own, workers as threads or processes, a committed reader."""

import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumers.runtime.worker import Worker
from schemas.settings import KafkaSettings
from tests.consumers.runtime.counter_app import FAST, Count, CounterApp

ROOT = Path(__file__).parents[3]


def until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.01)


class Arm:
    """A prefix of topics on the real broker."""

    def __init__(self, bootstrap: str, partitions: int = 2, changelog_partitions: int | None = None) -> None:
        self.bootstrap, self.prefix, self.partitions = bootstrap, "rt-" + uuid.uuid4().hex[:10], partitions
        self.settings = KafkaSettings(bootstrap=bootstrap)
        compact = {"cleanup.policy": "compact"}
        wanted = [
            NewTopic(f"{self.prefix}.in", partitions, 1),
            NewTopic(f"{self.prefix}.changelog", changelog_partitions or partitions, 1, config=compact),
            NewTopic(f"{self.prefix}.out", partitions, 1),
            NewTopic(f"{self.prefix}.dlq", partitions, 1),
        ]
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        for created in self.admin.create_topics(wanted).values():
            created.result(20)
        self.producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})

    def app(self, settle_ms: int = 100) -> CounterApp:
        return CounterApp(self.prefix, settle_ms)

    def worker(self, ordinal: int = 0, settle_ms: int = 100) -> Worker[Count]:
        return Worker(self.app(settle_ms), self.settings, FAST, f"{self.prefix}.group", ordinal)

    @contextmanager
    def running(self, ordinal: int = 0, settle_ms: int = 100) -> Iterator[Worker[Count]]:
        worker = self.worker(ordinal, settle_ms)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield worker
        finally:
            worker.stop()
            thread.join(60)

    def process(self, ordinal: int, settle_ms: int, log: Path, guard: str = "guard") -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.consumers.runtime.counter_app", self.bootstrap, self.prefix]
        with log.open("ab") as file:
            return subprocess.Popen([*command, str(ordinal), str(settle_ms), guard], stderr=file, cwd=ROOT)

    def send(self, key: str | None, value: bytes | None, **options: object) -> None:
        self.producer.produce(f"{self.prefix}.in", key=key, value=value, **options)  # type: ignore[arg-type]

    def flush(self) -> None:
        assert self.producer.flush(20) == 0

    def read(self, topic: str = "out") -> list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]]]:
        """Everything committed so far: (partition, key, value, headers)."""
        name = f"{self.prefix}.{topic}"
        reader = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "reader-" + uuid.uuid4().hex,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
            }
        )
        found: list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]]] = []
        try:
            reader.list_topics(name, timeout=10)
            reader.assign([TopicPartition(name, p, 0) for p in range(self.partitions)])
            done: set[int] = set()
            deadline = time.monotonic() + 30
            while len(done) < self.partitions:
                assert time.monotonic() < deadline, f"no end of {name}"
                for message in reader.consume(1000, 0.1):
                    if message.error() is not None:
                        done.add(message.partition() or 0)
                    else:
                        raw: Any = message
                        found.append((raw.partition(), raw.key(), raw.value(), list(raw.headers() or [])))
        finally:
            reader.close()
        return found

    def told(self) -> list[str]:
        """The ids that left, in no particular order."""
        return [i for _, _, value, _ in self.read() for i in json.loads(value or b"[]")]

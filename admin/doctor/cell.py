"""The cell: broker, topics, roles, Connect, connectors, heartbeats; and what captured rows say of `createdAt`."""

import time
from collections.abc import Iterator
from statistics import median

import httpx
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from admin.doctor.finding import State, Told
from admin.install import system
from admin.install.capture import Capture
from admin.install.cell import topics_there
from cdc.change import ChangeError, created_ms, decode
from cdc.connect import Connect
from cdc.connector import POSTGRES
from cdc.debezium import Debezium
from consumers.runtime.kafka import common
from schemas.errors import Recoverable
from schemas.settings import Settings
from schemas.topics import Cell

KAFKA_S, CONNECT_S, HTTP_S, TAIL_S = 3.0, 1.5, 4.0, 3.0
TAIL = 20
BEAT_FAIL_MS = 60_000
QUARTER_MS = 15 * 60_000
OK, WARN, FAIL, SKIP = State.OK, State.WARN, State.FAIL, State.SKIP


class CellChecks:
    """The checks of one cell."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cell = Cell(settings.cell)

    def topics(self) -> Iterator[Told]:
        """Whether the broker answers and every topic is there as it should be."""
        found = topics_there(self._settings.kafka, KAFKA_S)
        yield OK, f"{self._settings.kafka.bootstrap} answers"
        wanted = self._cell.all(self._settings.kafka.partitions)
        missing = [topic.name for topic in wanted if topic.name not in found]
        other = [
            f"{topic.name}: {found[topic.name]} instead of {topic.partitions}"
            for topic in wanted
            if found.get(topic.name, topic.partitions) != topic.partitions
        ]
        if missing:
            yield FAIL, f"{len(missing)} of {len(wanted)} topics are missing, first {missing[0]}", "RCD-201"
        if other:
            yield FAIL, f"partitions: {', '.join(other)}", "RCD-204"
        if not missing and not other:
            yield OK, f"all {len(wanted)} topics of cell {self._cell.name} are there"

    def roles(self) -> Iterator[Told]:
        """Whether coalescer and sender run."""
        admin = AdminClient(common(self._settings.kafka))
        names = [self._cell.coalescer_group, self._cell.sender_group]
        try:
            futures = admin.describe_consumer_groups(names, request_timeout=KAFKA_S)
            found = {name: len(futures[name].result().members) for name in names}
        except KafkaException as error:
            raise Recoverable("RCD-207", error.args[0].str()) from error
        for name, count in found.items():
            role = name.rpartition(".")[2]
            yield (OK, f"{role}: {count} running") if count else (WARN, f"{role} does not run: recado run {role}")

    def positions(self) -> Iterator[Told]:
        """Whether each role has a place in its input where it has a state; it refuses to start otherwise."""
        there = topics_there(self._settings.kafka, KAFKA_S)
        admin = AdminClient(common(self._settings.kafka))
        for group, read, changelog in (
            (self._cell.coalescer_group, self._cell.messages, self._cell.coalescer_changelog),
            (self._cell.sender_group, self._cell.alerts, self._cell.sender_changelog),
        ):
            role = group.rpartition(".")[2]
            if changelog not in there:
                yield SKIP, f"{role}: no topic {changelog}"
                continue
            try:
                known = _committed(admin, group, read)
                written = _written(admin, changelog, there[changelog])
            except KafkaException as error:
                raise Recoverable("RCD-207", error.args[0].str()) from error
            if lost := sorted(written - known):
                told = ", ".join(map(str, lost))
                yield FAIL, f"{role}: state of partitions {told} without a place in {read}", "RCD-202"
            else:
                yield OK, f"{role}: state and place in {read} belong together"

    def connect(self) -> Iterator[Told]:
        """Whether Connect answers and can capture."""
        with self._rest() as rest:
            plugins = rest.plugins()
        if POSTGRES in plugins:
            yield OK, f"{self._settings.connect.url} answers"
        else:
            yield FAIL, f"the worker has no plugin {POSTGRES.rpartition('.')[2]}", "RCD-209"

    def connector(self, capture: Capture, *, installed: bool) -> Iterator[Told]:
        """Whether connector and task run, with the configuration that they should have."""
        with self._rest() as rest:
            status = rest.status(capture.name)
            differences = rest.drift(capture.name, capture.config) if status is not None else ()
        if status is None:
            if installed:
                yield FAIL, f"there is no connector {capture.name}", "RCD-203"
            else:
                yield SKIP, "not there yet; recado install makes it"
            return
        if status.running:
            yield OK, f"{capture.name}: connector and task RUNNING"
        else:
            tasks = ", ".join(task.state for task in status.tasks) or "none"
            cause = f": {status.failure}" if status.failure else ""
            yield FAIL, f"connector {status.state}, task {tasks}{cause}", "RCD-203"
        if differences:
            told = ", ".join(found.name for found in differences)
            yield (
                WARN,
                f"its configuration differs: {told}; recado install --apply corrects it",
                "RCD-209",
            )

    def _rest(self) -> Connect:
        return Connect(self._settings.connect.url, httpx.Client(timeout=HTTP_S), retry_s=CONNECT_S)

    def heartbeats(self, sources: list[str]) -> Iterator[Told]:
        """How long ago each connector gave a sign of life."""
        if not sources:
            yield SKIP, "no installed source"
            return
        with Debezium(self._settings.kafka.bootstrap, self._cell) as debezium:
            found = debezium.heartbeats()
        now = int(time.time() * 1000)
        for source in sources:
            at = found.get(source)
            if at is None:
                yield FAIL, f"{source}: none in the last 10 minutes", "RCD-211"
            elif now - at > BEAT_FAIL_MS:
                yield FAIL, f"{source}: the last one {system.age((now - at) / 1000)} ago", "RCD-211"
            else:
                yield OK, f"{source}: {system.age(max(0, now - at) / 1000)} ago"

    def offset(self, source: str, offset_ms: int) -> Iterator[Told]:
        """Measure `createdAt` on captured rows: against the time at which they were committed."""
        behind = self._behind(source)
        if not behind:
            yield SKIP, "no captured row to measure"
            return
        error = median(behind) - offset_ms
        if abs(error) < QUARTER_MS * 2 / 3:
            yield OK, f"measured on {len(behind)} captured rows, offset {offset_ms} ms fits"
            return
        wanted = round(median(behind) / QUARTER_MS) * QUARTER_MS
        told = "behind" if median(behind) > 0 else "ahead of"
        minutes = round(abs(median(behind)) / 60_000)
        yield (
            WARN,
            f"createdAt is {minutes // 60} h {minutes % 60:02} min {told} UTC; the offset is {offset_ms}, "
            f"it should be: recado source set {source} --created-offset-ms {wanted}",
            "RCD-107",
        )

    def _behind(self, source: str) -> list[int]:
        """Return commit time minus `createdAt` of the source's newest captured rows, in ms."""
        reader = Consumer(
            {**common(self._settings.kafka), "group.id": f"{self._cell.prefix}doctor", "enable.auto.commit": False,
             "enable.partition.eof": True, "fetch.wait.max.ms": 50}
        )  # fmt: skip
        try:
            assigned = []
            topic = reader.list_topics(self._cell.messages, timeout=KAFKA_S).topics[self._cell.messages]
            for partition in topic.partitions:
                low, high = reader.get_watermark_offsets(
                    TopicPartition(self._cell.messages, partition), timeout=KAFKA_S, cached=False
                )
                if high > low:
                    assigned.append(TopicPartition(self._cell.messages, partition, max(low, high - TAIL)))
            if not assigned:
                return []
            reader.assign(assigned)
            return self._read(reader, source, open_ends=len(assigned))
        except KafkaException as error:
            raise Recoverable("RCD-207", error.args[0].str()) from error
        finally:
            reader.close()

    def _read(self, reader: Consumer, source: str, open_ends: int) -> list[int]:
        found = []
        end = time.monotonic() + TAIL_S
        while open_ends and time.monotonic() < end:
            record = reader.poll(0.2)
            if record is None:
                continue
            if record.error() is not None:
                open_ends -= 1
                continue
            try:
                change = decode(record.value())
            except ChangeError:
                continue  # it is a dead letter's business
            if change.source.name == source and change.after is not None:
                found.append(change.source.ts_ms - created_ms(change.after))
        return found


def _committed(admin: AdminClient, group: str, topic: str) -> set[int]:
    """Return the partitions of a topic in which a group has a place."""
    asked = [ConsumerGroupTopicPartitions(group)]
    found = admin.list_consumer_group_offsets(asked, request_timeout=KAFKA_S)[group].result()
    return {place.partition for place in found.topic_partitions if place.topic == topic and place.offset >= 0}


def _written(admin: AdminClient, topic: str, partitions: int) -> set[int]:
    """Return the partitions of a topic in which anything was ever written."""
    asked = {
        TopicPartition(topic, partition): OffsetSpec.latest()  # type: ignore[no-untyped-call]
        for partition in range(partitions)
    }
    found = admin.list_offsets(asked, request_timeout=KAFKA_S)
    return {place.partition for place, end in found.items() if end.result().offset > 0}

"""Restores from changelogs as they look after months: compacted, with tombstones, and ending in control records.

And Debezium's repetitions: the same change events again after a kill of Connect, customers' and agents' rows.
"""

import os
import time
from pathlib import Path
from random import Random

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from deploy.stack import LocalStack
from tests.chaos.report import Report
from tests.chaos.roles import until
from tests.chaos.world import PARTITIONS, TICKETS, World

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,
    pytest.mark.chaos,
    pytest.mark.timeout(240),
    pytest.mark.skipif("CHAOS_SEEDS" not in os.environ, reason="make chaos"),
]

HURRIED = {"segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "0",
           "max.compaction.lag.ms": "1000"}  # fmt: skip


def hurry(world: World) -> None:
    """Let the broker roll and compact the changelogs as soon as it can."""
    admin = AdminClient({"bootstrap.servers": world.stack.bootstrap, "log_level": 0})
    resources = [
        ConfigResource(
            ConfigResource.Type.TOPIC, topic,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, value in HURRIED.items()
            ],
        )
        for topic in (world.cell.coalescer_changelog, world.cell.sender_changelog)
    ]  # fmt: skip
    for done in admin.incremental_alter_configs(resources).values():
        done.result(20)


def holes(world: World, topic: str) -> int:
    """Return how many records the cleaner has taken away, over all partitions."""
    reader = Consumer({"bootstrap.servers": world.stack.bootstrap, "group.id": "chaos-holes", "log_level": 0,
                       "isolation.level": "read_uncommitted",  # else aborted records would look like holes
                       "enable.partition.eof": True, "auto.offset.reset": "earliest"})  # fmt: skip
    gone, ended = 0, 0
    try:
        reader.list_topics(topic, timeout=10)
        reader.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
        seen = dict.fromkeys(range(PARTITIONS), -1)
        while ended < PARTITIONS:
            for message in reader.consume(500, 0.2):
                number, offset = message.partition() or 0, message.offset() or 0
                if message.error() is not None:
                    ended += 1
                else:
                    gone += max(0, offset - seen[number] - 2)  # a control record is no hole
                    seen[number] = offset
    finally:
        reader.close()
    return gone


def test_a_compacted_changelog_with_aborted_transactions_and_tombstones_restores(
    broken_stack: LocalStack, tmp_path: Path, reports: Path
) -> None:
    random = Random(1)
    # A sent notice leaves its tombstone at once.
    world = World(broken_stack, tmp_path, capture=False, parameters={"receipt_ttl": 200})
    try:
        hurry(world)
        world.start_roles("coalescer", 1, ["--abort-every", "4"])
        world.start_roles("sender", 1, ["--abort-every", "5"])
        world.ready()
        changelogs = (world.cell.coalescer_changelog, world.cell.sender_changelog)
        with world.connect() as connection:

            def writing_until_compacted() -> bool:
                for _ in range(4):
                    world.write(connection, world.row(random.choice(TICKETS)))
                    time.sleep(0.1)
                return all(holes(world, topic) > 20 for topic in changelogs)

            until(writing_until_compacted, "compaction", 120)
            for _ in range(3):
                for role in ("coalescer", "sender"):
                    world.write(connection, world.row(random.choice(TICKETS)))
                    world.kill(role)
                writing_until_compacted()
        verdict = world.settled()
        report = Report("compaction", 1, world.faults, world.summary(verdict))
        report.result["compacted_away"] = {topic: holes(world, topic) for topic in changelogs}
        print(report.write(reports))
        assert (verdict.findings, verdict.tally.pending, world.watch.doubles) == ([], 0, [])
    finally:
        world.close()


def test_rows_that_debezium_repeats_are_neither_told_again_nor_cancel_what_is_new(
    broken_stack: LocalStack, tmp_path: Path, reports: Path
) -> None:
    """A killed Connect repeats what it had not noted; here everything of the last minutes, in order, four times."""
    random = Random(2)
    world = World(broken_stack, tmp_path, capture=False)
    try:
        world.start_roles("coalescer", 1)
        world.start_roles("sender", 1)
        world.ready()
        rows = []
        with world.connect() as connection:
            for number in range(40):
                agents_row = number % 5 == 4
                rows.append(
                    world.row(random.choice(TICKETS[:6]), from_me=agents_row, ack=2 if number % 10 == 9 else 0)
                )
                world.write(connection, rows[-1])
                time.sleep(0.05)
            assert world.settled().ok
            news = [world.row(ticket) for ticket in TICKETS[:6]]
            for row in news:
                world.write(connection, row)
            for time_round in range(4):
                for row in rows:
                    world.produce(row)
                if time_round == 1:
                    world.kill("coalescer")
        verdict = world.settled()
        report = Report("repetitions", 2, world.faults, world.summary(verdict))
        print(report.write(reports))
        assert (verdict.findings, verdict.tally.pending, world.watch.doubles) == ([], 0, [])
        told = {ref for o in world.outcomes() if o.kind == "sent" for ref in o.message_refs}
        assert {world.ref(row) for row in news} <= told, "a repeated answer cancelled what is new"
    finally:
        world.close()

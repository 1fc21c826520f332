"""Receipts into Kafka: written and where the sender looks for them, or refused in time."""

import asyncio

import pytest
from confluent_kafka import Consumer, TopicPartition

from admin.hooks import sink as module
from admin.hooks.sink import KafkaSink
from consumers.runtime.kafka import reader_config
from consumers.runtime.murmur2 import partition
from deploy.stack import LocalStack
from schemas.codec import decoder
from schemas.errors import Recoverable
from schemas.records import Receipt
from schemas.settings import KafkaSettings
from schemas.topics import Cell

PARTITIONS = 4


def receipt(lane: str, number: int = 1) -> Receipt:
    return Receipt(
        lane=lane,
        channel_id="main",
        notification_id=None,
        provider_message_id=f"wamid.{number}",
        rank=1,
        status="sent",
    )


def test_without_kafka_it_says_so_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_MS", 200)
    sink = KafkaSink(KafkaSettings(bootstrap="127.0.0.1:1"), "alerts", "test")
    try:
        assert sink.failed is None
        with pytest.raises(Recoverable) as refused:
            asyncio.run(sink.write([receipt("shop/1"), receipt("shop/2")]))
        assert refused.value.code == "RCD-207"
        assert sink.failed is not None
    finally:
        sink.close()


@pytest.mark.stack
def test_a_receipt_lies_where_the_sender_of_its_lane_reads(stack: LocalStack, cell: Cell) -> None:
    settings = KafkaSettings(bootstrap=stack.bootstrap)
    lanes = [f"shop/{number}" for number in range(8)]
    sink = KafkaSink(settings, cell.alerts, "test")
    try:
        asyncio.run(sink.write([receipt(lane) for lane in lanes]))
        assert sink.failed is None
    finally:
        sink.close()
    reader = Consumer(reader_config(settings, "reader"))
    reader.assign([TopicPartition(cell.alerts, number, 0) for number in range(PARTITIONS)])
    read, ended = decoder(Receipt), 0
    found: dict[str, int | None] = {}
    while ended < PARTITIONS:
        message = reader.poll(20)
        assert message is not None
        if message.error() is not None:
            ended += 1
            continue
        value = message.value()
        assert value is not None
        found[read.decode(value).lane] = message.partition()
    reader.close()
    assert found == {lane: partition(lane.encode(), PARTITIONS) for lane in lanes}

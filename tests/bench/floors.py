"""Bare loops, as processes: what Kafka and Python give with nothing of ours in between.

python -m tests.bench.floors transactions BOOTSTRAP PREFIX N     rows/s of a bare transactional loop
python -m tests.bench.floors load BOOTSTRAP TOPIC                seconds and MB to read a topic into a dict
python -m tests.bench.floors member BOOTSTRAP TOPIC GROUP        a bare static member: prints what it receives
"""

import json
import sys
import time
from collections.abc import Callable

import msgspec
import psutil
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from consumers.runtime.kafka import consumer_config, producer_config, reader_config
from schemas.settings import KafkaSettings, Timings


class _Value(msgspec.Struct):
    due_ms: int | None
    ids: list[str]


def transactions(bootstrap: str, prefix: str, total: str) -> dict[str, float]:
    """Consume, remember per key, write the touched keys and the offsets in a transaction every tick."""
    settings, timings, wanted = KafkaSettings(bootstrap=bootstrap), Timings(), int(total)
    consumer = Consumer(
        {
            **consumer_config(settings, timings, f"{prefix}.floor", f"{prefix}.floor.0"),
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([f"{prefix}.in"])
    producer = Producer(producer_config(settings, timings, f"{prefix}.floor.0"))
    producer.init_transactions(30)
    state: dict[bytes, _Value] = {}
    dirty: dict[bytes, int] = {}
    positions: dict[int, int] = {}
    encoder, seen, started, last = msgspec.json.Encoder(), 0, 0.0, time.monotonic()
    while seen < wanted or dirty:
        for message in consumer.consume(2000, 0.05):
            if message.error() is not None:
                continue
            key, value = message.key() or b"", message.value() or b""
            started = started or time.monotonic()
            found = state.get(key)
            if found is None:
                found = state[key] = _Value(None, [""])
            found.ids[0] = value[:8].decode()
            found.due_ms = time.time_ns() // 1_000_000
            partition = message.partition() or 0
            dirty[key] = partition
            positions[partition] = (message.offset() or 0) + 1
            seen += 1
        if dirty and (time.monotonic() - last > timings.tick_ms / 1000 or seen >= wanted):
            producer.begin_transaction()
            for key, partition in dirty.items():
                producer.produce(f"{prefix}.floor", key=key, value=encoder.encode(state[key]), partition=partition)
            offsets = [TopicPartition(f"{prefix}.in", p, o) for p, o in positions.items()]
            producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), 10)
            producer.commit_transaction(10)
            dirty.clear()
            last = time.monotonic()
    return {"rows_per_s": wanted / (time.monotonic() - started)}


def load(bootstrap: str, topic: str) -> dict[str, float]:
    """Read a compacted topic into a dict of bytes, decode nothing."""
    reader = Consumer(reader_config(KafkaSettings(bootstrap=bootstrap), "floor"))
    low, end = reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
    started, state, at = time.monotonic(), dict[bytes, bytes](), low
    reader.assign([TopicPartition(topic, 0, low)])
    while at < end:
        for message in reader.consume(10_000, 0.05):
            error = message.error()
            if error is None:
                state[message.key() or b""] = message.value() or b""
            elif error.code() == KafkaError._PARTITION_EOF:
                at = message.offset() or 0
    seconds = time.monotonic() - started
    mb = psutil.Process().memory_full_info().uss / 2**20
    return {"seconds": seconds, "mb": mb, "keys": len(state)}


def member(bootstrap: str, topic: str, group: str) -> dict[str, float]:
    """Print the value of each record as it comes; ended by a signal."""
    config = consumer_config(KafkaSettings(bootstrap=bootstrap), Timings(), group, f"{group}.0")
    consumer = Consumer({**config, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    while True:
        message = consumer.poll(1)
        if message is not None and message.error() is None:
            print((message.value() or b"").decode(), flush=True)


if __name__ == "__main__":
    modes: dict[str, Callable[..., dict[str, float]]] = {
        "transactions": transactions,
        "load": load,
        "member": member,
    }
    print(json.dumps(modes[sys.argv[1]](*sys.argv[2:])))

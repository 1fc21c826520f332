"""Rows of ticketz's `Messages` as Debezium writes them into `messages`.

Four of ten rows are own rows, as where people answer: most undecided, some from the shop's phone,
some the bot's.
"""

import random
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from confluent_kafka import Producer

SOURCE = "bench"
_BODIES = (
    "Bom dia",
    "Oi, tudo bem?",
    "Qual o pre\u00e7o?",
    "Obrigada \U0001f64f",
    "Quero fazer um p",
    "Segue o comprova",
    "ok",
)
_VALUE = (
    '{"before":null,"after":{"id":"%s","body":"%s","ack":%d,"read":%s,"mediaType":%s,"ticketId":%d,'
    '"createdAt":"%s","fromMe":%s,"isDeleted":false,"contactId":%d,"companyId":%d,"remoteJid":"5"},'
    '"source":{"version":"3.6.3.Final","connector":"postgresql","name":"bench","ts_ms":%d,"snapshot":null,'
    '"db":"ticketz","sequence":"[\\"24023128\\",\\"24023128\\"]","ts_us":%d,"ts_ns":%d,"schema":"public",'
    '"table":"Messages","txId":783,"lsn":24023128,"xmin":null,"origin":null,"origin_lsn":null},'
    '"transaction":null,"op":"c","ts_ms":%d,"ts_us":%d,"ts_ns":%d}'
)


def rows(count: int, tickets: int, tenants: int = 1, seed: int = 1) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, value) of `count` new rows over `tickets` tickets of `tenants` companies, committed just now."""
    chance = random.Random(seed)
    life = uuid.uuid4().hex[:12].upper()
    for i in range(count):
        if i % 1_000 == 0:
            now_ms = time.time_ns() // 1_000_000
            created = datetime.fromtimestamp(now_ms / 1_000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        ticket = chance.randrange(tickets) + 1
        draw = chance.random()
        mine, ack = draw < 0.4, 2 if draw < 0.04 else 0
        body = ("\\u200e" if 0.04 <= draw < 0.12 else "") + _BODIES[i % len(_BODIES)]
        media = '"image"' if i % 9 == 0 else "null"
        value = _VALUE % (
            f"3EB0{life}{i:08X}", body, ack, "true" if mine else "false", media, ticket, created,
            "true" if mine else "false", ticket, ticket % tenants + 1, now_ms, now_ms * 1_000, now_ms * 1_000_000,
            now_ms + 4, now_ms * 1_000 + 4_000, now_ms * 1_000_000 + 4_000_000,
        )  # fmt: skip
        yield b'{"ticketId":%d}' % ticket, value.encode()


def fill(bootstrap: str, topic: str, count: int, tickets: int, tenants: int = 1) -> None:
    """Write rows to a topic."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 50,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 2_000_000,
            "queue.buffering.max.kbytes": 2_000_000,
        }
    )
    for i, (key, value) in enumerate(rows(count, tickets, tenants)):
        producer.produce(topic, key=key, value=value)
        if i % 5_000 == 0:
            producer.poll(0)
    if producer.flush(120):
        message = f"{topic} was not filled"
        raise RuntimeError(message)

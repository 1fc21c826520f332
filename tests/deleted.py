"""Damage on purpose: a record that somebody deletes from a topic."""

from confluent_kafka import TopicPartition

from deploy.demo.verifier.evidence import Seen
from deploy.kafka import admin_client

TIMEOUT_S = 30.0


def delete_first(bootstrap: str, topic: str, records: list[Seen]) -> Seen:
    """Delete the first record of its partition from a topic, and return it.

    Args:
        bootstrap: Kafka's address.
        topic: where.
        records: all that the topic holds.
    """
    victim = min(records, key=lambda record: (record.partition, record.offset))
    admin = admin_client(bootstrap)  # kept until the answer is there: without it the answer never comes
    at = TopicPartition(topic, victim.partition, victim.offset + 1)
    for deleted in admin.delete_records([at], request_timeout=TIMEOUT_S).values():
        deleted.result(TIMEOUT_S)
    return victim

"""An operator's actions on what the sender holds: written to `alerts`, one record for each lane concerned."""

import time

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from sqlalchemy import Connection

from admin.registry import agents, channels, tenants, words
from admin.registry.rows import By, listed, record
from consumers.runtime.kafka import common, translate
from schemas import tables
from schemas.codec import encode
from schemas.errors import Invalid, Recoverable
from schemas.records import Control, Scope
from schemas.settings import KafkaSettings
from schemas.topics import Cell

WAIT_S = 15.0


def lanes(connection: Connection, scope: Scope) -> list[str]:
    """Return the lanes that a scope concerns.

    Raises:
        Invalid: RCD-403 what it names does not exist, or RCD-405 it names nothing, or a ticket without its tenant.
    """
    if scope.ticket is not None and scope.tenant is None:
        raise Invalid("RCD-405", "a ticket is found through its tenant: give --tenant too")
    if scope.channel is not None:
        channels.require(connection, scope.channel)
        rows = listed(connection, tables.tenants, channel_id=scope.channel)
    elif scope.agent is not None:
        agent = words.agent_id(scope.agent)
        agents.require(connection, agent)
        rows = [tenants.require(connection, agent.tenant)]
    elif scope.tenant is not None:
        rows = [tenants.require(connection, words.tenant_id(scope.tenant))]
    else:
        raise Invalid("RCD-405", "say what it concerns: --channel, --tenant or --agent")
    return sorted({row["lane"] or f"{row['source']}/{row['company']}" for row in rows})


def controls(connection: Connection, by: By, action: str, scope: Scope) -> list[Control]:
    """Return the records of an action, and write it into the audit.

    Raises:
        Invalid: as `lanes`.
    """
    made = [
        Control(lane=lane, action=action, scope=scope, by=by.who, at_ms=time.time_ns() // 1_000_000)  # type: ignore[arg-type]
        for lane in lanes(connection, scope)
    ]
    named = [value for value in (scope.channel, scope.agent, scope.tenant, scope.ticket) if value is not None]
    record(connection, by, f"control.{action}", " ".join(named), None, {"lanes": [each.lane for each in made]})
    return made


def send(kafka: KafkaSettings, cell: Cell, records: list[Control]) -> None:
    """Write the records, and return when the broker has them; blocks.

    Raises:
        Recoverable: RCD-207, Kafka did not take them in time; some of them may have arrived.
        Fatal: RCD-201, the topic is missing.
    """
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failed.append(error)

    producer = Producer(
        {
            **common(kafka),
            "acks": "all",
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "message.timeout.ms": int(WAIT_S * 1_000),
        }
    )
    try:
        for each in records:
            producer.produce(cell.alerts, encode(each), each.lane.encode(), on_delivery=delivered)
        left = producer.flush(WAIT_S + 1)
    except KafkaException as error:
        raise translate(error, "writing an operator's action") from error
    if failed:
        raise translate(failed[0], "writing an operator's action")
    if left:
        raise Recoverable("RCD-207", f"Kafka did not take {left} of {len(records)} records in time")

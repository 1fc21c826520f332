"""An operator's actions: for which lanes they are written, that they are audited and arrive."""

import pytest
from confluent_kafka import Consumer, TopicPartition
from sqlalchemy import Connection, select

from admin.controls import controls, lanes, send
from admin.registry import agents, channels, sources, tenants
from admin.registry.rows import By
from consumers.runtime.murmur2 import partition
from deploy.stack import LocalStack
from schemas.codec import decoder
from schemas.errors import Invalid
from schemas.identity import AgentId, TenantId
from schemas.records import Control, Scope
from schemas.settings import KafkaSettings
from schemas.tables import audit
from tests.stack_fixture import fresh_cell

pytestmark = pytest.mark.stack
BY = By("ana", "cli", "because")


@pytest.fixture
def shops(connection: Connection) -> Connection:
    """Two tenants share a channel and so a lane; a third has its own."""
    sources.add(
        connection, BY, "shop", "ticketz", "postgresql://app@db/whaticket", session_numbers=["+551130611234"]
    )
    for name in ("phones", "own"):
        channels.add(connection, BY, name, "sandbox", {"url": "http://127.0.0.1:8099"})
    for company, channel in ((1, "phones"), (2, "phones"), (3, "own")):
        tenants.change(connection, BY, TenantId("shop", str(company)), channel_id=channel)
    agents.change(connection, BY, AgentId("shop", "3", 7), name="Ana")
    return connection


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        (Scope(channel="phones"), ["shop/1"]),
        (Scope(channel="own"), ["shop/3"]),
        (Scope(tenant="shop/2"), ["shop/1"]),
        (Scope(agent="shop/3/7"), ["shop/3"]),
        (Scope(tenant="shop/3", ticket="shop/12"), ["shop/3"]),
    ],
)
def test_an_action_is_written_for_the_lanes_that_it_concerns(
    shops: Connection, scope: Scope, found: list[str]
) -> None:
    assert lanes(shops, scope) == found


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        (Scope(), "RCD-405"),
        (Scope(ticket="shop/12"), "RCD-405"),
        (Scope(channel="nothing"), "RCD-403"),
        (Scope(tenant="shop/9"), "RCD-403"),
        (Scope(agent="shop/3/8"), "RCD-403"),
        (Scope(agent="Ana"), "RCD-405"),
    ],
)
def test_an_action_on_nothing_is_refused(shops: Connection, scope: Scope, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        lanes(shops, scope)
    assert refused.value.code == code


def test_an_action_is_audited_and_arrives_in_its_lanes_partition(shops: Connection, stack: LocalStack) -> None:
    cell = fresh_cell(stack, partitions=4)
    made = controls(shops, BY, "pause", Scope(channel="phones"))
    send(KafkaSettings(bootstrap=stack.bootstrap), cell, made)
    consumer = Consumer({"bootstrap.servers": stack.bootstrap, "group.id": "test", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(cell.alerts, partition(b"shop/1", 4), 0)])
    message = consumer.poll(20)
    consumer.close()
    assert message is not None
    value = message.value()
    assert value is not None
    assert decoder(Control).decode(value) == made[0]
    (trail,) = shops.execute(select(audit).where(audit.c.what == "control.pause")).mappings()
    assert (trail["who"], trail["subject"], trail["after"]) == ("ana", "phones", {"lanes": ["shop/1"]})

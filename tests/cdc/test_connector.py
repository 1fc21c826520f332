"""The connector's configuration: what keeps rows from being lost, and secrets from being seen."""

from dataclasses import replace

import pytest

from cdc.connector import SourceAddress, connector_config, connector_name
from cdc.flavours.registry import flavour
from schemas.errors import Invalid
from schemas.topics import Cell

TICKETZ = flavour("ticketz")
CELL = Cell("main")
ADDRESS = SourceAddress("db.example", 5432, "ticketz", "recado_cdc_loja", "${dir:/secrets:loja}")


def config(**options: int) -> dict[str, str]:
    return connector_config("loja", TICKETZ, ADDRESS, CELL, "kafka:9092", **options)


def test_the_whole_configuration_of_a_ticketz_source() -> None:
    assert config() == {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.hostname": "db.example",
        "database.port": "5432",
        "database.dbname": "ticketz",
        "database.user": "recado_cdc_loja",
        "database.password": "${dir:/secrets:loja}",
        "database.sslmode": "prefer",
        "topic.prefix": "loja",
        "schema.include.list": "public",
        "table.include.list": r"public\.Messages",
        "column.include.list": (
            r"public\.Messages\.(id|ticketId|companyId|contactId|fromMe|read|ack|mediaType|isDeleted|createdAt"
            "|body|remoteJid)"
        ),
        "column.truncate.to.16.chars": r"public\.Messages\.body",
        "column.truncate.to.1.chars": r"public\.Messages\.remoteJid",
        "message.key.columns": "public.Messages:ticketId",
        "snapshot.mode": "no_data",
        "skipped.operations": "u,d,t",
        "tombstones.on.delete": "false",
        "extended.headers.enabled": "false",
        "guardrail.collections.max": "1",
        "guardrail.collections.limit.action": "fail",
        "plugin.name": "pgoutput",
        "publication.name": "recado_loja",
        "publication.autocreate.mode": "disabled",
        "slot.name": "recado_loja",
        "slot.drop.on.stop": "false",
        "slot.failover": "false",
        "heartbeat.interval.ms": "5000",
        "heartbeat.action.query": "SELECT pg_logical_emit_message(false, 'recado-heartbeat', now()::text)",
        "message.prefix.exclude.list": "recado-heartbeat",
        "provide.transaction.metadata": "false",
        "poll.interval.ms": "10",
        "max.batch.size": "2048",
        "max.queue.size": "8192",
        "time.precision.mode": "adaptive",
        "event.processing.failure.handling.mode": "fail",
        "errors.tolerance": "none",
        "errors.log.include.messages": "false",
        "errors.max.retries": "-1",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "value.converter.replace.null.with.default": "false",
        "transforms": "messages,heartbeats",
        "transforms.messages.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.messages.regex": r"^loja\.public\.Messages$",
        "transforms.messages.replacement": "recado.main.messages",
        "transforms.heartbeats.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.heartbeats.regex": r"^__debezium-heartbeat\..*",
        "transforms.heartbeats.replacement": "recado.main.heartbeats",
        "signal.enabled.channels": "kafka",
        "signal.kafka.topic": "recado.main.signals",
        "signal.kafka.bootstrap.servers": "kafka:9092",
        "signal.kafka.groupId": "recado.main.signals.loja",
        "signal.poll.interval.ms": "1000",
        "notification.enabled.channels": "sink,log",
        "notification.sink.topic.name": "recado.main.notifications",
        "producer.override.linger.ms": "0",
        "producer.override.compression.type": "lz4",
    }


def test_connectors_of_two_cells_and_sources_have_different_names() -> None:
    assert [connector_name(CELL, "loja"), connector_name(Cell("big"), "sol")] == [
        "recado.main.loja",
        "recado.big.sol",
    ]


@pytest.mark.parametrize("password", ["segredo", "", "prefix${env:X}", "${env:X}${env:Y}", "${}", "$env:X"])
def test_a_password_that_is_no_reference_is_refused_and_not_repeated(password: str) -> None:
    with pytest.raises(Invalid) as caught:
        connector_config("loja", TICKETZ, replace(ADDRESS, password=password), CELL, "kafka:9092")
    assert caught.value.code == "RCD-602"
    assert "segredo" not in str(caught.value)


@pytest.mark.parametrize("reference", ["${dir:/s:loja}", "${file:/s/x.properties:loja}", "${env:LOJA}"])
def test_references_of_every_provider_are_accepted(reference: str) -> None:
    made = connector_config("loja", TICKETZ, replace(ADDRESS, password=reference), CELL, "kafka:9092")
    assert made["database.password"] == reference


@pytest.mark.parametrize("heartbeat_ms", [0, -1, 5_001])
def test_heartbeats_outside_the_tried_range_are_refused(heartbeat_ms: int) -> None:
    with pytest.raises(Invalid, match="RCD-601"):
        config(heartbeat_ms=heartbeat_ms)


def test_an_impossible_source_id_is_refused() -> None:
    with pytest.raises(Invalid, match="RCD-405"):
        connector_config("Loja Sol", TICKETZ, ADDRESS, CELL, "kafka:9092")


def test_columns_that_are_cut_alike_are_named_together() -> None:
    class Other:
        columns = ("id", "body", "name")
        truncate = {"body": 16, "name": 16}  # noqa: RUF012

    made = connector_config("loja", Other(), ADDRESS, CELL, "kafka:9092")  # type: ignore[arg-type]
    assert made["column.truncate.to.16.chars"] == r"public\.Messages\.body,public\.Messages\.name"

"""The configuration of one source's Debezium connector. Pure; every value has its reason in the comments.

No secret is in it: user and password are references that the Connect worker resolves.
"""

import re
from dataclasses import dataclass

from cdc.flavours.api import Flavour
from cdc.postgres import SCHEMA, TABLE, names
from schemas.errors import Invalid
from schemas.topics import Cell

POSTGRES = "io.debezium.connector.postgresql.PostgresConnector"
EMITTED = "recado-heartbeat"
"""Prefix of the logical messages that keep the slot moving; excluded from capture."""

HEARTBEAT_MS = 5_000
POLL_MS = 10
_REFERENCE = re.compile(r"\$\{(dir|directory|file|env|secret):[^${}]+\}")
_JSON = "org.apache.kafka.connect.json.JsonConverter"
_ROUTER = "org.apache.kafka.connect.transforms.RegexRouter"


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """Where the connector finds the database.

    `password` is a reference such as `${dir:/secrets:loja}`; `user` may be one.
    """

    host: str
    port: int
    database: str
    user: str
    password: str
    sslmode: str = "prefer"


def connector_name(cell: Cell, source: str) -> str:
    """Return the connector's name: one per source and cell."""
    return f"{cell.prefix}{source}"


def connector_config(
    source: str,
    flavour: Flavour,
    address: SourceAddress,
    cell: Cell,
    bootstrap: str,
    *,
    poll_ms: int = POLL_MS,
    heartbeat_ms: int = HEARTBEAT_MS,
) -> dict[str, str]:
    """Return the configuration of a PostgreSQL source.

    Args:
        source: the source's id, which is `topic.prefix`.
        flavour: whose columns are captured, some of them cut.
        address: where the database is, with references for secrets.
        cell: whose topics are written.
        bootstrap: Kafka as the Connect worker reaches it, for signals.
        poll_ms: a lone message waits up to twice this long; each source costs about 0.1 core at 10.
        heartbeat_ms: at most 5 s, the longest interval for which restarts were tried.

    Raises:
        Invalid: RCD-405, not a source id; RCD-602, the password is not a reference; RCD-601, heartbeats too rare.
    """
    ours = names(source)
    if not _REFERENCE.fullmatch(address.password):
        raise Invalid("RCD-602", "the connector's password must be a ${dir:…}, ${file:…} or ${env:…} reference")
    if not 0 < heartbeat_ms <= HEARTBEAT_MS:
        raise Invalid("RCD-601", f"the connector's heartbeat must be between 1 and {HEARTBEAT_MS} ms")
    return {
        "connector.class": POSTGRES,
        "tasks.max": "1",
        "database.hostname": address.host,
        "database.port": str(address.port),
        "database.dbname": address.database,
        "database.user": address.user,
        "database.password": address.password,
        "database.sslmode": address.sslmode,
        "topic.prefix": source,
        **_capture(source, flavour),
        # Ours is made beforehand: the default would publish all tables, which breaks tables without a key.
        "plugin.name": "pgoutput",
        "publication.name": ours.publication,
        "publication.autocreate.mode": "disabled",
        "slot.name": ours.slot,
        "slot.drop.on.stop": "false",
        "slot.failover": "false",
        # A heartbeat alone loses transactions that are open across a stop (Debezium 3.6, dbz#76) and does not let
        # an idle table's WAL go; with a non-transactional message beside it neither happened.
        "heartbeat.interval.ms": str(heartbeat_ms),
        "heartbeat.action.query": f"SELECT pg_logical_emit_message(false, '{EMITTED}', now()::text)",
        "message.prefix.exclude.list": EMITTED,
        "provide.transaction.metadata": "false",
        "poll.interval.ms": str(poll_ms),
        "max.batch.size": "2048",
        "max.queue.size": "8192",
        "time.precision.mode": "adaptive",
        # Never skip a row that cannot be read or converted, never give up.
        "event.processing.failure.handling.mode": "fail",
        "errors.tolerance": "none",
        "errors.log.include.messages": "false",
        "errors.max.retries": "-1",
        **_converters(),
        **_routes(source, cell),
        "signal.enabled.channels": "kafka",
        "signal.kafka.topic": cell.signals,
        "signal.kafka.bootstrap.servers": bootstrap,
        "signal.kafka.groupId": f"{cell.signals}.{source}",
        # Joining takes the signals' reader several polls; at the default of 5 s the first one waits for a minute.
        "signal.poll.interval.ms": "1000",
        "notification.enabled.channels": "sink,log",
        "notification.sink.topic.name": cell.notifications,
        "producer.override.linger.ms": "0",
        "producer.override.compression.type": "lz4",
    }


def _capture(source: str, flavour: Flavour) -> dict[str, str]:
    """What is captured: new rows of one table, named columns, some cut. Key bytes are the partitioning."""
    table = rf"{SCHEMA}\.{TABLE}"
    cuts: dict[int, list[str]] = {}
    for column, length in flavour.truncate.items():
        cuts.setdefault(length, []).append(rf"{table}\.{column}")
    return {
        "schema.include.list": SCHEMA,
        "table.include.list": table,
        "column.include.list": rf"{table}\.({'|'.join(flavour.columns)})",
        **{f"column.truncate.to.{length}.chars": ",".join(columns) for length, columns in cuts.items()},
        "message.key.columns": f"{SCHEMA}.{TABLE}:ticketId",
        "snapshot.mode": "no_data",
        "skipped.operations": "u,d,t",
        "tombstones.on.delete": "false",
        "extended.headers.enabled": "false",
        "guardrail.collections.max": "1",
        "guardrail.collections.limit.action": "fail",
    }


def _converters() -> dict[str, str]:
    return {
        "key.converter": _JSON,
        "key.converter.schemas.enable": "false",
        "value.converter": _JSON,
        "value.converter.schemas.enable": "false",
        # The default turns NULL into the column's default.
        "value.converter.replace.null.with.default": "false",
    }


def _routes(source: str, cell: Cell) -> dict[str, str]:
    """Two routers: one for `.*` would send heartbeats into `messages`."""
    return {
        "transforms": "messages,heartbeats",
        "transforms.messages.type": _ROUTER,
        "transforms.messages.regex": rf"^{source}\.{SCHEMA}\.{TABLE}$",
        "transforms.messages.replacement": cell.messages,
        "transforms.heartbeats.type": _ROUTER,
        "transforms.heartbeats.regex": r"^__debezium-heartbeat\..*",
        "transforms.heartbeats.replacement": cell.heartbeats,
    }

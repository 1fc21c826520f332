"""A ticketz database with its own cell, for tests that install beside it and take it away."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from admin.install.address import Address
from admin.install.source import Wanted
from cdc.connect import Connect
from deploy.demo.replay import Recording, Replay
from deploy.stack import LocalStack
from schemas.settings import ConnectSettings, KafkaSettings, Settings
from schemas.topics import Cell
from tests.admin.command_line import Command
from tests.cdc.ticketz_database import INSERT, fill
from tests.stack_fixture import ROOT, fresh_database


class Shop(NamedTuple):
    """A Whaticket database that is not ours, and the id under which we install beside it."""

    source: str
    dsn: str

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.source, Address(f"env:{self.variable}"))

    @property
    def variable(self) -> str:
        return f"ADMIN_{self.source.upper()}"

    def insert(self, row_id: str, ticket: int = 1) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(INSERT, [row_id, ticket, "Oi", 1])


def fresh_shop(stack: LocalStack, monkeypatch: pytest.MonkeyPatch, flavour: str = "ticketz") -> Shop:
    """Create a shop; its administrator's address is in the environment."""
    database = fresh_database(stack)
    if flavour == "ticketz":
        fill(database.dsn)
    else:
        with psycopg.connect(database.dsn, autocommit=True) as connection:
            Replay(Recording(ROOT / "tests" / "traces", flavour), connection).create()
    shop = Shop(f"s{uuid.uuid4().hex[:8]}", database.dsn)
    monkeypatch.setenv(shop.variable, shop.dsn)
    return shop


class World(NamedTuple):
    """A cell's settings as the command line sees them."""

    stack: LocalStack
    settings: Settings
    url: str
    data_dir: Path
    command: Command

    @property
    def cell(self) -> Cell:
        return Cell(self.settings.cell)

    def json(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        ran = self.command(*arguments, "--json")
        assert ran.out, ran.err
        return ran.code, json.loads(ran.out)

    def records(self, topic: str, at_least: int, seconds: float = 30) -> list[tuple[bytes | None, dict[str, Any]]]:
        """Read a topic from its beginning until it holds so many records; key and value."""
        import time

        reader = Consumer(
            {"bootstrap.servers": self.stack.bootstrap, "group.id": "unused", "enable.auto.commit": False}
        )
        try:
            partitions = reader.list_topics(topic).topics[topic].partitions
            reader.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
            found: list[tuple[bytes | None, dict[str, Any]]] = []
            end = time.monotonic() + seconds
            while len(found) < at_least and time.monotonic() < end:
                record = reader.poll(0.5)
                if record is not None and not record.error():
                    found.append((record.key(), json.loads(record.value() or b"null")))
            return found
        finally:
            reader.close()


def world_of(
    stack: LocalStack, command: Command, url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """Yield a fresh cell behind the command line; its connectors and topics are gone afterwards."""
    cell = f"i{uuid.uuid4().hex[:10]}"
    secrets = stack.secrets_dir
    for name, value in {
        "RECADO_DATABASE_URL": url,
        "RECADO_CELL": cell,
        "RECADO_DATA_DIR": str(data_dir),
        "RECADO_KAFKA__BOOTSTRAP": stack.bootstrap,
        "RECADO_KAFKA__PARTITIONS": "2",
        "RECADO_CONNECT__URL": stack.connect_url,
        "RECADO_CONNECT__SECRETS_DIR": str(secrets),
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load(
        cell=cell,
        data_dir=data_dir,
        kafka=KafkaSettings(bootstrap=stack.bootstrap, partitions=2),
        connect=ConnectSettings(url=stack.connect_url, secrets_dir=str(secrets)),
    )
    yield World(stack, settings, url, data_dir, command)
    with Connect(stack.connect_url) as rest:
        for name in rest.names():
            if name.startswith(f"recado.{cell}."):
                rest.delete(name)


def drop_shop(stack: LocalStack, shop: Shop) -> None:
    """Drop a shop's database and our roles; the connector first, or it would take the slot again meanwhile."""
    database = shop.dsn.rpartition("/")[2]
    with Connect(stack.connect_url) as rest:
        for name in rest.names():
            if name.endswith(f".{shop.source}"):
                rest.stop(name)
                rest.delete(name)
    stack.drop_database(database)
    with psycopg.connect(stack.postgres_dsn(), autocommit=True) as connection:
        for role in (f"recado_app_{shop.source}", f"recado_cdc_{shop.source}"):
            connection.execute(f"DROP ROLE IF EXISTS {role}".encode())


def objects(shop: Shop) -> list[tuple[str, ...]]:
    """Return every object of a shop's database with its privileges, and the roles and slots that are of it."""
    with psycopg.connect(shop.dsn) as connection:
        return connection.execute(
            """SELECT c.relname::text, e::text
                 FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) e
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
               UNION ALL SELECT a.attrelid::regclass::text, a.attname || e::text
                 FROM pg_attribute a, aclexplode(a.attacl) e
                WHERE a.attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
               UNION ALL SELECT pubname::text, '' FROM pg_publication
               UNION ALL SELECT rolname::text, rolconfig::text FROM pg_roles WHERE rolname LIKE %s
               UNION ALL SELECT slot_name::text, plugin::text FROM pg_replication_slots
                WHERE database = current_database()
               ORDER BY 1, 2""",
            [f"%{shop.source}"],
        ).fetchall()

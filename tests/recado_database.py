"""Fixtures: a throw-away PostgreSQL (embedded), and fresh `recado` databases in it, migrated or empty."""

import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy import postgres as server
from schemas import migrations

DEADLINE_S = 30.0
QUICK = ("fsync=off", "wal_level=minimal", "max_wal_senders=0")


class Postgres:
    """A server of its own on a free loopback port, placed where it can run, also in a clone that only root enters.

    Everybody on loopback is trusted, but for the tests that say otherwise in `pg_hba.conf`.
    """

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="recado-test-pg-"))
        self._home = server.place(self.home)
        server.prepare(self._home, "unused")
        self.data = self._home.data
        hba = self.data / "pg_hba.conf"
        hba.write_text(hba.read_text("utf-8").replace("scram-sha-256", "trust"), "utf-8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._server: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        program = server.program(self._home, self.port)
        command = [*program.argv, *(word for setting in QUICK for word in ("-c", setting))]
        account: dict[str, Any] = {}
        if program.uid is not None:
            account = {"user": program.uid, "group": program.gid, "extra_groups": []}
        self._server = subprocess.Popen(
            command, cwd="/", env=dict(program.env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **account
        )
        deadline = time.monotonic() + DEADLINE_S
        while not server.is_ready(self.url("postgres")):
            assert time.monotonic() < deadline, "PostgreSQL did not start"
            time.sleep(0.05)

    def stop(self) -> None:
        if self._server is not None:
            self._server.send_signal(2)
            self._server.wait(DEADLINE_S)
            self._server = None

    def remove(self) -> None:
        self.stop()
        server.purge(self.home)

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's own server."""
    started = Postgres()
    yield started
    started.remove()


@pytest.fixture
def server_url(postgres: Postgres) -> Iterator[str]:
    """Address of a database that does not exist yet, removed afterwards."""
    name = f"recado_{uuid.uuid4().hex[:12]}"
    yield postgres.url(name)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """Name of a migrated database that others are copied from: a copy takes a tenth of a migration."""
    name = "recado_migrated"
    migrations.create_database(postgres.url(name))
    migrations.upgrade(postgres.url(name))
    return name


@pytest.fixture
def recado_url(postgres: Postgres, migrated: str, server_url: str) -> str:
    """Address of a fresh, migrated `recado` database."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        name = server_url.rpartition("/")[2]
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{migrated}"'.encode())
    return server_url

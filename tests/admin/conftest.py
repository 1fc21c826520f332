"""A fresh `recado` database, in a transaction or behind the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from admin.cli import run
from deploy.stack import LocalStack
from schemas.database import transaction
from tests.admin.command_line import Command, Ran
from tests.admin.installed import Shop, World, drop_shop, fresh_shop, world_of
from tests.recado_database import Postgres, migrated, postgres, recado_url, server_url

__all__ = ["Command", "Ran", "migrated", "postgres", "recado_url", "server_url"]


@pytest.fixture
def connection(postgres: Postgres, migrated: str) -> Iterator[Connection]:
    """One transaction in an empty migrated database; it is never committed, so the database stays empty."""
    with transaction(postgres.url(migrated)) as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Run `recado …` in this process, far from anybody's settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("RECADO_DATABASE_URL", "RECADO_KAFKA__BOOTSTRAP", "NOTIFY_NEW_MESSAGE_ENABLED", "SUDO_USER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RECADO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("RECADO_GATEWAYS__NETWORKS", "127.0.0.0/8")

    def ran(*arguments: str) -> Ran:
        capsys.readouterr()
        code = run(arguments)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return ran


@pytest.fixture
def recado(command: Command, recado_url: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `recado …` against a fresh database."""
    monkeypatch.setenv("RECADO_DATABASE_URL", recado_url)
    return command


@pytest.fixture
def world(
    stack: LocalStack, command: Command, server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A fresh cell behind the command line; nothing of it is there yet."""
    yield from world_of(stack, command, server_url, tmp_path / "data", monkeypatch)


@pytest.fixture
def shop(stack: LocalStack, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A ticketz database beside which nothing is installed."""
    made = fresh_shop(stack, monkeypatch)
    yield made
    drop_shop(stack, made)

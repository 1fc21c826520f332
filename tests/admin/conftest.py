"""A fresh `recado` database, in a transaction or behind the command line."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Connection

from admin.cli import run
from schemas.database import transaction
from tests.recado_database import Postgres, migrated, postgres, recado_url, server_url

__all__ = ["migrated", "postgres", "recado_url", "server_url"]


class Ran(NamedTuple):
    """What one command line gave."""

    code: int
    out: str
    err: str


Command = Callable[..., Ran]


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

"""`recado up`, `down` and `status` as a person or a script meets them."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from admin.commands import stack as commands
from deploy.stack import LocalStack
from schemas.errors import Exit


@pytest.fixture
def recado() -> typer.Typer:
    app = typer.Typer()
    commands.register(app)
    return app


def test_status_of_a_stack_that_was_never_started(
    recado: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECADO_DATA_DIR", str(tmp_path / ".recado"))
    done = CliRunner().invoke(recado, ["status", "--json"])
    assert done.exit_code == Exit.DEPENDENCY_DOWN
    assert [(line["name"], line["state"], line["pid"]) for line in json.loads(done.stdout)] == [
        ("postgres", "STOPPED", None),
        ("kafka", "STOPPED", None),
        ("connect", "STOPPED", None),
    ]
    assert not (tmp_path / ".recado").exists()


def test_a_given_database_is_no_part_of_the_stack(
    recado: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECADO_DATA_DIR", str(tmp_path / ".recado"))
    monkeypatch.setenv("RECADO_DATABASE_URL", "postgresql://somebody@db.example/recado")
    done = CliRunner().invoke(recado, ["status", "--json"])
    assert [line["name"] for line in json.loads(done.stdout)] == ["kafka", "connect"]


def test_down_of_nothing_is_no_error(recado: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECADO_DATA_DIR", str(tmp_path / ".recado"))
    assert CliRunner().invoke(recado, ["down", "--purge"]).exit_code == Exit.OK
    assert not (tmp_path / ".recado").exists()


@pytest.mark.stack
def test_up_finds_what_runs_and_tells_its_addresses(
    recado: typer.Typer, stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECADO_DATA_DIR", str(stack.data_dir))
    done = CliRunner().invoke(recado, ["up", "--jit", "c1", "--json"])
    assert done.exit_code == Exit.OK
    assert [(line["name"], line["port"]) for line in json.loads(done.stdout)] == [
        (name, stack.ports[name]) for name in ("postgres", "kafka", "connect")
    ]
    assert f"RECADO_KAFKA__BOOTSTRAP={stack.bootstrap}\n" in stack.environment_file.read_text()
    assert stack.environment_file.stat().st_mode & 0o777 == 0o600

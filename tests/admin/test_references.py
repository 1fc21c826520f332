"""Secrets that cannot be read are named before the roles start."""

from pathlib import Path

import pytest

from admin.references import unreadable
from schemas.errors import Invalid
from tests.admin.command_line import Command
from tests.stack_fixture import Processes

pytestmark = pytest.mark.stack


def add(recado: Command, source: str, password: str, channel_token: str | None = None) -> None:
    dsn = "postgresql://app@db/whaticket"
    assert recado("source", "add", source, "--flavour", "ticketz", "--dsn", dsn, "--password", password).code == 0
    settings = ["-s", "url=http://127.0.0.1:8099"]
    settings += [] if channel_token is None else ["-s", f"token={channel_token}"]
    added = recado("channel", "add", f"phones-{source}", "--provider", "sandbox", *settings)
    assert added.code == 0, added.err
    assert recado("tenant", "set", f"{source}/1", "--channel", f"phones-{source}").code == 0
    assert recado("tenant", "shadow", f"{source}/1").code == 0


def test_what_one_source_lacks_is_said_and_does_not_stop_the_others(
    recado: Command, recado_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    add(recado, "shop", f"file:{tmp_path / 'password'}")
    assert unreadable(recado_url) == []
    monkeypatch.delenv("BANK_PASSWORD", raising=False)
    add(recado, "bank", "env:BANK_PASSWORD")
    assert [str(found) for found in unreadable(recado_url)] == [
        "RCD-602: source bank: env:BANK_PASSWORD: the variable is not set"
    ]
    assert recado("tenant", "disable", "bank/1").code == 0
    assert unreadable(recado_url) == []


def test_where_nobody_could_be_told_it_does_not_start(
    recado: Command, recado_url: str, processes: Processes, tmp_path: Path
) -> None:
    add(recado, "shop", "env:NOBODY_SET_THIS")
    with pytest.raises(Invalid, match="source shop: env:NOBODY_SET_THIS"):
        unreadable(recado_url)
    env = {"RECADO_DATA_DIR": str(tmp_path / "roles"), "RECADO_DATABASE_URL": recado_url}
    started = processes.python("-m", "admin", "run", "all", env=env)
    assert started.wait(60) == 20, processes.log(started)
    assert "RCD-602: source shop: env:NOBODY_SET_THIS: the variable is not set" in processes.log(started)

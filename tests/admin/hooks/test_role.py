"""The role: when it is one of all, and how it says that it cannot start."""

from typing import Any

import pytest

from admin.commands import run
from admin.hooks import role
from schemas.errors import Invalid
from schemas.settings import Settings


def test_all_roles_have_it_among_them_once_it_has_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECADO_HTTP__PORT", "9100")
    assert [p.name for p in run._programs(Settings.load())] == ["coalescer", "sender"]
    monkeypatch.setenv("RECADO_HOOKS__PORT", "8090")
    found = run._programs(Settings.load())
    assert [(p.name, p.env["RECADO_HTTP__PORT"]) for p in found] == [
        ("coalescer", "9100"),
        ("sender", "9101"),
        ("hooks", "9102"),
    ]


def test_without_a_database_it_says_which_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(role, "configure", lambda *_, **__: None)
    settings: Any = Settings.load(database_url=None)
    with pytest.raises(Invalid) as refused:
        role.run(settings)
    assert (refused.value.code, refused.value.detail.split(":")[0]) == ("RCD-601", "RECADO_DATABASE_URL")

"""`recado install` beside a database that is not ours."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack import LocalStack
from tests.admin.conftest import Command
from tests.admin.installed import Shop, World, drop_shop, fresh_shop, world_of

pytestmark = [pytest.mark.stack]


@pytest.fixture
def world(
    stack: LocalStack, command: Command, server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    yield from world_of(stack, command, server_url, tmp_path / "data", monkeypatch)


@pytest.fixture
def shop(stack: LocalStack, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    made = fresh_shop(stack, monkeypatch)
    yield made
    drop_shop(stack, made)


def test_from_a_plan_to_the_first_captured_row_and_nothing_the_second_time(world: World, shop: Shop) -> None:
    code, planned = world.json("install", shop.source, "--dsn", f"env:{shop.variable}")
    assert (code, planned["applied"], planned["problems"]) == (10, False, [])
    ran = world.command("install", shop.source, "--dsn", f"env:{shop.variable}", "--apply")
    assert ran.code == 0, ran.err
    assert world.command("install", shop.source, "--apply") == (0, "", "everything is there\n")
    secret = world.data_dir / "secrets" / f"recado_app_{shop.source}"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert secret.read_text() not in ran.out + ran.err
    shop.insert("A1", ticket=7)
    ((key, value),) = world.records(world.cell.messages, 1)
    assert (key, value["after"]["id"], value["source"]["name"]) == (b'{"ticketId":7}', "A1", shop.source)

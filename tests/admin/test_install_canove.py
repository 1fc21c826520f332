"""canove on PostgreSQL: looked at, installed beside, followed, left alone again."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.stack import LocalStack
from tests.admin.installed import Shop, World, drop_shop, fresh_shop, objects

pytestmark = [pytest.mark.stack]


@pytest.fixture
def canove(stack: LocalStack, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    made = fresh_shop(stack, monkeypatch, "canove")
    yield made
    drop_shop(stack, made)


def test_from_the_first_look_to_nothing_left(world: World, canove: Shop, tmp_path: Path) -> None:
    source, before = canove.source, objects(canove)
    address = tmp_path / "address"
    address.write_text(canove.dsn + "\n")
    dsn = ("--dsn", f"file:{address}")
    _, report = world.json("doctor", *dsn)
    looked = {finding["check"]: finding for finding in report["findings"] if finding["about"] == "database"}
    assert (looked["flavour"]["state"], looked["flavour"]["text"]) == ("ok", "canove")

    installed = world.command("install", source, *dsn, "--apply")
    assert installed.code == 0, installed.err
    assert canove.dsn.split("@")[0] not in installed.out + installed.err
    with psycopg.connect(canove.dsn, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO "Messages" (id, "ticketId", body, "mediaType", "createdAt", "updatedAt")
               VALUES ('A1', 1, 'Oi', 'chat', now(), now())"""
        )
    ((key, value),) = world.records(world.cell.messages, 1)
    assert (key, value["after"]["id"], value["source"]["name"]) == (b'{"ticketId":1}', "A1", source)
    code, report = world.json("doctor", source)
    assert (code, [f for f in report["findings"] if f["state"] == "fail"]) == (0, [])

    assert world.command("tenant", "set", f"{source}/1").err == (
        f"this Whaticket has no companies: the tenant is {source}/0\n"
    )
    assert world.command("tenant", "set", f"{source}/0").err == ""
    assert world.command("user", "set", f"{source}/0/77").err == f"Whaticket has no user 77 in {source}\n"
    assert world.command("user", "set", f"{source}/0/2").err == ""

    assert world.command("uninstall", source, "--apply").code == 0
    assert world.command("uninstall", source, *dsn, "--verify") == (0, "0 objects left\n", "")
    assert objects(canove) == before

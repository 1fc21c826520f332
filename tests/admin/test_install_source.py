"""`recado install` beside a database that is not ours."""

import stat

import psycopg
import pytest

from tests.admin.installed import Shop, World, objects

pytestmark = [pytest.mark.stack]


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


def test_all_of_it_is_taken_away_and_a_slot_planted_by_hand_is_found(world: World, shop: Shop) -> None:
    before = objects(shop)
    assert world.command("install", shop.source, "--dsn", f"env:{shop.variable}", "--apply").code == 0
    there = world.command("uninstall", shop.source, "--verify")
    assert there.code == 10
    assert sorted(line.split()[1] for line in there.err.splitlines() if "group" not in line) == sorted(
        ["replication", "publication", "role", "role", "connector", "file", "file"] + ["topic"] * 10
    )
    code, planned = world.json("uninstall", shop.source)
    assert (code, planned["problems"]) == (10, [])
    assert [line["what"] for line in planned["steps"]][:3] == [
        f"delete connector {world.cell.prefix}{shop.source} and its offsets",
        f"drop replication slot recado_{shop.source}",
        "drop the publication",
    ]
    removed = world.command("uninstall", shop.source, "--apply")
    assert removed.code == 0, removed.err
    dsn = ("--dsn", f"env:{shop.variable}")
    assert world.command("uninstall", shop.source, *dsn, "--verify") == (0, "0 objects left\n", "")
    assert world.command("uninstall", shop.source, *dsn, "--apply") == (0, "", "nothing is there\n")
    assert objects(shop) == before
    forgotten = world.command("uninstall", shop.source, "--verify")
    assert (forgotten.code, forgotten.out) == (20, "0 objects left where it could be asked\n")
    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [f"recado_{shop.source}"])
    found = world.command("uninstall", shop.source, *dsn, "--verify")
    assert (found.code, found.err, found.out) == (
        10,
        f"left: replication slot recado_{shop.source}\n",
        "1 object left\n",
    )
    assert world.command("uninstall", shop.source, *dsn, "--apply").code == 0
    assert world.command("uninstall", shop.source, *dsn, "--verify").code == 0

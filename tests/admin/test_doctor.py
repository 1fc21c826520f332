"""`recado doctor`: what it says of a sound installation and of each thing that can be wrong with one."""

from typing import Any

import psycopg
import pytest

from tests.admin.installed import Shop, World, objects

pytestmark = [pytest.mark.stack]


def said(world: World, *arguments: str) -> tuple[int, dict[tuple[str, str], list[dict[str, Any]]]]:
    """Run the doctor; findings by subject and check."""
    code, report = world.json("doctor", *arguments)
    assert report["exit"] == code
    assert report["took_ms"] < 60_000  # seconds on a machine with room; no check waits without an end
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for finding in report["findings"]:
        found.setdefault((finding["about"], finding["check"]), []).append(finding)
    return code, found


def failures(found: dict[tuple[str, str], list[dict[str, Any]]]) -> set[tuple[str, str | None]]:
    return {(f["check"], f["code"]) for group in found.values() for f in group if f["state"] == "fail"}


def test_a_database_is_looked_at_before_anything_is_installed_and_nothing_is_changed(
    world: World, shop: Shop
) -> None:
    before = objects(shop)
    code, found = said(world, "--dsn", f"env:{shop.variable}")
    assert found["database", "flavour"][0]["text"] == "ticketz"
    assert {f["state"] for key, group in found.items() if key[0] == "database" for f in group} <= {
        "ok",
        "skip",
        "warn",
    }
    # the recado database and the topics are missing: that is what install is for
    assert failures(found) == {("database", "RCD-801"), ("topics", "RCD-201")}
    assert code == 30
    assert objects(shop) == before


def test_a_sound_installation_has_nothing_that_fails_and_each_damage_is_named(world: World, shop: Shop) -> None:
    source = shop.source
    assert world.command("install", source, "--dsn", f"env:{shop.variable}", "--apply").code == 0
    code, found = said(world)
    assert (code, failures(found)) == (0, set())
    states = {check: group[0]["state"] for (about, check), group in found.items() if about == source}
    assert states == {
        "server": "ok",
        "flavour": "ok",
        "wal_level": "ok",
        "slots": "ok",
        "wal cap": "ok",
        "clock": "ok",
        "access": "skip",  # the read role may not look at pg_hba.conf
        "createdAt": states["createdAt"],
        "publication": "ok",
        "roles": "ok",
        "grants": "ok",
        "secrets of Whaticket": "ok",
        "slot": "ok",
    }
    assert found["connect", f"connector of {source}"][0]["state"] == "ok"
    assert found["kafka", "heartbeats"][0]["state"] == "ok"
    assert [f["state"] for f in found["kafka", "roles"]] == ["warn", "warn"]

    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        connection.execute('GRANT SELECT ON "Users" TO PUBLIC')
        code, found = said(world, source)
        assert failures(found) == {("grants", "RCD-116"), ("secrets of Whaticket", "RCD-116")}
        assert (code, "Users.passwordHash" in found[source, "grants"][0]["text"]) == (20, True)
        connection.execute('REVOKE SELECT ON "Users" FROM PUBLIC')

        connection.execute('ALTER TABLE "Messages" RENAME TO "Old"')
        connection.execute('CREATE TABLE "Messages" (LIKE "Old" INCLUDING ALL)')
        code, found = said(world, source)
        assert ("publication", "RCD-105") in failures(found)
        assert ("grants", "RCD-113") in failures(found)
        healed = world.command("install", source, "--apply")
        assert healed.code == 0, healed.err
        code, found = said(world, source)
        # the grants on the old table are nobody's need any more
        assert failures(found) == {("grants", "RCD-116")}
        connection.execute('DROP TABLE "Old"')
        code, found = said(world, source)
        assert (code, failures(found)) == (0, set())
    shop.insert("AFTER", ticket=3)
    assert [value["after"]["id"] for _, value in world.records(world.cell.messages, 1)] == ["AFTER"]


def test_created_at_is_measured_on_a_captured_row(world: World, shop: Shop) -> None:
    assert world.command("install", shop.source, "--dsn", f"env:{shop.variable}", "--apply").code == 0
    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO "Messages" (id, "ticketId", body, "fromMe", "contactId", "companyId", "createdAt",
                                       "updatedAt")
               VALUES ('LATE', 1, 'Oi', false, 1, 1, now() - interval '3 hours', now())"""
        )
    world.records(world.cell.messages, 1)
    code, found = said(world, shop.source)
    (finding,) = found["kafka", f"createdAt of {shop.source}"]
    assert (code, finding["state"], finding["code"]) == (0, "warn", "RCD-107")
    assert finding["text"] == (
        "createdAt is 3 h 00 min behind UTC; the offset is 0, it should be: "
        f"recado source set {shop.source} --created-offset-ms 10800000"
    )
    assert world.command("source", "set", shop.source, "--created-offset-ms", "10800000").code == 0
    assert said(world, shop.source)[1]["kafka", f"createdAt of {shop.source}"][0]["state"] == "ok"


def test_a_wrong_password_is_rcd_111_and_is_not_shown(
    world: World, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG", shop.dsn.replace("postgres:", "postgres:hunter2", 1))
    ran = world.command("doctor", "--dsn", "env:WRONG")
    assert "RCD-111" in ran.out
    assert "hunter2" not in ran.out + ran.err
    installed = world.command("install", shop.source, "--dsn", "env:WRONG", "--apply")
    assert (installed.code, "RCD-111" in installed.err, "hunter2" in installed.err) == (20, True, False)


def test_nobody_answers_and_every_check_is_still_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECADO_KAFKA__BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("RECADO_CONNECT__URL", "http://127.0.0.1:1")
    monkeypatch.setenv("RECADO_DATABASE_URL", "postgresql://recado@127.0.0.1:1/recado")
    monkeypatch.setenv("NOWHERE", "postgresql://recado@127.0.0.1:1/whaticket")
    code, found = said(world, "--dsn", "env:NOWHERE")
    assert code == 30
    assert failures(found) == {
        ("database", "RCD-801"), ("topics", "RCD-207"), ("worker", "RCD-208"), ("connection", "RCD-110"),
    }  # fmt: skip
    assert found["kafka", "roles"][0]["text"] == "not asked: RCD-207"


def test_a_source_that_was_taken_away_and_kept_its_tenants_is_no_failure(world: World, shop: Shop) -> None:
    assert world.command("install", shop.source, "--dsn", f"env:{shop.variable}", "--apply").code == 0
    assert world.command("tenant", "set", f"{shop.source}/1", "--name", "Loja").code == 0
    assert world.command("uninstall", shop.source, "--apply").code == 0
    _, found = said(world, shop.source)
    gone = "was uninstalled; recado install makes it again, recado source remove forgets it"
    assert [(f["state"], f["text"]) for f in found[shop.source, "connection"]] == [("skip", gone)]
    assert [(f["state"], f["text"]) for f in found["connect", f"connector of {shop.source}"]] == [("skip", gone)]
    assert failures(found) == {("topics", "RCD-201")}

"""What can happen to an installation, or stand in its way, and what `doctor` and `install` say and do about it."""

import time
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, Producer

from admin.install.capture import capture_of
from admin.install.source import Source
from admin.registry.rows import By
from cdc.connect import Connect
from cdc.flavours.registry import flavour
from cdc.postgres import connect, names
from schemas.errors import Recoverable
from tests.admin.installed import Shop, World

pytestmark = [pytest.mark.stack]


def failures(world: World, *arguments: str) -> tuple[int, set[tuple[str, str]]]:
    code, report = world.json("doctor", *arguments)
    return code, {(f["check"], f["code"]) for f in report["findings"] if f["state"] == "fail"}


def installed(world: World, shop: Shop) -> None:
    done = world.command("install", shop.source, "--dsn", f"env:{shop.variable}", "--apply")
    assert done.code == 0, done.err


def test_a_schema_that_drifted_is_rcd_112_with_what_is_missing(world: World, shop: Shop) -> None:
    installed(world, shop)
    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        connection.execute('ALTER TABLE "Tickets" RENAME COLUMN "queueId" TO "queue"')
        code, found = failures(world, shop.source)
        assert (code, ("flavour", "RCD-112") in found) == (20, True)
        refused = world.command("install", shop.source, "--apply")
        assert (refused.code, refused.err.split(":")[0], "queueId" in refused.err) == (20, "RCD-112", True)
        connection.execute('ALTER TABLE "Tickets" RENAME COLUMN "queue" TO "queueId"')
    assert failures(world, shop.source) == (0, set())


def test_a_password_that_a_stranger_changed_is_named_and_set_again(world: World, shop: Shop) -> None:
    installed(world, shop)
    ours = names(shop.source)
    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        connection.execute(f"ALTER ROLE {ours.app_role} PASSWORD 'another'".encode())
    assert failures(world, shop.source) == (20, {("connection", "RCD-111")})
    healed = world.command("install", shop.source, "--apply")
    assert (healed.code, f"give {ours.app_role} a new password" in healed.err) == (0, True), healed.err
    assert failures(world, shop.source) == (0, set())


def test_a_connector_that_stands_still_is_named_by_each_who_sees_it(
    world: World, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(world, shop)
    with Connect(world.stack.connect_url) as rest:
        rest.stop(f"{world.cell.prefix}{shop.source}")
    monkeypatch.setattr("admin.doctor.cell.BEAT_FAIL_MS", 0)
    code, found = failures(world, shop.source)
    assert (code, found) == (
        30,
        {(f"connector of {shop.source}", "RCD-203"), ("slot", "RCD-203"), ("heartbeats", "RCD-211")},
    )
    source = Source(world.settings, world.url, shop.wanted, By("ana"))
    capture = capture_of(world.settings, shop.source, flavour("ticketz"), source.place)
    with pytest.raises(Recoverable, match="not true: the slot is followed") as silent:
        capture.self_test(lambda: connect(shop.dsn), deadline_s=0.5)
    assert silent.value.code == "RCD-211"
    healed = world.command("install", shop.source, "--apply")
    assert (healed.code, "correct connector" in healed.err) == (0, True), healed.err


def test_a_state_without_a_place_in_its_input_is_rcd_202(world: World, shop: Shop) -> None:
    installed(world, shop)
    producer = Producer({"bootstrap.servers": world.stack.bootstrap})
    producer.produce(world.cell.sender_changelog, b"{}", key=b"e/1", partition=1)
    assert producer.flush(10) == 0
    _, report = world.json("doctor", shop.source)
    assert [(f["state"], f["text"], f["code"]) for f in report["findings"] if f["check"] == "positions"] == [
        ("ok", f"coalescer: state and place in {world.cell.messages} belong together", None),
        ("fail", f"sender: state of partitions 1 without a place in {world.cell.alerts}", "RCD-202"),
    ]
    assert report["exit"] == 40


def test_nothing_is_taken_from_under_a_role_that_runs(world: World, shop: Shop) -> None:
    installed(world, shop)
    member = Consumer({"bootstrap.servers": world.stack.bootstrap, "group.id": world.cell.sender_group})
    try:
        member.subscribe([world.cell.alerts])
        deadline = time.monotonic() + 30
        while not member.assignment():
            member.poll(0.1)
            assert time.monotonic() < deadline
        refused = world.command("uninstall", shop.source, "--apply")
        assert (refused.code, "RCD-210" in refused.err) == (40, True), refused.err
    finally:
        member.close()
    assert world.command("uninstall", shop.source, "--apply").code == 0
    dsn = ("--dsn", f"env:{shop.variable}")
    assert world.command("uninstall", shop.source, *dsn, "--verify") == (0, "0 objects left\n", "")


def test_a_slot_of_our_name_that_is_somebody_elses_is_rcd_114(world: World, shop: Shop) -> None:
    slot = names(shop.source).slot
    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", [slot])
        refused = world.command("install", shop.source, "--dsn", f"env:{shop.variable}")
        assert (refused.code, "RCD-114: " in refused.err) == (40, True)
        assert f"a slot called {slot} is somebody else's: test_decoding" in refused.err
        connection.execute("SELECT pg_drop_replication_slot(%s)", [slot])


def test_clocks_that_differ_are_rcd_117(world: World, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("admin.doctor.database.time", SimpleNamespace(time=lambda: time.time() + 120))
    _, report = world.json("doctor", "--dsn", f"env:{shop.variable}")
    (clock,) = [f for f in report["findings"] if f["check"] == "clock"]
    assert (clock["state"], clock["code"], clock["text"]) == (
        "fail",
        "RCD-117",
        "the database's clock is 120.0 s behind",
    )


def test_who_gives_no_administrators_address_is_told_to(world: World, shop: Shop) -> None:
    refused = world.command("install", shop.source)
    assert (refused.code, "RCD-405: " in refused.err) == (20, True)
    assert f"recado install {shop.source} --dsn env:NAME" in refused.err
    installed(world, shop)
    (world.data_dir / "install" / f"{shop.source}.json").unlink()
    for verb in ("install", "uninstall"):
        refused = world.command(verb, shop.source, "--apply")
        assert (refused.code, "RCD-405: " in refused.err) == (20, True)
        assert f"recado {verb} {shop.source} --dsn env:NAME" in refused.err


def test_an_address_from_source_add_that_may_not_install_says_whose_it_is(
    world: World, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.command("install", "--apply").code == 0
    where: dict[str, Any] = connect(shop.dsn).info.get_parameters()
    monkeypatch.setenv("NOT_IT", "hunter2")
    dsn = f"postgresql://whaticket@{where['host']}:{where['port']}/{where['dbname']}"
    added = world.command(
        "source", "add", shop.source, "--flavour", "ticketz", "--dsn", dsn, "--password", "env:NOT_IT"
    )
    assert added.code == 0, added.err
    refused = world.command("install", shop.source)
    assert (refused.code, "RCD-111: " in refused.err) == (20, True)
    assert "this address is known from before; give an administrator's: --dsn env:NAME" in refused.err

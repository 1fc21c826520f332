"""Installing when things go wrong: interrupted, twice at once, beside servers that lack something."""

import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from confluent_kafka.admin import AdminClient

from admin.install.address import Address
from admin.install.installation import Installation, Part
from admin.install.journal import Journal
from admin.install.removal import Removal
from admin.install.source import Wanted
from admin.install.step import Step
from admin.registry.rows import By
from cdc.connect import Connect
from deploy import postgres
from deploy.stack import LocalStack
from schemas.database import engine
from schemas.errors import Fatal
from schemas.tables import install_journal
from tests.admin.installed import Shop, World, drop_shop, fresh_shop, objects
from tests.cdc.ticketz_database import fill
from tests.recado_database import Postgres

pytestmark = [pytest.mark.stack]
BY = By("ana")


class Pulled(Exception):
    """The plug."""


def pull_after(count: int) -> Callable[[Step], None]:
    """Return a callback that lets so many steps be done and then ends the process, as far as a test can."""
    left = count

    def told(_: Step) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            raise Pulled

    return told


def nothing(_: Step) -> None:
    """Say nothing."""


def until_done(apply: Callable[[Callable[[Step], None]], list[Part]]) -> int:
    """Run again and again, pulling the plug after each first step, until nothing is left; return how often."""
    for times in range(1, 60):
        try:
            parts = apply(pull_after(1))
        except Pulled:
            continue
        assert [part.problem for part in parts if part.problem] == []
        return times
    raise AssertionError


def test_interrupted_after_each_step_it_goes_on_and_so_does_the_removal(world: World, shop: Shop) -> None:
    before = objects(shop)

    def install(done: Callable[[Step], None]) -> list[Part]:
        return Installation(world.settings, world.url, [shop.wanted], BY).apply(done)

    def remove(done: Callable[[Step], None]) -> list[Part]:
        return Removal(world.settings, world.url, [shop.wanted], BY).apply(done)

    # 2 of the database, 10 topics, 2 secrets, roles, registry, connector, self-test
    assert until_done(install) == 19
    assert world.command("install", shop.source).code == 0
    shop.insert("ONE")
    assert [value["after"]["id"] for _, value in world.records(world.cell.messages, 1)] == ["ONE"]
    assert until_done(remove) >= 15
    assert world.command("uninstall", shop.source, "--dsn", f"env:{shop.variable}", "--verify").code == 0
    assert objects(shop) == before

    journal = Journal(world.data_dir, world.settings.cell, "ana", world.url)
    told = [(record.entry.step, record.state) for record in journal.records()]
    assert ("roles", "done") in told
    assert ("roles", "undone") in told
    with engine(world.url).connect() as connection:
        stored = {row.entry_id for row in connection.execute(install_journal.select())}
    assert stored == {record.entry_id for record in journal.records()}
    text = (world.data_dir / "install.jsonl").read_text()
    assert "SCRAM" not in text
    assert shop.dsn.split("@")[0] not in text


def test_two_at_once_exclude_each_other(world: World, shop: Shop) -> None:
    reached, go = threading.Event(), threading.Event()

    def wait(step: Step) -> None:
        if step.name == "roles":
            reached.set()
            assert go.wait(60)

    first = threading.Thread(
        target=lambda: Installation(world.settings, world.url, [shop.wanted], BY).apply(wait), daemon=True
    )
    first.start()
    try:
        assert reached.wait(60)
        parts = Installation(world.settings, world.url, [shop.wanted], BY).apply(nothing)
        assert [part.problem.code for part in parts if part.problem] == ["RCD-115"]
        refused = world.command("uninstall", shop.source, "--apply")
        assert (refused.code, "RCD-115" in refused.err) == (40, True)
    finally:
        go.set()
        first.join(120)
    assert world.command("install", shop.source).code == 0


def test_two_sources_with_equal_ticket_ids_stay_apart_and_the_last_one_takes_the_topics(
    world: World, shop: Shop, stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = fresh_shop(stack, monkeypatch)
    try:
        for one in (shop, other):
            done = world.command("install", one.source, "--dsn", f"env:{one.variable}", "--apply")
            assert done.code == 0, done.err
        assert world.command("install", shop.source, other.source).code == 0
        shop.insert("SAME", ticket=7)
        other.insert("SAME", ticket=7)
        found = world.records(world.cell.messages, 2)
        assert {key for key, _ in found} == {b'{"ticketId":7}'}
        assert {(v["source"]["name"], v["source"]["db"]) for _, v in found} == {
            (one.source, one.dsn.rpartition("/")[2]) for one in (shop, other)
        }
        assert world.command("uninstall", other.source, "--apply").code == 0
        assert world.command("uninstall", other.source, "--dsn", f"env:{other.variable}", "--verify").code == 0
        assert world.command("doctor", shop.source).code == 0
        shop.insert("AFTER", ticket=7)
        assert len(world.records(world.cell.messages, 3)) == 3
        assert world.command("uninstall", "--apply").code == 0
        admin = AdminClient({"bootstrap.servers": stack.bootstrap})
        assert [t for t in admin.list_topics(timeout=10).topics if t.startswith(world.cell.prefix)] == []
    finally:
        drop_shop(stack, other)


def test_a_slot_that_a_stranger_dropped_is_a_gap_that_is_named(world: World, shop: Shop) -> None:
    assert world.command("install", shop.source, "--dsn", f"env:{shop.variable}", "--apply").code == 0
    name = f"{world.cell.prefix}{shop.source}"
    with Connect(world.stack.connect_url) as rest, psycopg.connect(shop.dsn, autocommit=True) as connection:
        rest.stop(name)
        connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s",
            [f"recado_{shop.source}"],
        )
    code, report = world.json("doctor", shop.source)
    assert code != 0
    assert "RCD-103" in {finding["code"] for finding in report["findings"]}
    refused = world.command("install", shop.source, "--apply")
    assert (refused.code, f"slot recado_{shop.source} was dropped by somebody" in refused.err) == (10, True)
    assert world.command("uninstall", shop.source, "--apply").code == 0
    anew = world.command("install", shop.source, "--dsn", f"env:{shop.variable}", "--apply")
    assert anew.code == 0, anew.err


def test_a_kafka_that_was_emptied_is_named_and_filled_again(world: World, shop: Shop) -> None:
    assert world.command("install", shop.source, "--dsn", f"env:{shop.variable}", "--apply").code == 0
    with Connect(world.stack.connect_url) as rest:
        rest.delete(f"{world.cell.prefix}{shop.source}")
    admin = AdminClient({"bootstrap.servers": world.stack.bootstrap})
    ours = [name for name in admin.list_topics(timeout=10).topics if name.startswith(world.cell.prefix)]
    for future in admin.delete_topics(ours, operation_timeout=30).values():
        future.result()
    shop.insert("MEANWHILE")
    code, report = world.json("doctor", shop.source)
    assert (code, {"RCD-201", "RCD-203"} <= {finding["code"] for finding in report["findings"]}) == (30, True)
    assert world.command("install", shop.source, "--apply").code == 0
    assert [value["after"]["id"] for _, value in world.records(world.cell.messages, 1)] == ["MEANWHILE"]


# ── a server of its own, whose settings may be changed ───────────────────────────


class Server(Postgres):
    """PostgreSQL as it comes: `wal_level` is replica, by a file that ALTER SYSTEM outranks."""

    slots = 10

    def start(self) -> None:
        file = self.data / "postgresql.conf"
        text = file.read_text("utf-8")
        if "# of the test" not in text:
            lines = ("# of the test", "listen_addresses='127.0.0.1'", "unix_socket_directories=''", "fsync=off",
                     "wal_level=replica", f"max_replication_slots={self.slots}")  # fmt: skip
            file.write_text(text + "\n" + "\n".join(lines) + "\n", "utf-8")
        program = postgres.program(self._home, self.port)
        account: dict[str, Any] = {}
        if program.uid is not None:
            account = {"user": program.uid, "group": program.gid, "extra_groups": []}
        self._server = subprocess.Popen(
            [program.argv[0], "-D", str(self.data), "-p", str(self.port)],
            cwd="/", env=dict(program.env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **account,
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while not postgres.is_ready(self.url("postgres")):
            assert time.monotonic() < deadline, "PostgreSQL did not start"
            time.sleep(0.05)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.remove()


def beside(server: Server, monkeypatch: pytest.MonkeyPatch) -> Wanted:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE whaticket")
    fill(server.url("whaticket"))
    monkeypatch.setenv("OWN_ADMIN", server.url("whaticket"))
    return Wanted("own", Address("env:OWN_ADMIN"))


def setting(server: Server, name: str) -> str:
    with psycopg.connect(server.url("whaticket")) as connection:
        return str((connection.execute("SELECT current_setting(%s)", [name]).fetchone() or ("",))[0])


def test_a_database_that_must_restart_is_installed_in_two_runs_and_gets_its_settings_back(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside(server, monkeypatch)
    _, report = world.json("doctor", "--dsn", "env:OWN_ADMIN")
    assert "RCD-101" in {finding["code"] for finding in report["findings"] if finding["state"] == "fail"}
    first = world.command("install", "own", "--dsn", "env:OWN_ADMIN", "--apply")
    assert first.code == 10
    assert "RCD-101: wal_level is 'replica', Debezium needs 'logical'. ALTER SYSTEM is done" in first.err
    assert world.command("install", "own", "--apply").code == 10
    server.stop()
    server.start()
    second = world.command("install", "own", "--apply")
    assert second.code == 0, second.err
    assert next(line.split(": ")[2] for line in second.err.splitlines()).startswith("create connector")
    assert (setting(server, "wal_level"), setting(server, "max_slot_wal_keep_size")) == ("logical", "2GB")

    monkeypatch.setenv("RECADO_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/gone")
    removed = world.command("uninstall", "own", "--apply")
    assert removed.code == 0, removed.err
    assert world.command("uninstall", "own", "--dsn", "env:OWN_ADMIN", "--verify").out == "0 objects left\n"
    server.stop()
    server.start()
    assert (setting(server, "wal_level"), setting(server, "max_slot_wal_keep_size")) == ("replica", "-1")


def test_no_free_slot_is_rcd_102_with_the_names_of_the_others(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = beside(server, monkeypatch)
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        for number in range(server.slots):
            connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", [f"airbyte_{number}"])
    _, report = world.json("doctor", "own", "--dsn", "env:OWN_ADMIN")
    (finding,) = [f for f in report["findings"] if f["check"] == "slots"]
    assert (finding["state"], finding["code"]) == ("fail", "RCD-102")
    assert re.match(r"no free replication slot \(10 of 10\). Not ours: airbyte_0 \(inactive", finding["text"])
    parts = Installation(world.settings, world.url, [wanted], BY).apply(nothing)
    assert [part.problem.code for part in parts if part.problem] == ["RCD-102"]


def test_who_does_not_own_the_table_is_told_the_sql(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside(server, monkeypatch)
    with psycopg.connect(server.url("whaticket"), autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
        connection.execute("ALTER SYSTEM SET wal_level = 'logical'")
    server.stop()
    server.start()
    monkeypatch.setenv("OWN_GUEST", server.url("whaticket", "guest"))
    code, report = world.json("install", "own", "--dsn", "env:OWN_GUEST")
    (problem,) = report["problems"]
    assert (code, problem["code"]) == (10, "RCD-104")
    assert problem["detail"].startswith("to be run by postgres: CREATE PUBLICATION recado_own FOR TABLE")
    code, report = world.json("doctor", "own", "--dsn", "env:OWN_GUEST")
    assert "RCD-104" in {f["code"] for f in report["findings"] if f["state"] == "fail"}


def test_too_little_memory_or_disk_is_rcd_109_with_the_numbers() -> None:
    from admin.doctor.machine import Machine, require_room

    for poor, words in ((Machine(200, 50_000), "200 MB of memory"), (Machine(4_000, 10), "10 MB of disk")):
        with pytest.raises(Fatal, match=words) as refused:
            require_room(poor, stack_runs=True)
        assert refused.value.code == "RCD-109"
    require_room(Machine(None, 50_000), stack_runs=False)

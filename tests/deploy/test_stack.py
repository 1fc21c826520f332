"""The stack under kill -9: every part comes back, nothing is lost. Runs on a stack of its own."""

import json
import os
import socket
import sys
import time
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from confluent_kafka import Consumer, Producer

from deploy import postgres
from deploy.stack import PARTS, Dirs, LocalStack, Part
from deploy.waiting import wait_until
from schemas.errors import RecadoError
from schemas.topics import Topic

pytestmark = [pytest.mark.stack, pytest.mark.slow]
TOPIC = Topic("kept", 1, {"retention.ms": "-1"})


def pids(stack: LocalStack) -> dict[str, int | None]:
    return {line.name: line.pid for line in stack.status()}


def write(stack: LocalStack, value: str) -> None:
    """Leave the value in PostgreSQL, in Kafka and (as a connector's name) in Connect."""
    with psycopg.connect(stack.create_database("kept")) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])
    stack.create_topics([TOPIC])
    producer = Producer({"bootstrap.servers": stack.bootstrap, "acks": "all"})
    producer.produce(TOPIC.name, value=value)
    assert producer.flush(30) == 0


def read(stack: LocalStack) -> dict[str, list[str]]:
    with psycopg.connect(stack.postgres_dsn("kept")) as connection:
        rows = [row[0] for row in connection.execute("SELECT value FROM kept").fetchall()]
    consumer = Consumer(
        {
            "bootstrap.servers": stack.bootstrap,
            "group.id": f"reader-{time.monotonic_ns()}",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    consumer.subscribe([TOPIC.name])
    records: list[str] = []

    def read_to_the_end() -> bool:
        message = consumer.poll(0.5)
        if message is None:
            return False
        if message.error() is not None:
            return True
        records.append((message.value() or b"").decode())
        return False

    assert wait_until(read_to_the_end, 30)
    consumer.close()
    return {"postgres": sorted(rows), "kafka": sorted(records)}


def test_a_second_up_changes_nothing(own_stack: LocalStack) -> None:
    before = pids(own_stack)
    own_stack.up()
    assert pids(own_stack) == before
    assert None not in before.values()


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_part_comes_back_with_its_data(own_stack: LocalStack, part: Part) -> None:
    write(own_stack, f"before {part}")
    before = read(own_stack)
    others = {name: pid for name, pid in pids(own_stack).items() if name != part}
    killed = own_stack.kill(part)
    assert wait_until(lambda: pids(own_stack)[part] not in (killed, None), 30)
    own_stack.up()
    assert {name: pid for name, pid in pids(own_stack).items() if name != part} == others
    assert read(own_stack) == before
    assert httpx.get(f"{own_stack.connect_url}/connectors", timeout=10).json() == []


def test_a_killed_supervisor_is_replaced_and_its_orphans_end(own_stack: LocalStack) -> None:
    write(own_stack, "before supervisord")
    before, orphans = read(own_stack), pids(own_stack)
    own_stack.kill("supervisord")
    assert wait_until(lambda: own_stack.is_up() is False, 10)
    own_stack.up()
    assert [pid for pid in orphans.values() if pid is not None and psutil.pid_exists(pid)] == []
    assert read(own_stack) == before


def test_down_and_up_keep_data_and_addresses(own_stack: LocalStack) -> None:
    write(own_stack, "before down")
    before, ports = read(own_stack), dict(own_stack.ports)
    running = pids(own_stack)
    own_stack.down()
    own_stack.down()
    assert [line.state for line in own_stack.status()] == ["STOPPED"] * 3
    assert [pid for pid in running.values() if pid is not None and psutil.pid_exists(pid)] == []
    own_stack.up()
    assert (read(own_stack), own_stack.ports) == (before, ports)


def test_a_role_runs_with_the_stacks_addresses_and_comes_back(own_stack: LocalStack, tmp_path: Path) -> None:
    said = tmp_path / "said"
    program = (
        "import json, os, pathlib, sys, time;"
        "pathlib.Path(sys.argv[1]).write_text(json.dumps([os.getpid(), os.environ['RECADO_KAFKA__BOOTSTRAP'],"
        " os.environ['MORE']]));"
        "time.sleep(600)"
    )
    own_stack.start_role("role", [sys.executable, "-c", program, str(said)], {"MORE": "yes"})
    assert wait_until(said.exists, 15)
    pid, *told = json.loads(said.read_text())
    assert told == [own_stack.bootstrap, "yes"]
    said.unlink()
    assert own_stack.kill("role") == pid
    assert wait_until(said.exists, 15)
    assert own_stack.status()[-1].name == "role"
    own_stack.stop_role("role")
    assert "role" not in pids(own_stack)


def test_a_connector_may_read_secrets_from_the_private_folder_only(own_stack: LocalStack) -> None:
    assert own_stack.secrets_dir.stat().st_mode & 0o777 == 0o700
    inside, outside = own_stack.secrets_dir / "source", own_stack.data_dir / "secrets" / "outside"
    for file in (inside, outside):
        file.write_text("port=1\n")

    def errors_with_port_from(file: Path) -> str:
        config = {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "name": "x",
            "topic.prefix": "x",
            "database.hostname": "127.0.0.1",
            "database.port": f"${{file:{file}:port}}",
            "database.user": "x",
            "database.dbname": "x",
        }
        url = f"{own_stack.connect_url}/connector-plugins/PostgresConnector/config/validate"
        answer = httpx.put(url, json=config, timeout=30).json()
        return " ".join(error for item in answer["configs"] for error in item["value"]["errors"])

    assert "Connection to 127.0.0.1:1 refused" in errors_with_port_from(inside)
    assert "An integer is expected" in errors_with_port_from(outside)


def test_a_part_that_cannot_start_is_named_with_its_log(tmp_path: Path, own_stack: LocalStack) -> None:
    dirs = Dirs(tmp_path / ".recado", own_stack._cache_dir)
    broken = LocalStack(dirs, jit="c1", parts=("kafka",))
    config_owner = tmp_path / ".recado" / "stack" / "kafka" / "log"
    config_owner.mkdir(parents=True)
    (config_owner / "meta.properties").write_text("version=1\ncluster.id=x\nnode.id=7\n")
    try:
        with pytest.raises(RecadoError) as error:
            broken.up()
        assert (error.value.code, error.value.detail) == ("RCD-706", f"kafka; see {broken.log_file('kafka')}")
    finally:
        broken.down(purge=True)


def test_a_port_that_another_program_took_is_named(tmp_path: Path, own_stack: LocalStack) -> None:
    late = LocalStack(Dirs(tmp_path / ".recado", own_stack._cache_dir), jit="c1")
    with socket.create_server(("127.0.0.1", late.ports["controller"])), pytest.raises(RecadoError) as error:
        late.up()
    assert error.value.code == "RCD-704"
    assert "controller" in error.value.detail
    assert not (tmp_path / ".recado" / "stack" / "run" / "supervisord.json").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands PostgreSQL to another account")
def test_as_root_postgres_lives_where_its_account_can_enter_until_purged(own_stack: LocalStack) -> None:
    home = postgres.place(own_stack.data_dir / "stack" / "postgres")
    assert home.private is not None
    assert home.data.stat().st_uid == psutil.Process(own_stack.pid("postgres")).uids().real == home.account[0]  # type: ignore[index]
    assert own_stack.data_dir.stat().st_mode & 0o777 == 0o700
    own_stack.down(purge=True)
    assert not home.private.exists()
    own_stack.up()

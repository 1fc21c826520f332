"""`recado run`: one role with honest exit codes; all of them supervised, with nothing left behind."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from admin.commands import run
from deploy.supervision import Supervisor
from schemas.migrations import upgrade
from schemas.settings import Settings
from schemas.topics import Cell
from tests.stack_fixture import Database, Processes


def until(condition: Callable[[], bool], what: str, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.05)


def environment(stack: Any, database: Database, cell: str, data: Path) -> dict[str, str]:
    return {
        "RECADO_DATA_DIR": str(data),
        "RECADO_DATABASE_URL": database.dsn,
        "RECADO_KAFKA__BOOTSTRAP": stack.bootstrap,
        "RECADO_CELL": cell,
        "RECADO_LOG__FORMAT": "json",
    }


def supervisor(data: Path) -> Supervisor:
    from deploy.ports import load_or_choose

    folder = data / "roles"
    return Supervisor(folder, load_or_choose(folder / "ports.json")["supervisor"], folder / "secret")


def of_folder(data: Path) -> list[psutil.Process]:
    """Every process that was started with this data folder, but the test itself."""
    found = []
    for process in psutil.process_iter():
        try:
            mine = process.environ().get("RECADO_DATA_DIR") == str(data) or str(data) in " ".join(process.cmdline())
        except psutil.Error:
            continue
        if mine and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


@pytest.fixture
def migrated_database(database: Database) -> Database:
    upgrade(database.dsn)
    return database


def starts(data: Path, role: str) -> int:
    log = data / "roles" / "logs" / f"{role}.log"
    return len(re.findall(r'"event": "partitions? restored"', log.read_text("utf-8"))) if log.exists() else 0


def test_a_fixed_port_is_the_first_roles_and_the_others_take_the_next_ones(monkeypatch: Any) -> None:
    monkeypatch.setenv("RECADO_HTTP__PORT", "9100")
    assert [p.env["RECADO_HTTP__PORT"] for p in run._programs(Settings.load())] == ["9100", "9101"]
    monkeypatch.setenv("RECADO_HTTP__PORT", "0")
    assert [p.env["RECADO_HTTP__PORT"] for p in run._programs(Settings.load())] == ["0", "0"]


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_roles_start_come_back_when_killed_and_end_with_their_supervisor(
    stack: Any,
    migrated_database: Database,
    cell: Cell,
    processes: Processes,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    data = tmp_path / "data"
    env = environment(stack, migrated_database, cell.name, data)
    parent = processes.python("-m", "admin", "run", "all", env=env)
    until(lambda: starts(data, "coalescer") >= 4 and starts(data, "sender") >= 4, "all partitions of both roles")
    child = supervisor(data).pid("coalescer")
    assert child is not None
    os.kill(child, signal.SIGKILL)
    until(lambda: supervisor(data).pid("coalescer") not in {None, child}, "another coalescer")
    until(lambda: starts(data, "coalescer") >= 8, "its partitions")
    parent.send_signal(number)
    assert parent.wait(40) == 0, processes.log(parent)
    assert of_folder(data) == []
    assert "coalescer: running" in processes.log(parent)
    assert "stopped" in (data / "roles" / "logs" / "sender.log").read_text("utf-8")


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_supervisor_that_was_killed_is_replaced_and_its_children_are_not_doubled(
    stack: Any, migrated_database: Database, cell: Cell, processes: Processes, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    parent = processes.python(
        "-m", "admin", "run", "all", env=environment(stack, migrated_database, cell.name, data)
    )
    until(lambda: starts(data, "coalescer") >= 4, "the coalescer")
    killed = supervisor(data).pid("supervisord")
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    until(lambda: supervisor(data).pid("supervisord") not in {None, killed}, "another supervisor")
    until(lambda: starts(data, "coalescer") >= 8, "its coalescer")
    roles = [p for p in of_folder(data) if p.cmdline()[-2:] == ["run", "coalescer"]]
    assert len(roles) == 1
    parent.terminate()
    assert parent.wait(40) == 0, processes.log(parent)
    assert of_folder(data) == []


@pytest.mark.parametrize("after_s", [0.0, 0.7, 1.2])
def test_an_early_end_leaves_no_process_behind(processes: Processes, tmp_path: Path, after_s: float) -> None:
    data = tmp_path / "data"
    env = {"RECADO_DATA_DIR": str(data), "RECADO_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/recado"}
    parent = processes.python("-m", "admin", "run", "all", env=env)
    until(lambda: (data / "roles").exists() or parent.poll() is not None, "the folder")
    time.sleep(after_s)  # the moment of the signal is what this test varies
    parent.send_signal(signal.SIGINT)
    assert parent.wait(40) == 0, processes.log(parent)
    assert of_folder(data) == []


def ended(processes: Processes, role: str, env: dict[str, str]) -> tuple[int, str]:
    process = processes.python("-m", "admin", "run", role, env=env)
    try:
        code = process.wait(60)
    except subprocess.TimeoutExpired:
        pytest.fail(processes.log(process))
    return code, processes.log(process)


def test_a_role_without_a_database_is_wrongly_configured(processes: Processes, tmp_path: Path) -> None:
    env = {"RECADO_DATA_DIR": str(tmp_path)}
    code, said = ended(processes, "coalescer", env)
    assert (code, "RCD-601" in said) == (20, True), said


@pytest.mark.stack
def test_a_role_whose_topics_are_missing_names_one_and_ends_with_30(
    stack: Any, migrated_database: Database, processes: Processes, tmp_path: Path
) -> None:
    env = environment(stack, migrated_database, "absent", tmp_path)
    code, said = ended(processes, "sender", env)
    assert (code, "RCD-201" in said) == (30, True), said
    assert "recado.absent.alerts" in said


@pytest.mark.stack
def test_a_role_whose_port_is_taken_says_so(
    stack: Any, migrated_database: Database, cell: Cell, processes: Processes, tmp_path: Path
) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        env = environment(stack, migrated_database, cell.name, tmp_path)
        port = taken.getsockname()[1]
        code, said = ended(processes, "coalescer", {**env, "RECADO_HTTP__PORT": str(port)})
    assert (code, "RCD-601" in said, str(port) in said) == (20, True, True), said

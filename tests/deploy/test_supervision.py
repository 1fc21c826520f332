"""Supervision with real processes, but none of the servers."""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from deploy import ports
from deploy.supervision import NICE, Program, Supervisor, program_section
from deploy.waiting import wait_until

pytestmark = pytest.mark.slow
SLEEP = "import sys, time; print(*sys.argv[1:], flush=True); time.sleep(600)"


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    found = Supervisor(tmp_path / "a folder 100%", ports.choose(1)[0], tmp_path / "secret")
    found.start()
    yield found
    found.stop()


def sleeper(name: str, *arguments: str, **env: str) -> Program:
    return Program(name, (sys.executable, "-c", SLEEP, *arguments), Path("/"), env, is_role=True)


def running(supervisor: Supervisor, name: str, other_than: int | None = None) -> int:
    def is_there() -> bool:
        pid = supervisor.pid(name)
        return pid not in (None, other_than) and "-c" in psutil.Process(pid).cmdline()

    assert wait_until(is_there, 15)
    pid = supervisor.pid(name)
    assert pid is not None
    return pid


def test_a_killed_program_comes_back(supervisor: Supervisor) -> None:
    supervisor.ensure(sleeper("one"))
    first = running(supervisor, "one")
    os.kill(first, signal.SIGKILL)
    assert running(supervisor, "one", other_than=first) != first


def test_a_role_that_asks_for_a_person_is_not_started_again_and_any_other_end_is_undone(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    for name in ("refuses", "ends"):
        (tmp_path / name).touch()
    ends = "import pathlib, sys, time; f = pathlib.Path(sys.argv[1]); f.open('a').write('x'); time.sleep(1.5); "
    for name, code in (("refuses", 20), ("ends", 0)):
        command = (sys.executable, "-c", f"{ends}sys.exit({code})", str(tmp_path / name))
        supervisor.ensure(Program(name, command, Path("/"), {}, is_role=True))
    assert wait_until(lambda: len((tmp_path / "ends").read_text("utf-8")) >= 3, 30)
    assert (tmp_path / "refuses").read_text("utf-8") == "x"
    assert supervisor.states_by_name()["refuses"].state == "EXITED"


def test_arguments_and_environment_arrive_as_they_are(supervisor: Supervisor) -> None:
    program = Program(
        "odd",
        (sys.executable, "-c", "import os, sys; print(sys.argv[1:], os.environ['A'], flush=True)", "50% of; 'x'"),
        Path("/"),
        {"A": 'b,"c"=%(d)s'},
    )
    supervisor.ensure(program)
    expected = """["50% of; 'x'"] b,"c"=%(d)s\n"""
    assert wait_until(lambda: expected in supervisor.log_file("odd").read_text(), 15)


def test_ours_stand_back_for_the_processor_and_what_the_desk_waits_for_does_not(supervisor: Supervisor) -> None:
    supervisor.ensure(sleeper("ours"))
    supervisor.ensure(replace(sleeper("theirs"), nice=0))
    before = os.nice(0)
    assert os.getpriority(os.PRIO_PROCESS, running(supervisor, "ours")) == min(before + NICE, 19)
    assert os.getpriority(os.PRIO_PROCESS, running(supervisor, "theirs")) == before


def test_ensuring_the_same_changes_nothing_and_a_change_restarts(supervisor: Supervisor) -> None:
    supervisor.ensure(sleeper("one", "a"))
    first = running(supervisor, "one")
    supervisor.ensure(sleeper("one", "a"))
    assert running(supervisor, "one") == first
    supervisor.ensure(sleeper("one", "b"))
    assert psutil.Process(running(supervisor, "one", other_than=first)).cmdline()[-1] == "b"


def test_a_forgotten_program_ends(supervisor: Supervisor) -> None:
    supervisor.ensure(sleeper("one"))
    pid = running(supervisor, "one")
    assert supervisor.roles() == ["one"]
    supervisor.forget("one")
    assert (supervisor.states(), supervisor.roles(), psutil.pid_exists(pid)) == ([], [], False)


def test_after_a_kill_of_supervisord_a_new_start_ends_the_orphans_and_goes_on(supervisor: Supervisor) -> None:
    supervisor.ensure(sleeper("one"))
    orphan = running(supervisor, "one")
    manager = supervisor.pid("supervisord")
    assert manager is not None
    os.kill(manager, signal.SIGKILL)
    assert wait_until(lambda: not supervisor.is_running(), 10)
    assert psutil.pid_exists(orphan)
    supervisor.start()
    assert not psutil.pid_exists(orphan)
    assert running(supervisor, "one") != orphan


def test_stopping_ends_everything_and_forgets_roles(supervisor: Supervisor) -> None:
    supervisor.ensure(sleeper("one"))
    pids = [running(supervisor, "one"), supervisor.pid("supervisord")]
    supervisor.stop()
    assert [pid for pid in pids if pid is not None and psutil.pid_exists(pid)] == []
    assert supervisor.roles() == []


def test_secrets_are_in_private_files_only(supervisor: Supervisor) -> None:
    supervisor.ensure(sleeper("one", PASSWORD="hunter2"))
    holding = [path for path in supervisor.folder.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    assert [(path.name, path.stat().st_mode & 0o777) for path in holding] == [("one.spec.json", 0o600)]


def test_a_changed_spec_is_a_changed_section(tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    sections = []
    for text in ("a", "b", "a"):
        spec.write_text(text)
        sections.append(program_section(sleeper("one"), tmp_path, spec))
    assert sections[0] == sections[2] != sections[1]

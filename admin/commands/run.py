"""`recado run`: one role in this process, or all of them as supervised child processes."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from admin import configuration, references
from admin.boundary import say
from schemas.errors import RecadoError
from schemas.settings import Settings

if TYPE_CHECKING:
    from deploy.supervision import Program, Supervisor

RoleArgument = Literal["coalescer", "sender", "hooks", "all"]
ROLES = ("coalescer", "sender")
LOOK_EVERY_S = 1.0
SILENT = frozenset({"RCD-801", "RCD-802", "RCD-803"})
"""The recado database cannot be asked."""


def run(
    role: Annotated[RoleArgument, typer.Argument(help="coalescer, sender, hooks, or all of them supervised.")],
) -> None:
    """Run a role until it is stopped (SIGTERM, Ctrl-C)."""
    settings = configuration.settings()
    if role == "all":
        _run_all(settings)
    elif role == "hooks":
        from admin.hooks import role as hooks  # noqa: PLC0415

        hooks.run(settings)
    else:
        from admin import roles  # noqa: PLC0415 - the other commands start faster without Kafka's client

        roles.run(role, settings)


def _run_all(settings: Settings) -> None:
    """Keep every role running as a child process, so that one's death leaves the others alone. Blocks.

    Whatever ends it ends the children too; only SIGKILL leaves them running, and the next start takes them over.
    """
    from deploy.ports import load_or_choose  # noqa: PLC0415
    from deploy.supervision import Supervisor  # noqa: PLC0415

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # first of all: an early signal must not leave children behind
        signal.signal(number, lambda *_: stopping.set())
    _look_at_references(settings)
    folder = settings.data_dir.absolute() / "roles"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    chosen = load_or_choose(folder / "ports.json")
    supervisor = Supervisor(folder, chosen["supervisor"], folder / "secret")
    shown: dict[str, str] = {}
    try:
        while not stopping.is_set():
            if not supervisor.is_running():
                supervisor.start()
                for program in _programs(settings):
                    supervisor.ensure(program)
            _tell(supervisor, shown)
            stopping.wait(LOOK_EVERY_S)
    finally:
        supervisor.stop()


def _look_at_references(settings: Settings) -> None:
    """Say which secrets cannot be read; the tenants of the others are told all the same.

    Raises:
        Invalid: RCD-601, no database is named; RCD-602, with what can be read nobody could be told.
    """
    url = configuration.database_url(settings)
    try:
        for found in references.unreadable(url):
            say(found)
    except RecadoError as error:
        if error.code not in SILENT:
            raise
        say(error)  # the roles start with the last known configuration, or wait


def _programs(settings: Settings) -> "list[Program]":
    """Return the roles as programs; a fixed port is the first one's, the others take the next ones."""
    from deploy.supervision import Program  # noqa: PLC0415

    programs = []
    roles = (*ROLES, "hooks") if settings.hooks.port else ROLES
    for index, role in enumerate(roles):
        port = settings.http.port + index if settings.http.port else 0
        env = {**os.environ, "PYTHONUNBUFFERED": "1", "RECADO_HTTP__PORT": str(port)}
        command = (sys.executable, "-m", "admin", "run", role)
        programs.append(Program(role, command, Path.cwd(), env, is_role=True))
    return programs


def _tell(supervisor: "Supervisor", shown: dict[str, str]) -> None:
    """Say what became of each role, once for each change."""
    for name, found in supervisor.states_by_name().items():
        if shown.get(name) != found.state:
            shown[name] = found.state
            line = f"{name}: {found.state.lower()} ({supervisor.log_file(name)})"
            Console(stderr=True, soft_wrap=True).print(line, highlight=False, markup=False)


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("run")(run)

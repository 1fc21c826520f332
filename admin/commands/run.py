"""`recado run`: one role in this process, or all of them as supervised child processes."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from admin import configuration
from schemas.settings import Settings

RoleArgument = Literal["coalescer", "sender", "all"]


def run(
    role: Annotated[RoleArgument, typer.Argument(help="coalescer, sender, or all of them supervised.")],
) -> None:
    """Run a role until it is stopped (SIGTERM, Ctrl-C)."""
    settings = configuration.settings()
    if role == "all":
        _run_all(settings)
    else:
        from admin import roles  # noqa: PLC0415 - the other commands start faster without Kafka's client

        roles.run(role, settings)


def _run_all(settings: Settings) -> None:
    """Keep every role running as a child process, so that one's death leaves the others alone. Blocks."""
    from deploy.ports import load_or_choose  # noqa: PLC0415
    from deploy.supervision import Program, Supervisor  # noqa: PLC0415

    folder = settings.data_dir.absolute() / "roles"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    chosen = load_or_choose(folder / "ports.json")
    supervisor = Supervisor(folder, chosen["supervisor"], folder / "secret")
    if not supervisor.is_running():
        supervisor.start()
    command = (sys.executable, "-m", "admin", "run")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    for role in ("coalescer", "sender"):
        program = Program(role, (*command, role), Path.cwd(), {**os.environ, "PYTHONUNBUFFERED": "1"}, is_role=True)
        supervisor.ensure(program)
        Console(stderr=True).print(f"{role}: {supervisor.log_file(role)}", highlight=False)
    stopping.wait()
    supervisor.stop()


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("run")(run)

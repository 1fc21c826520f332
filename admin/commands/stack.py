"""`recado up`, `down` and `status`: the local stack of plain processes."""

import json
import time
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from deploy import processes
from deploy.ports import load_or_choose
from deploy.progress import Bars
from deploy.stack import Dirs, LocalStack, PartStatus
from deploy.supervision import Supervisor
from schemas.errors import Exit
from schemas.settings import Settings

app = typer.Typer()

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
JitOption = Annotated[Literal["c1", "c2"], typer.Option(help="c1 starts faster, c2 carries more rows a second.")]
PurgeOption = Annotated[bool, typer.Option("--purge", help="Also remove all data of the stack.")]


@app.command()
def up(jit: JitOption = "c2", as_json: JsonOption = False) -> None:
    """Start PostgreSQL, Kafka and Kafka Connect; does nothing for parts that run."""
    settings = Settings.load()
    stack = LocalStack(settings, jit=jit)
    with Bars(Console(stderr=True)) as bars:
        stack.up(bars)
    if "postgres" in stack.parts:
        stack.create_database("recado")
    _show(stack.status(), as_json)
    if not as_json:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"Kafka {stack.bootstrap} · Connect {stack.connect_url}")
        console.print(f"Settings for other shells, with passwords: set -a; . {stack.environment_file}")


@app.command()
def down(purge: PurgeOption = False) -> None:
    """Stop what `recado up` started. Data is kept unless --purge is given."""
    settings = Settings.load()
    LocalStack(settings).down(purge=purge)
    if purge:
        # stacks of killed test runs: they may have left servers, and a database outside this folder
        for ports in sorted(settings.data_dir.glob("*/ports.json")):
            LocalStack(Dirs(ports.parent, settings.cache_dir, settings.java)).down(purge=True)


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Show each part and role: state, process, port and memory. Ends with 30 when a part does not run."""
    settings = Settings.load()
    lines = [*LocalStack(settings).status(), *_roles(settings)]
    _show(lines, as_json)
    if any(line.state != "RUNNING" for line in lines):
        raise typer.Exit(Exit.DEPENDENCY_DOWN)


def _roles(settings: Settings) -> list[PartStatus]:
    """Return the roles of `recado run all`, when it runs with this data folder."""
    folder = settings.data_dir.absolute() / "roles"
    if not (folder / "ports.json").exists():
        return []
    supervisor = Supervisor(folder, load_or_choose(folder / "ports.json")["supervisor"], folder / "secret")
    if not supervisor.is_running():
        return []
    found = []
    for name, state in sorted(supervisor.states_by_name().items()):
        memory = processes.pss_mb(state.pid) if state.pid else None
        uptime = max(0, int(time.time()) - state.started_s) if state.pid else None
        found.append(PartStatus(name, state.state, state.pid or None, None, memory, uptime, state.detail))
    return found


def _show(lines: list[PartStatus], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([line._asdict() for line in lines]))
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("part")
    table.add_column("state")
    for name in ("pid", "port", "memory MB", "up"):
        table.add_column(name, justify="right")
    for line in lines:
        colour = "green" if line.state == "RUNNING" else "yellow" if line.pid else "red"
        state = f"[{colour}]{line.state.lower()}[/{colour}]"
        numbers = (line.pid, line.port, line.pss_mb)
        table.add_row(line.name, state, *("-" if n is None else str(n) for n in numbers), _duration(line.uptime_s))
    Console().print(table)


def _duration(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def register(parent: typer.Typer) -> None:
    """Mount the commands at the top level of `recado`."""
    parent.command("up")(up)
    parent.command("down")(down)
    parent.command("status")(status)

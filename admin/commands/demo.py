"""`recado demo`: the main job on the embedded stack with recorded traffic, to be watched or to be judged."""

import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from consumers.runtime.logs import configure
from schemas.errors import Exit, Invalid
from schemas.settings import LogSettings, Settings

TRACES = Path("tests/traces")
SETTLE_DEADLINE_S = 240.0
QUIET_S = 3.0
ROLES_DEADLINE_S = 60.0

OnceOption = Annotated[bool, typer.Option("--once", help="Run to the end, check the laws, print the summary.")]
SummaryOption = Annotated[Path | None, typer.Option("--summary", help="Write the summary as JSON to this file.")]
SpeedOption = Annotated[float, typer.Option("--speed", min=0.1, help="How much faster than recorded.")]
ScenarioOption = Annotated[list[str] | None, typer.Option("--scenario", help="Only up to this scenario (number).")]
GatewayOption = Annotated[str, typer.Option("--gateway", help="Send through the emulator of this gateway.")]
TracesOption = Annotated[Path, typer.Option("--traces", help="Folder of the recorded traffic.")]


def demo(
    once: OnceOption = False,
    summary: SummaryOption = None,
    speed: SpeedOption = 1.0,
    scenario: ScenarioOption = None,
    gateway: GatewayOption = "sandbox",
    traces: TracesOption = TRACES,
) -> None:
    """Play recorded traffic of a helpdesk through the whole pipeline and watch the agents' phones."""
    from admin.demo import gateways  # noqa: PLC0415
    from admin.demo.judge import conclude  # noqa: PLC0415
    from admin.demo.scene import Scene  # noqa: PLC0415 - only this command needs the stack's packages
    from deploy.demo.replay import Recording  # noqa: PLC0415
    from deploy.progress import Bars  # noqa: PLC0415
    from deploy.stack import LocalStack  # noqa: PLC0415

    sends_through = gateways.gateway(gateway)
    if not traces.is_dir():
        raise Invalid(
            "RCD-601", f"no recorded traffic in {traces}: run the demonstration in a clone of the project"
        )
    settings = Settings.load()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    stack = LocalStack(settings)
    started = time.monotonic()
    configure(LogSettings(level="warning"))  # the table tells what happens
    with Bars(console) as bars:
        stack.up(bars)
    recording = Recording(traces)
    scene = Scene(stack, settings, recording, traces / recording.flavour, sends_through)
    console.print("Setting the stage: database, connector, roles, phones …")
    try:
        scene.open()
        performance = Performance(scene, console, speed, started)
        verdict = performance.play(recording.named(*_up_to(recording, scenario)), once=once)
    finally:
        console.print("Closing the stage …")
        scene.close()
        console.print("PostgreSQL, Kafka and Connect stay up for the next run; to stop them: make down")
    if verdict is None:
        return
    code = conclude(verdict, summary)
    if code is not Exit.OK:
        raise typer.Exit(code)


def _up_to(recording: Any, last: list[str] | None) -> list[str]:
    """Scenarios share their tickets, so a prefix is played, never a selection."""
    if not last:
        return []
    names = [found.name for found in recording.named()]
    wanted = recording.named(last[0])[0].name
    return names[: names.index(wanted) + 1]


class Performance:
    """Plays the scenarios, shows the table, and judges the end."""

    def __init__(self, scene: Any, console: Console, speed: float, started: float) -> None:
        from admin.demo.tail import Tail  # noqa: PLC0415
        from schemas.settings import KafkaSettings  # noqa: PLC0415

        self._scene, self._console, self._speed, self._started = scene, console, speed, started
        self._tail = Tail(KafkaSettings(bootstrap=scene.stack.bootstrap), scene.cell, 4)
        self._stop = threading.Event()
        self._at = "waiting for the roles"
        self._first_notice_s: float | None = None

    def play(self, scenarios: list[Any], *, once: bool) -> Any:
        """Play them all; return the verdict, or None when a person ended it."""
        previous = signal.signal(signal.SIGINT, self._interrupt)
        self._tail.start()
        since_ms = time.time_ns() // 1_000_000
        try:
            with Live(self, console=self._console, refresh_per_second=4, transient=False) as live:
                if not self._console.is_terminal:
                    live.stop()
                self._tail.wait_for_roles(ROLES_DEADLINE_S)
                self._play_all(scenarios)
                return self._finish(since_ms, once=once)
        finally:
            signal.signal(signal.SIGINT, previous)
            self._tail.stop()

    def _play_all(self, scenarios: list[Any]) -> None:
        from deploy.demo.replay import Replay  # noqa: PLC0415

        with psycopg.connect(self._scene.source_dsn, autocommit=True) as connection:
            replay = Replay(self._scene.recording, connection)
            for number, found in enumerate(scenarios, 1):
                if self._stop.is_set():
                    return
                self._at = f"{number}/{len(scenarios)} {found.name}"
                self._note_first_notice()
                replay.run(found, self._speed, sleep=self._sleep)
                if not self._console.is_terminal:
                    self._console.print(f"played {self._at}")

    def _finish(self, since_ms: int, *, once: bool) -> Any:
        from admin.demo.tail import settled  # noqa: PLC0415

        if self._stop.is_set() and not once:
            return None
        self._at = "all played; waiting until nothing is pending"
        ended = settled(self._tail, QUIET_S, SETTLE_DEADLINE_S) if not self._stop.is_set() else False
        self._at = "finished" if ended else "ended before everything was settled"
        verdict = self._judge(since_ms)
        if once or self._stop.is_set():
            return verdict
        self._at = "finished; the phones stay up until Ctrl-C"
        self._stop.wait()
        return None

    def _judge(self, since_ms: int) -> Any:
        """Check the laws from topics, database and phones alone, and print what was found."""
        from admin.demo.judge import judge  # noqa: PLC0415
        from deploy.demo.verifier.__main__ import table  # noqa: PLC0415

        scene = self._scene
        sources = {"demo": scene.source_dsn}
        verdict = judge(scene.stack.bootstrap, scene.cell, sources, since_ms, scene.ledger)
        self._console.print(table(verdict))
        if not self._console.is_terminal:
            self._console.print(self._summary_line())
        return verdict

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)
        self._note_first_notice()

    def _note_first_notice(self) -> None:
        if self._first_notice_s is None and self._tail.tally.notices:
            self._first_notice_s = time.monotonic() - self._started

    def _summary_line(self) -> str:
        tally = self._tail.tally
        first = "–" if self._first_notice_s is None else f"{self._first_notice_s:.1f} s after the command"
        return f"rows {tally.rows} · alerts {tally.alerts} · notices {len(tally.notices)} · first notice {first}"

    def __rich__(self) -> Group:
        """Render the live table."""
        self._note_first_notice()
        tally = self._tail.tally
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="dim")
        table.add_column(justify="right")
        table.add_column()
        middle = sorted(tally.latency_ms)
        half = f"{middle[len(middle) // 2]} ms" if middle else "–"
        table.add_row("rows captured", str(tally.rows), "")
        table.add_row("alerts", str(tally.alerts), "bursts of one customer, folded")
        table.add_row("notices sent", f"[green]{len(tally.notices)}[/green]", f"telling of {tally.told} messages")
        reasons = ", ".join(f"{reason} {count}" for reason, count in tally.suppressed.most_common())
        table.add_row("suppressed", str(sum(tally.suppressed.values())), reasons)
        table.add_row("moved", str(tally.moved), "the ticket went to someone else while the notice waited")
        table.add_row("dead letters", f"[red]{tally.dead}[/red]" if tally.dead else "0", "")
        waiting = f"{len(tally.windows)} windows, {len(tally.entries)} notices"
        table.add_row("pending", f"[yellow]{tally.pending}[/yellow]", waiting)
        table.add_row("latency p50", half, "commit → accepted, without the waits on purpose")
        return Group(
            Text(f"Recado · {self._at}", style="bold"),
            table,
            Text.assemble("Phones: ", (self._scene.phones_url, "bold cyan underline"), "  (open it in a browser)"),
        )


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("demo")(demo)

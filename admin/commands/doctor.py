"""`recado doctor`: whether everything is as it should be. Reads only."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from admin import output
from admin.boundary import GUIDE
from admin.commands.install import PasswordOption
from admin.commands.options import JsonOption
from admin.configuration import settings
from schemas.errors import Invalid

if TYPE_CHECKING:
    from admin.doctor.finding import Finding

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red", "skip": "dim"}


def doctor(
    source: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Which sources; none: all that are known.")
    ] = None,
    dsn: Annotated[
        str | None,
        typer.Option(help="Look at this database: postgresql://user@host:5432/database, env:NAME or file:/path."),
    ] = None,
    password: PasswordOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Check databases, Kafka, Connect and our own side; change nothing. Takes a few seconds.

    Each line is ok, warn, fail or skip (could not be asked, or has no meaning yet). Ends with 0 when nothing fails.
    """
    # The other commands start faster without Kafka's client.
    from admin.doctor.examination import Examination, targets  # noqa: PLC0415
    from admin.doctor.finding import worst  # noqa: PLC0415
    from admin.doctor.own import Own  # noqa: PLC0415
    from admin.install.address import Address  # noqa: PLC0415

    named = list(dict.fromkeys(source or ()))
    if dsn is not None and len(named) > 1:
        raise Invalid("RCD-405", "--dsn belongs to one SOURCE, or to none")
    began = time.monotonic()
    found = settings()
    own = Own(found)
    address = None if dsn is None else Address.checked(dsn, password)
    findings = Examination(found, own, targets(found, own, named, address)).run()
    took_ms = int((time.monotonic() - began) * 1000)
    code = int(worst(findings))
    if json_wanted:
        output.as_json(
            {
                "exit": code,
                "took_ms": took_ms,
                "findings": [
                    {"state": f.state.value, "check": f.check, "about": f.about, "text": f.text, "code": f.code,
                     "remedy": f.remedy}
                    for f in findings
                ],
            }
        )  # fmt: skip
    else:
        _show(findings, took_ms)
    raise typer.Exit(code)


def _show(findings: "list[Finding]", took_ms: int) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(4):
        table.add_column(overflow="fold")
    for found in findings:
        table.add_row(
            Text(found.state.value, style=COLOURS[found.state.value]), found.about, found.check, Text(found.text)
        )
    # Off a terminal nothing is cut to a guessed width.
    console = Console(width=None if sys.stdout.isatty() else 10_000, soft_wrap=True, highlight=False)
    console.print(table)
    for found in findings:
        if found.code is not None:
            line = Text(f"{found.code} ", style=COLOURS[found.state.value])
            line.append(f"{found.about}: {found.remedy}", style="none")
            console.print(line.append(f" ({GUIDE}#{found.code.lower()})", style="dim"))
    counts = {state: sum(found.state.value == state for found in findings) for state in COLOURS}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    console.print(f"{told}; {took_ms / 1000:.1f} s")


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("doctor")(doctor)

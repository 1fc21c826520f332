"""`recado install`: the plan of what a cell still needs, and the doing of it."""

from typing import Annotated

import typer

from admin import output
from admin.commands.options import JsonOption
from admin.configuration import database_url, settings
from schemas.errors import Exit


def install(
    apply: Annotated[bool, typer.Option("--apply", help="Do it. Without this, only the plan is shown.")] = False,
    json_wanted: JsonOption = False,
) -> None:
    """Create or migrate the recado database and create the cell's topics. Does nothing that is done already."""
    from admin import install as installation  # noqa: PLC0415 - the other commands start faster without Kafka's client

    found = settings()
    steps = installation.plan(found, database_url(found))
    lines = [{"step": step.title, "undo": step.undo} for step in steps]
    if json_wanted and not apply:
        output.as_json({"applied": False, "steps": lines})
    elif steps and not apply:
        output.table(lines, ("step", "undo"), json_wanted=False)
    if steps and not apply:
        output.note("nothing was changed; run: recado install --apply")
        raise typer.Exit(Exit.HUMAN_STEP)
    installation.apply(steps, lambda step: None if json_wanted else output.note(f"done: {step.title}"))
    if json_wanted and apply:
        output.as_json({"applied": True, "steps": lines})
    elif not steps:
        output.note("everything is there")


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("install")(install)

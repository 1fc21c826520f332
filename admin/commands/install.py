"""`recado install`: the plan of what a cell and its sources still need, and the doing of it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from admin import output
from admin.boundary import say
from admin.commands.options import JsonOption, by
from admin.configuration import database_url, settings
from schemas.errors import Exit, Invalid

if TYPE_CHECKING:
    from admin.install.installation import Part
    from admin.install.step import Step

SourcesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Which sources; none: the cell alone.")
]
DsnOption = Annotated[
    str | None,
    typer.Option(
        help="An administrator's address of the source: postgresql://user@host:5432/database, env:NAME or "
        "file:/path. Remembered (not its secret) for the next run."
    ),
]
PasswordOption = Annotated[str | None, typer.Option(help="Its password by reference: env:NAME or file:/path.")]
FlavourOption = Annotated[str | None, typer.Option(help="Which Whaticket it is; found out when not given.")]


def install(
    source: SourcesArgument = None,
    dsn: DsnOption = None,
    password: PasswordOption = None,
    flavour: FlavourOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would be done; this is the default.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Do it. Without this, only the plan is shown.")] = False,
    json_wanted: JsonOption = False,
) -> None:
    """Install the cell, and each SOURCE beside its database. Does nothing that is done already; may be repeated.

    Ends with 10 when a person has something to do (a restart of the database); the same command goes on from there.
    """
    # The other commands start faster without Kafka's client.
    from admin.install.address import Address  # noqa: PLC0415
    from admin.install.installation import Installation  # noqa: PLC0415
    from admin.install.source import Wanted  # noqa: PLC0415

    if plan and apply:
        raise Invalid("RCD-405", "give --plan or --apply, not both")
    names = list(dict.fromkeys(source or ()))
    if (dsn or password or flavour) and len(names) != 1:
        raise Invalid("RCD-405", "--dsn, --password and --flavour belong to exactly one SOURCE")
    address = Address.checked(dsn, password) if dsn is not None else None
    found = settings()
    wanted = [Wanted(name, address, flavour) for name in names]
    installation = Installation(found, database_url(found), wanted, by())
    parts = installation.apply(silent if json_wanted else told) if apply else installation.plan()
    raise typer.Exit(_report(parts, applied=apply, json_wanted=json_wanted))


def _report(parts: "list[Part]", *, applied: bool, json_wanted: bool) -> int:
    steps = [line for part in parts for line in lines(part.name, part.steps)]
    problems = [part.problem for part in parts if part.problem is not None]
    if json_wanted:
        output.as_json(
            {"applied": applied, "steps": steps, "problems": [problem(part) for part in parts if part.problem]}
        )
    else:
        if steps and not applied:
            output.plan(steps)
            output.note("nothing was changed; do it with --apply")
        elif not steps and not problems:
            output.note("everything is there")
        for found in problems:
            say(found)
    if problems:
        return max(int(found.exit) for found in problems)
    return int(Exit.HUMAN_STEP) if steps and not applied else int(Exit.OK)


def lines(part: str, steps: "tuple[Step, ...]") -> list[dict[str, Any]]:
    """Return the lines of a plan for people and scripts."""
    return [
        {"part": part, "step": step.name, "what": line.what, "exactly": line.exact, "undo": line.undo}
        for step in steps
        for line in step.lines
    ]


def problem(part: "Part") -> dict[str, Any]:
    """Return a part's problem for scripts."""
    found = part.problem
    assert found is not None  # noqa: S101 - asked for parts with one only
    return {
        "part": part.name,
        "code": found.code,
        "detail": found.detail,
        "remedy": found.entry.remedy if found.entry else "",
    }


def told(step: "Step") -> None:
    """Say that a step is done."""
    output.note(f"done: {step.title}" if step.source is None else f"done: {step.source}: {step.title}")


def silent(_: "Step") -> None:
    """Scripts read the document at the end."""


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("install")(install)

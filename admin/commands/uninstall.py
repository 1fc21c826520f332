"""`recado uninstall`: the plan of what is taken away, the doing of it, and the asking whether anything is left."""

from typing import TYPE_CHECKING, Annotated

import typer

from admin import output
from admin.boundary import say
from admin.commands.install import DsnOption, PasswordOption, lines, problem, silent, told
from admin.commands.options import JsonOption, by
from admin.configuration import settings
from schemas.errors import Exit, Invalid

if TYPE_CHECKING:
    from admin.install.removal import Removal

SourcesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Which sources; none: all that are installed.")
]


def uninstall(
    source: SourcesArgument = None,
    dsn: DsnOption = None,
    password: PasswordOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would be removed; this is the default.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Remove it.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Ask whether anything of ours is left.")] = False,
    json_wanted: JsonOption = False,
) -> None:
    """Take SOURCE away: connector, slot, publication, roles; with the last one also topics and groups.

    Needs no recado database, and leaves it alone. --verify asks the database's catalogue, Connect and the broker.
    """
    # The other commands start faster without Kafka's client.
    from admin.install import removal  # noqa: PLC0415
    from admin.install.address import Address  # noqa: PLC0415
    from admin.install.source import Wanted  # noqa: PLC0415

    if plan + apply + verify > 1:
        raise Invalid("RCD-405", "give one of --plan, --apply and --verify")
    found = settings()
    url = None if found.database_url is None else found.database_url.get_secret_value()
    named = list(dict.fromkeys(source or ()))
    if (dsn or password) and len(named) != 1:
        raise Invalid("RCD-405", "--dsn and --password belong to exactly one SOURCE")
    address = Address.checked(dsn, password) if dsn is not None else None
    wanted = [Wanted(name, address) for name in named or removal.known(found, url)]
    work = removal.Removal(found, url, wanted, by())
    if verify:
        raise typer.Exit(_verify(work, json_wanted=json_wanted))
    raise typer.Exit(_remove(work, apply=apply, json_wanted=json_wanted))


def _remove(work: "Removal", *, apply: bool, json_wanted: bool) -> int:
    parts = work.apply(silent if json_wanted else told) if apply else work.plan()
    steps = [line for part in parts for line in lines(part.name, part.steps)]
    problems = [part for part in parts if part.problem is not None]
    if json_wanted:
        output.as_json({"applied": apply, "steps": steps, "problems": [problem(part) for part in problems]})
    else:
        if steps and not apply:
            output.plan(steps)
            output.note("nothing was changed; do it with --apply. The recado database is kept in any case")
        elif not steps and not problems:
            output.note("nothing is there")
        for part in problems:
            if part.problem is not None:
                say(part.problem)
    if problems:
        return max(int(part.problem.exit) for part in problems if part.problem is not None)
    return int(Exit.HUMAN_STEP) if steps and not apply else int(Exit.OK)


def _verify(work: "Removal", *, json_wanted: bool) -> int:
    things, silent_parts = work.verify()
    if json_wanted:
        left = [{"kind": thing.kind, "name": thing.name} for thing in things]
        output.as_json({"left": left, "problems": [problem(part) for part in silent_parts]})
    else:
        for thing in things:
            output.note(f"left: {thing.kind} {thing.name}")
        for part in silent_parts:
            if part.problem is not None:
                say(part.problem)
        asked = " where it could be asked" if silent_parts else ""
        typer.echo(f"{len(things)} object{'' if len(things) == 1 else 's'} left{asked}")
    if silent_parts:
        return max(int(part.problem.exit) for part in silent_parts if part.problem is not None)
    return int(Exit.HUMAN_STEP) if things else int(Exit.OK)


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("uninstall")(uninstall)

"""`recado flag`: the global switch."""

from typing import Annotated, Literal

import typer

from admin import output
from admin.commands.options import JsonOption, ReasonOption, by
from admin.configuration import database_url, settings
from admin.registry import flags
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True)


@app.command("global")
def global_switch(
    value: Annotated[Literal["on", "off"] | None, typer.Argument(help="Leave it out to see what is set.")] = None,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Switch all notices of all tenants. The processes must consent too: NOTIFY_NEW_MESSAGE_ENABLED=true."""
    found = settings()
    with transaction(database_url(found)) as connection:
        done = None if value is None else flags.set_global(connection, by(reason), value == "on")
        is_on = flags.is_global_on(connection)
    if done is not None:
        output.changes([done], json_wanted=json_wanted)
    elif json_wanted:
        output.as_json({"database": is_on, "environment": found.enabled})
    else:
        output.details({"database": is_on, "NOTIFY_NEW_MESSAGE_ENABLED here": found.enabled}, json_wanted=False)
    if is_on and not found.enabled and not json_wanted:
        output.note("NOTIFY_NEW_MESSAGE_ENABLED is not set here: a process started like this sends nothing")


def register(parent: typer.Typer) -> None:
    """Mount the commands."""
    parent.add_typer(app, name="flag", help="The global switch.")

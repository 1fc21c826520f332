"""`recado source`: the Whaticket databases that we follow."""

from typing import Annotated

import typer

from admin import output
from admin.commands.options import JsonOption, ReasonOption, by, given
from admin.configuration import database_url
from admin.registry import sources
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True)

SourceArgument = Annotated[str, typer.Argument(help="Id of the source, for example shop.")]
DSN = "postgresql://user@host:5432/database, or all of it by reference: env:NAME or file:/path."
PASSWORD = "The password by reference: env:NAME or file:/path."  # noqa: S105 - a help text
SESSIONS = "Number of a WhatsApp session connected there; repeat it for more. Notices never count it as a customer."
FRONTEND = "Address of the front end, for links to tickets."
OFFSET = "Milliseconds to add to createdAt to get UTC."


@app.command()
def add(
    source: SourceArgument,
    flavour: Annotated[str, typer.Option(help="Which Whaticket it is, for example ticketz.")],
    dsn: Annotated[str, typer.Option(help=DSN)],
    password: Annotated[str | None, typer.Option(help=PASSWORD)] = None,
    session_number: Annotated[list[str] | None, typer.Option(help=SESSIONS)] = None,
    frontend_url: Annotated[str, typer.Option(help=FRONTEND)] = "",
    created_offset_ms: Annotated[int, typer.Option(help=OFFSET)] = 0,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Add a source. Nothing is done in its database yet."""
    with transaction(database_url()) as connection:
        done = sources.add(
            connection,
            by(reason),
            source,
            flavour,
            dsn,
            password=password,
            session_numbers=session_number or [],
            frontend_url=frontend_url,
            created_offset_ms=created_offset_ms,
        )
    output.changes([done], json_wanted=json_wanted)


@app.command("set")
def change(
    source: SourceArgument,
    flavour: Annotated[str | None, typer.Option(help="Which Whaticket it is.")] = None,
    dsn: Annotated[str | None, typer.Option(help=DSN)] = None,
    password: Annotated[str | None, typer.Option(help=PASSWORD)] = None,
    session_number: Annotated[list[str] | None, typer.Option(help=SESSIONS + " Replaces the known ones.")] = None,
    frontend_url: Annotated[str | None, typer.Option(help=FRONTEND)] = None,
    created_offset_ms: Annotated[int | None, typer.Option(help=OFFSET)] = None,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Change what is given of a source."""
    values = given(
        flavour=flavour,
        dsn=dsn,
        password=password,
        session_numbers=session_number or None,
        frontend_url=frontend_url,
        created_offset_ms=created_offset_ms,
    )
    with transaction(database_url()) as connection:
        done = sources.change(connection, by(reason), source, **values)
    output.changes([done], json_wanted=json_wanted)


@app.command("list")
def list_all(json_wanted: JsonOption = False) -> None:
    """List the sources."""
    with transaction(database_url()) as connection:
        rows = sources.show(connection)
    output.table(rows, ("source", "flavour", "host", "database", "dsn_ref", "state"), json_wanted=json_wanted)


@app.command()
def show(source: SourceArgument, json_wanted: JsonOption = False) -> None:
    """Show everything about a source."""
    with transaction(database_url()) as connection:
        (row,) = sources.show(connection, source)
    output.details(row, json_wanted=json_wanted)


@app.command()
def remove(source: SourceArgument, reason: ReasonOption = "", json_wanted: JsonOption = False) -> None:
    """Forget a source that has no tenants. Its own database is not touched."""
    with transaction(database_url()) as connection:
        done = sources.discard(connection, by(reason), source)
    output.changes([done], json_wanted=json_wanted)


def register(parent: typer.Typer) -> None:
    """Mount the commands."""
    parent.add_typer(app, name="source", help="The Whaticket databases that we follow.")

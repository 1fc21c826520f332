"""`recado channel limit`: how fast a channel may send."""

from typing import Annotated

import typer

from admin import output
from admin.commands.channel import ChannelArgument, app
from admin.commands.options import JsonOption, ReasonOption, by, given
from admin.configuration import database_url
from admin.registry.limits import limit
from schemas.database import transaction


@app.command("limit")
def change(
    channel: ChannelArgument,
    rate: Annotated[int | None, typer.Option(help="Notices a minute; 0: the provider's usual.")] = None,
    in_flight: Annotated[int | None, typer.Option(help="At once under way; 0: the usual 16.")] = None,
    weight: Annotated[int | None, typer.Option(help="Share of places where channels compete.")] = None,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Limit how fast a channel sends. Gateways of a phone's own session send 60 a minute if not told otherwise."""
    with transaction(database_url()) as connection:
        values = given(rate_per_minute=rate, in_flight=in_flight, weight=weight)
        done = limit(connection, by(reason), channel, **values)
    output.changes([done], json_wanted=json_wanted)


def register(parent: typer.Typer) -> None:
    """Nothing to mount: the command is one of `recado channel`."""
    del parent

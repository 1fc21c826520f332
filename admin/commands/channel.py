"""`recado channel`: the sessions through which notices leave."""

from typing import Annotated

import typer

from admin import output
from admin.channel_trial import send_test
from admin.commands.options import JsonOption, ReasonOption, by, pairs
from admin.configuration import database_url, settings
from admin.registry import channels
from provider.addresses import Allowed
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True)

ChannelArgument = Annotated[str, typer.Argument(help="Id of the channel, for example phones.")]
SettingOption = Annotated[
    list[str] | None, typer.Option("--setting", "-s", help="url=http://…, token=env:NAME, … as the provider wants.")
]
NumberOption = Annotated[str | None, typer.Option(help="The number from which notices come.")]


@app.command()
def add(
    channel: ChannelArgument,
    provider: Annotated[str, typer.Option(help="Kind of gateway, for example sandbox.")],
    setting: SettingOption = None,
    session_number: NumberOption = None,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Add a channel. Test it before a tenant is enabled on it."""
    with transaction(database_url()) as connection:
        done = channels.add(
            connection,
            by(reason),
            channel,
            provider,
            pairs(setting or [], "setting"),
            session_number=session_number,
        )
    output.changes([done], json_wanted=json_wanted)


@app.command("set")
def change(
    channel: ChannelArgument,
    setting: SettingOption = None,
    session_number: NumberOption = None,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Change settings of a channel; it is to be tested again then."""
    with transaction(database_url()) as connection:
        given = pairs(setting or [], "setting")
        done = channels.change(connection, by(reason), channel, settings=given, session_number=session_number)
    output.changes([done], json_wanted=json_wanted)


@app.command("list")
def list_all(json_wanted: JsonOption = False) -> None:
    """List the channels. Secrets are references, never shown."""
    with transaction(database_url()) as connection:
        rows = channels.show(connection)
    output.table(
        rows, ("channel_id", "provider", "settings", "session_number", "tested_at"), json_wanted=json_wanted
    )


@app.command("test")
def try_out(
    channel: ChannelArgument,
    to: Annotated[
        str, typer.Option(help="Agent who gets the test message, source/company/user; must be verified.")
    ],
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Ask the channel whether it can send, and send one message to an agent."""
    found = settings()
    allowed = Allowed.parse(found.gateways.networks or "")
    tested = send_test(database_url(found), by(reason), channel, to, allowed)
    if json_wanted:
        output.as_json({"channel": channel, "ok": True, "provider_message_id": tested.provider_message_id})
        return
    output.note(f"channel {channel}: accepted as {tested.provider_message_id}; see that it arrived")


@app.command()
def remove(channel: ChannelArgument, reason: ReasonOption = "", json_wanted: JsonOption = False) -> None:
    """Forget a channel that no tenant uses."""
    with transaction(database_url()) as connection:
        done = channels.discard(connection, by(reason), channel)
    output.changes([done], json_wanted=json_wanted)


def register(parent: typer.Typer) -> None:
    """Mount the commands."""
    parent.add_typer(app, name="channel", help="The sessions through which notices leave.")

"""`recado channel`: the sessions through which notices leave."""

import os
import re
from typing import Annotated

import typer

from admin import channel_trial, output
from admin.commands.options import JsonOption, ReasonOption, by, pairs
from admin.configuration import database_url, settings
from admin.registry import channels
from admin.registry.rows import Row
from provider.addresses import Allowed
from provider.api import Health
from provider.declaration import Declaration
from provider.factory import REGISTRY, declaration
from schemas.database import transaction

app = typer.Typer(no_args_is_help=True)

ChannelArgument = Annotated[str, typer.Argument(help="Id of the channel, for example phones.")]
SettingOption = Annotated[
    list[str] | None,
    typer.Option("--setting", "-s", help="url=http://…, token=env:NAME, …; see: recado channel providers."),
]
NumberOption = Annotated[str | None, typer.Option(help="The number from which notices come.")]
AcceptOption = Annotated[
    bool,
    typer.Option(
        "--accept-agent-tickets",
        help="Accept that this Whaticket keeps a contact and a ticket for every agent that it sends to.",
    ),
]


@app.command()
def providers(
    provider: Annotated[str | None, typer.Argument(help="Show this one's settings.")] = None,
    json_wanted: JsonOption = False,
) -> None:
    """List the kinds of gateway, or the settings of one."""
    if provider is None:
        output.table(
            [_kind(each) for _, each in sorted(REGISTRY.items())],
            ("provider", "title", "settings", "can"),
            json_wanted=json_wanted,
        )
        return
    output.table(
        _settings(declaration(provider)),
        ("setting", "needed", "secret", "default", "meaning"),
        json_wanted=json_wanted,
    )


@app.command()
def add(
    channel: ChannelArgument,
    provider: Annotated[str, typer.Option(help="Kind of gateway; see: recado channel providers.")],
    setting: SettingOption = None,
    session_number: NumberOption = None,
    accept_agent_tickets: AcceptOption = False,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Add a channel. Test it before a tenant is enabled on it."""
    given = _given(provider, setting, accept_agent_tickets)
    with transaction(database_url()) as connection:
        done = channels.add(connection, by(reason), channel, provider, given, session_number=session_number)
    output.changes([done], json_wanted=json_wanted)


@app.command("set")
def change(
    channel: ChannelArgument,
    setting: SettingOption = None,
    session_number: NumberOption = None,
    accept_agent_tickets: AcceptOption = False,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Change settings of a channel (`name=` takes one away); it is to be tested again then."""
    with transaction(database_url()) as connection:
        kept = channels.require(connection, channel)
        given = _given(kept["provider"], setting, accept_agent_tickets)
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


@app.command()
def check(channel: ChannelArgument, json_wanted: JsonOption = False) -> None:
    """Ask the channel whether it can send. Sends nothing."""
    found = settings()
    health = channel_trial.check(database_url(found), channel, _allowed())
    _told(channel, health, json_wanted=json_wanted)


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
    tested = channel_trial.send_test(database_url(), by(reason), channel, to, _allowed())
    _told(channel, tested.health, json_wanted=json_wanted, message_id=tested.provider_message_id)


@app.command()
def remove(channel: ChannelArgument, reason: ReasonOption = "", json_wanted: JsonOption = False) -> None:
    """Forget a channel that no tenant uses."""
    with transaction(database_url()) as connection:
        done = channels.discard(connection, by(reason), channel)
    output.changes([done], json_wanted=json_wanted)


def register(parent: typer.Typer) -> None:
    """Mount the commands."""
    parent.add_typer(app, name="channel", help="The sessions through which notices leave.")


def _allowed() -> Allowed:
    return Allowed.parse(settings().gateways.networks or "")


def _given(provider: str, setting: list[str] | None, accept_agent_tickets: bool) -> dict[str, str]:
    given = pairs(setting or [], "setting")
    if accept_agent_tickets:
        if any(each.name == "accept_agent_tickets" for each in declaration(provider).settings):
            given["accept_agent_tickets"] = "yes"
        else:
            output.note(f"{provider} leaves no tickets: --accept-agent-tickets is not needed")
    return given


def _told(channel: str, health: Health, *, json_wanted: bool, message_id: str | None = None) -> None:
    if json_wanted:
        found: Row = {"channel": channel, "ok": True, "detail": health.detail, "warnings": list(health.warnings)}
        output.as_json(found | ({"provider_message_id": shown_id(message_id)} if message_id else {}))
        return
    for warning in health.warnings:
        output.note(f"channel {channel}: {warning}")
    said = health.detail if message_id is None else f"accepted as {shown_id(message_id)}; see that it arrived"
    output.note(f"channel {channel}: {said}")


def shown_id(message_id: str) -> str:
    """Return a message's id as it may be shown: some contain the agent's number, Meta's encoded."""
    if message_id.startswith("wamid."):
        return f"wamid.…{message_id[-8:]}"
    return re.sub(r"\d{4,}(?=\d{4}@)", "…", message_id)


def _kind(declared: Declaration) -> Row:
    can = declared.abilities
    named = {
        "receipts": can.receipts,
        "templates": can.templates,
        "number check": can.exists_check,
        "leaves tickets": can.side_effects,
    }
    return {
        "provider": declared.name,
        "title": declared.title,
        "settings": ", ".join(each.name for each in declared.settings if each.required),
        "can": ", ".join(name for name, is_so in named.items() if is_so),
    }


def _settings(declared: Declaration) -> list[Row]:
    is_portuguese = os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("pt")
    return [
        {
            "setting": each.name,
            "needed": each.required,
            "secret": "env: or file:" if each.secret else "",
            "default": each.default or ("" if not each.choices else f"({', '.join(each.choices)})"),
            "meaning": each.pt if is_portuguese else each.en,
        }
        for each in declared.accepts
    ]

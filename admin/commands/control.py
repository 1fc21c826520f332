"""`recado control`: act on what waits to be sent."""

from typing import Annotated

import typer

from admin import controls, output
from admin.commands.options import JsonOption, ReasonOption, by
from admin.configuration import database_url, settings
from schemas.database import transaction
from schemas.errors import Exit
from schemas.records import Scope
from schemas.topics import Cell

app = typer.Typer(no_args_is_help=True)

ChannelOption = Annotated[str | None, typer.Option("--channel", help="Id of a channel.")]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="source/company.")]
AgentOption = Annotated[str | None, typer.Option("--agent", help="source/company/user.")]
TicketOption = Annotated[str | None, typer.Option("--ticket", help="source/ticket; with --tenant.")]
ApplyOption = Annotated[bool, typer.Option("--apply", help="Do it; it cannot be undone.")]


def _act(action: str, scope: Scope, reason: str, json_wanted: bool) -> None:
    found = settings()
    with transaction(database_url(found)) as connection:
        records = controls.controls(connection, by(reason), action, scope)
        controls.send(found.kafka, Cell(found.cell), records)
    if json_wanted:
        output.as_json({"action": action, "lanes": [each.lane for each in records], "applied": True})
    elif not records:
        output.note(f"{action}: nothing to do, no tenant uses channel {scope.channel}")
    else:
        output.note(f"{action}: written for {len(records)} lane(s); it takes effect within a second")


@app.command()
def pause(
    channel: ChannelOption = None,
    tenant: TenantOption = None,
    agent: AgentOption = None,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Hold notices until `resume`; they leave as one for each agent then."""
    _act("pause", Scope(tenant, agent, channel), reason, json_wanted)


@app.command()
def resume(
    channel: ChannelOption = None,
    tenant: TenantOption = None,
    agent: AgentOption = None,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """End a pause of the same scope."""
    _act("resume", Scope(tenant, agent, channel), reason, json_wanted)


@app.command()
def probe(
    channel: Annotated[str, typer.Option("--channel", help="Id of a channel.")],
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Let a channel that is held send one notice now, instead of at its next probe."""
    _act("probe", Scope(channel=channel), reason, json_wanted)


@app.command()
def purge(
    channel: ChannelOption = None,
    tenant: TenantOption = None,
    agent: AgentOption = None,
    ticket: TicketOption = None,
    apply: ApplyOption = False,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> int:
    """End what waits as suppressed (purged): it is never sent."""
    return _destroy("purge", Scope(tenant, agent, channel, ticket), apply, reason, json_wanted)


@app.command()
def erase(
    tenant: TenantOption = None,
    agent: AgentOption = None,
    ticket: TicketOption = None,
    apply: ApplyOption = False,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> int:
    """Purge, and forget what was sent or is dead as well: no receipt and no redrive finds it any more."""
    return _destroy("erase", Scope(tenant, agent, None, ticket), apply, reason, json_wanted)


def _destroy(action: str, scope: Scope, apply: bool, reason: str, json_wanted: bool) -> int:
    if apply:
        _act(action, scope, reason, json_wanted)
        return Exit.OK
    with transaction(database_url()) as connection:
        lanes = controls.lanes(connection, scope)
    if json_wanted:
        output.as_json({"action": action, "lanes": lanes, "applied": False})
        return Exit.HUMAN_STEP if lanes else Exit.OK
    parts = {"channel": scope.channel, "agent": scope.agent, "tenant": scope.tenant, "ticket": scope.ticket}
    concerned = ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)
    if not lanes:
        output.note(f"nothing to {action}: no tenant uses {concerned}")
        return Exit.OK
    output.note(f"would {action} what waits for {concerned}; it cannot be undone. Do it with --apply")
    return Exit.HUMAN_STEP


def register(parent: typer.Typer) -> None:
    """Mount the commands."""
    parent.add_typer(app, name="control", help="Pause, resume, probe or purge what waits to be sent.")

"""`recado user`: where and whether each agent is told."""

from typing import Annotated

import typer

from admin import existence, output
from admin.commands.hours import HoursArgument, hours_from, show_hours
from admin.commands.options import JsonOption, ReasonOption, by, given
from admin.configuration import database_url
from admin.registry import agents, words
from schemas import quiet
from schemas.database import transaction
from schemas.errors import Invalid

app = typer.Typer(no_args_is_help=True)

AgentArgument = Annotated[str, typer.Argument(help="source/company/user, for example shop/1/7.")]


@app.command("list")
def list_all(
    tenant: Annotated[str | None, typer.Option(help="Only those of this tenant.")] = None,
    json_wanted: JsonOption = False,
) -> None:
    """List the agents, their numbers masked."""
    with transaction(database_url()) as connection:
        rows = agents.show(connection, None if tenant is None else words.tenant_id(tenant))
    columns = (
        "agent", "name", "whatsapp_notification_number", "notify_on_new_message", "state", "paused_until",
        "suspended_reason",
    )  # fmt: skip
    output.table(rows, columns, json_wanted=json_wanted)


@app.command("set")
def change(
    agent: AgentArgument,
    number: Annotated[
        str | None, typer.Option(help="The agent's own WhatsApp. It has to be verified again.")
    ] = None,
    no_number: Annotated[bool, typer.Option("--no-number", help="Forget the number.")] = False,
    notify: Annotated[bool | None, typer.Option(help="Tell this agent of new messages.")] = None,
    name: Annotated[str | None, typer.Option(help="As notices address the agent.")] = None,
    quiet_hours: Annotated[
        str | None,
        typer.Option(
            "--quiet-hours",
            "--quiet",
            help="20:00-08:00, or seg-sex 20:00-08:00, sab-dom 00:00-24:00; none; default.",
        ),
    ] = None,
    quiet_zone: Annotated[
        str | None, typer.Option(help="Zone of --quiet-hours; the tenant's if not given.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="pt_BR, en or es; the tenant's if not given.")] = None,
    contact_id: Annotated[
        int | None, typer.Option(help="The agent's own contact in Whaticket, for commands.")
    ] = None,
    address: Annotated[str | None, typer.Option(help="What the provider wants instead of the number.")] = None,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Create an agent, notices off, or change what is given of one."""
    values = given(
        whatsapp_notification_number=number,
        notify_on_new_message=notify,
        name=name,
        language=language,
        contact_id=contact_id,
        wa_address=address,
    )
    if no_number:
        values["whatsapp_notification_number"] = None
    if quiet_zone is not None and quiet_hours is None:
        raise Invalid("RCD-405", "--quiet-zone is the zone of --quiet-hours: give both")
    if quiet_hours is not None:
        values["quiet_hours"] = quiet.stored(quiet.parse(quiet_hours, quiet_zone))
    url, identity = database_url(), words.agent_id(agent)
    with transaction(url) as connection:
        done = agents.change(connection, by(reason), identity, **values)
    output.changes([done], json_wanted=json_wanted)
    if done.before is None and (doubt := existence.doubt(url, identity.tenant, identity)) is not None:
        output.note(doubt)


@app.command("import-hours")
def import_hours(
    agent: AgentArgument,
    file: HoursArgument,
    zone: Annotated[str | None, typer.Option(help="IANA name, when the hours tell none.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Set them; otherwise they are only shown.")] = False,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Set quiet hours to the time outside of working hours as ticketz or press store them."""
    found = hours_from(file, zone)
    show_hours(found)
    if apply:
        with transaction(database_url()) as connection:
            values = {"quiet_hours": quiet.stored(found.hours)}
            done = agents.change(connection, by(reason), words.agent_id(agent), **values)
        output.changes([done], json_wanted=json_wanted)


@app.command()
def verify(
    agent: AgentArgument,
    reason: Annotated[
        str, typer.Option("--reason", help="How it is known that the number is the agent's; audited.")
    ],
    json_wanted: JsonOption = False,
) -> None:
    """Vouch that the number is the agent's own."""
    with transaction(database_url()) as connection:
        done = agents.verify(connection, by(reason), words.agent_id(agent))
    output.changes([done], json_wanted=json_wanted)


@app.command()
def remove(agent: AgentArgument, reason: ReasonOption = "", json_wanted: JsonOption = False) -> None:
    """Forget an agent's number and preferences."""
    with transaction(database_url()) as connection:
        done = agents.discard(connection, by(reason), words.agent_id(agent))
    output.changes([done], json_wanted=json_wanted)


def register(parent: typer.Typer) -> None:
    """Mount the commands."""
    parent.add_typer(app, name="user", help="Where and whether each agent is told.")

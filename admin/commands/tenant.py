"""`recado tenant`: whether, whom and how a company's agents are told."""

from typing import Annotated, Any

import typer

from admin import existence, output
from admin.commands.hours import HoursArgument, hours_from, show_hours
from admin.commands.options import JsonOption, ReasonOption, by, given, parameters
from admin.configuration import database_url
from admin.registry import tenants, words
from formatter import templates
from formatter.api import Notice
from formatter.languages import LANGUAGES
from formatter.samples import samples
from schemas import quiet
from schemas.database import transaction
from schemas.reasons import Mode

app = typer.Typer(no_args_is_help=True)

TenantArgument = Annotated[
    str, typer.Argument(help="source/company, for example shop/1 (shop/0 without companies).")
]


@app.command("list")
def list_all(
    source: Annotated[str | None, typer.Option(help="Only those of this source.")] = None,
    json_wanted: JsonOption = False,
) -> None:
    """List the tenants."""
    with transaction(database_url()) as connection:
        rows = tenants.show(connection, source=source)
    output.table(rows, ("tenant", "name", "mode", "channel_id", "lane", "language"), json_wanted=json_wanted)


@app.command()
def show(tenant: TenantArgument, json_wanted: JsonOption = False) -> None:
    """Show everything about a tenant, and what it lacks before it can be enabled."""
    with transaction(database_url()) as connection:
        identity = words.tenant_id(tenant)
        (row,) = tenants.show(connection, identity)
        row["lacks"] = tenants.lacking(connection, identity)
    output.details(row, json_wanted=json_wanted)


@app.command("set")
def change(
    tenant: TenantArgument,
    name: Annotated[str | None, typer.Option(help="As agents read it.")] = None,
    channel: Annotated[str | None, typer.Option(help="Id of the channel through which notices leave.")] = None,
    lane: Annotated[
        str | None, typer.Option(help="Unit of order and limits; the tenant's own if not given.")
    ] = None,
    recipients: Annotated[str | None, typer.Option(help="Who is told, in turn: assignee,queue,admins.")] = None,
    first_only: Annotated[bool | None, typer.Option(help="Tell only the first of the responsible.")] = None,
    fan_out: Annotated[int | None, typer.Option(help="At most so many agents for one ticket.")] = None,
    groups: Annotated[bool | None, typer.Option(help="Tell of messages in WhatsApp groups.")] = None,
    bot_policy: Annotated[str | None, typer.Option(help="While a bot talks: wait or suppress.")] = None,
    quiet_policy: Annotated[str | None, typer.Option(help="In quiet hours: hold or drop.")] = None,
    quiet_hours: Annotated[
        str | None,
        typer.Option("--quiet-hours", help="Of agents without hours of their own: seg-sex 20:00-08:00, …; none."),
    ] = None,
    holidays: Annotated[
        str | None,
        typer.Option("--holidays", help="12-25, 2026-12-24..2027-01-03, 2026-12-31 08:00-12:00 (worked); none."),
    ] = None,
    unknown_policy: Annotated[
        str | None, typer.Option(help="When a send's fate is unknown: resend or dead.")
    ] = None,
    marker: Annotated[str | None, typer.Option(help="First word of each notice; rows with it are ignored.")] = None,
    template: Annotated[str | None, typer.Option(help="plan, compact, or an own text: see tenant preview.")] = None,
    language: Annotated[str | None, typer.Option(help="pt_BR, en or es.")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone, for example America/Sao_Paulo.")] = None,
    region: Annotated[
        str | None, typer.Option(help="Country of numbers given without one, for example BR.")
    ] = None,
    frontend_url: Annotated[
        str | None, typer.Option(help="For links to tickets; the source's if not given.")
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="settle=3s, window=default, … (docs/settings.md).")
    ] = None,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Create a tenant, switched off, or change what is given of it."""
    values = given(
        name=name,
        channel_id=channel,
        lane=lane,
        recipients=None if recipients is None else [word.strip() for word in recipients.split(",")],
        first_only=first_only,
        fan_out=fan_out,
        groups=groups,
        bot_policy=bot_policy,
        quiet_policy=quiet_policy,
        unknown_policy=unknown_policy,
        marker=marker,
        template=template,
        language=language,
        zone=zone,
        region=region,
        frontend_url=frontend_url,
        parameters=parameters(parameter) if parameter else None,
        holidays=None if holidays is None else quiet.stored_holidays(quiet.parse_holidays(holidays)),
    )
    if quiet_hours is not None:
        values["quiet_hours"] = quiet.stored(quiet.parse(quiet_hours))
    url, identity = database_url(), words.tenant_id(tenant)
    with transaction(url) as connection:
        done = tenants.change(connection, by(reason), identity, **values)
    output.changes([done], json_wanted=json_wanted)
    if done.before is None and (doubt := existence.doubt(url, identity)) is not None:
        output.note(doubt)


@app.command()
def preview(
    tenant: TenantArgument,
    template: Annotated[str | None, typer.Option(help="Try this one: plan, compact, or an own text.")] = None,
    language: Annotated[str | None, typer.Option(help="pt_BR, en or es.")] = None,
    json_wanted: JsonOption = False,
) -> None:
    """Show every form of the tenant's texts, made of invented messages. Changes nothing."""
    with transaction(database_url()) as connection:
        row = tenants.require(connection, words.tenant_id(tenant))
        desk = tenants.frontend_url(connection, row)
    chosen = row["template"] if template is None else template
    templates.validate(chosen)
    spoken = row["language"] if language is None else words.one_of(language, LANGUAGES, "language")
    rules = Notice(
        row["name"] or tenant, "Ana", (), 0, spoken, template=chosen, marker=row["marker"], zone=row["zone"]
    )
    output.texts(samples(rules, desk), json_wanted=json_wanted)


@app.command("import-hours")
def import_hours(
    tenant: TenantArgument,
    file: HoursArgument,
    zone: Annotated[str | None, typer.Option(help="IANA name, when the hours tell none.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Set them; otherwise they are only shown.")] = False,
    reason: ReasonOption = "",
    json_wanted: JsonOption = False,
) -> None:
    """Set quiet hours to the time outside of working hours as ticketz or press store them, and the holidays."""
    found = hours_from(file, zone)
    show_hours(found)
    if apply:
        values: dict[str, Any] = {"quiet_hours": quiet.stored(found.hours)}
        if found.holidays:
            values["holidays"] = quiet.stored_holidays(found.holidays)
        with transaction(database_url()) as connection:
            done = tenants.change(connection, by(reason), words.tenant_id(tenant), **values)
        output.changes([done], json_wanted=json_wanted)


def _switch(tenant: str, mode: Mode, reason: str, json_wanted: bool) -> None:
    with transaction(database_url()) as connection:
        identity = words.tenant_id(tenant)
        done = tenants.set_mode(connection, by(reason), identity, mode)
        told = tenants.ready_agents(connection, identity)
    output.changes([done], json_wanted=json_wanted)
    if mode != Mode.OFF and not json_wanted:
        agents = "1 agent" if told == 1 else f"{told} agents"
        be = "is" if told == 1 else "are"
        verb = f"{be} told" if mode == Mode.ON else "would be told (shadow: nothing is sent)"
        output.note(f"{agents} {verb}")


@app.command()
def enable(tenant: TenantArgument, reason: ReasonOption = "", json_wanted: JsonOption = False) -> None:
    """Switch notices on. Refused until an agent is verified, the channel tested, its session's number known."""
    _switch(tenant, Mode.ON, reason, json_wanted)


@app.command()
def disable(tenant: TenantArgument, reason: ReasonOption = "", json_wanted: JsonOption = False) -> None:
    """Switch notices off. What waits now is never sent, not even when they are switched on again."""
    _switch(tenant, Mode.OFF, reason, json_wanted)


@app.command()
def shadow(tenant: TenantArgument, reason: ReasonOption = "", json_wanted: JsonOption = False) -> None:
    """Decide and record everything, send nothing."""
    _switch(tenant, Mode.SHADOW, reason, json_wanted)


@app.command()
def remove(tenant: TenantArgument, reason: ReasonOption = "", json_wanted: JsonOption = False) -> None:
    """Forget a tenant that has no agents."""
    with transaction(database_url()) as connection:
        done = tenants.discard(connection, by(reason), words.tenant_id(tenant))
    output.changes([done], json_wanted=json_wanted)


def register(parent: typer.Typer) -> None:
    """Mount the commands."""
    parent.add_typer(app, name="tenant", help="Whether, whom and how a company's agents are told.")

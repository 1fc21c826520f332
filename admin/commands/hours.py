"""Working hours from a file or standard input, shown before they are set. Shared by `user` and `tenant`."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from admin import output
from cdc.flavours import hours
from schemas.errors import Invalid
from schemas.quiet import CODE, valid_zone

HoursArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help='JSON as the helpdesk stores it: "schedules" of a company or queue of ticketz, or an object with '
        "startWork and endWork of press; - reads standard input.",
    ),
]


def hours_from(file: str, zone: str | None) -> hours.Imported:
    """Read working hours. `zone` is for those that tell none.

    Raises:
        Invalid: RCD-408, nothing that we know, or no such file.
    """
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
        found = hours.read(msgspec.json.decode(text))
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise Invalid(CODE, f"{file}: {error}") from error
    if zone is None or found.hours.zone is not None:
        return found
    return found._replace(hours=msgspec.structs.replace(found.hours, zone=valid_zone(zone)))


def show_hours(found: hours.Imported) -> None:
    """Say what would be quiet, and what cannot be expressed."""
    zone = found.hours.zone or "the tenant's zone"
    output.note(f"quiet in {zone}: {', '.join(hours.spans(found)) or 'never'}")
    for holiday in found.holidays:
        worked = f", worked {holiday.start}-{holiday.end}" if holiday.start else ""
        output.note(f"holiday {holiday.day}{worked}")
    for note in found.left_out:
        output.note(f"not taken over: {note}")

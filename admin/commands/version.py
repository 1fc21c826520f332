"""`recado version`."""

import importlib.metadata
import platform

import typer

from admin import output
from admin.commands.options import JsonOption


def version(json_wanted: JsonOption = False) -> None:
    """Show the version of Recado and of Python."""
    found = {"recado": importlib.metadata.version("recado"), "python": platform.python_version()}
    if json_wanted:
        output.as_json(found)
    else:
        typer.echo(f"recado {found['recado']} (Python {found['python']})")


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("version")(version)

"""The command `recado`. Each command is a module of `admin.commands` with `register(app)`."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import typer

from admin.boundary import guarded
from consumers.runtime.logs import configure
from schemas.settings import LogSettings

COMMANDS = (
    "stack",
    "demo",
    "run",
    "doctor",
    "install",
    "uninstall",
    "source",
    "tenant",
    "user",
    "channel",
    "channel_limits",
    "control",
    "flag",
    "version",
)
ROOMS = frozenset({"schemas", "cdc", "formatter", "provider", "consumers", "admin", "deploy"})


def make_app() -> typer.Typer:
    """Return the application with every command that this installation has.

    A command whose packages are not installed (the local stack's are an extra) is left out; a module of ours that
    cannot be imported is a bug and is not hidden.
    """
    app = typer.Typer(
        name="recado",
        help="Tells helpdesk agents on their own WhatsApp that a customer wrote to them in Whaticket.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def recado() -> None:
        """Keep `recado` a group of commands however few there are."""

    for name in COMMANDS:
        module = f"admin.commands.{name}"
        try:
            import_module(module).register(app)
        except ModuleNotFoundError as missing:
            absent = missing.name or ""
            if absent != module and absent.partition(".")[0] in ROOMS:
                raise
    return app


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    return guarded(
        lambda: typer.main.get_command(make_app()).main(
            args=None if arguments is None else list(arguments), prog_name="recado", standalone_mode=False
        )
    )


def main() -> NoReturn:
    """Be the console command `recado`. What it has to say it prints; roles configure their own logs."""
    configure(LogSettings(level="warning"))
    sys.exit(run())

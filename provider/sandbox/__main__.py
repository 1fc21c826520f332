"""`python -m provider.sandbox --gateway NAME --port 0 --ledger FILE`: run an emulator until it is told to stop."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from aiohttp import web

from provider.sandbox.gateways import EMULATORS
from provider.sandbox.ledger import Ledger
from provider.sandbox.phones import Phone
from schemas.clock import SystemClock
from schemas.errors import Invalid, RecadoError, Recoverable

app = typer.Typer(add_completion=False)


@app.command()
def main(
    gateway: Annotated[str, typer.Option(help=f"Which one: {', '.join(sorted(EMULATORS))}.")] = "sandbox",
    port: Annotated[int, typer.Option(help="0 chooses a free one.", min=0, max=65_535)] = 0,
    ledger: Annotated[Path | None, typer.Option(help="What each phone saw, one JSON line a message.")] = None,
    phones: Annotated[Path | None, typer.Option(help='Names: [{"number": "+55…", "name": "Ana"}]')] = None,
    address_file: Annotated[Path | None, typer.Option(help="Where to write the address once it answers.")] = None,
) -> None:
    """Run a WhatsApp gateway for trying things out, on 127.0.0.1 only. Prints its address."""
    try:
        asyncio.run(serve(gateway, port, ledger, phones, address_file))
    except RecadoError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit) from error


async def serve(
    name: str, port: int, ledger_path: Path | None, names: Path | None, address_file: Path | None
) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        Invalid: RCD-405, no such gateway.
        Recoverable: RCD-704, the port is taken.
    """
    if name not in EMULATORS:
        detail = f"no gateway {name!r} to emulate; known: {', '.join(sorted(EMULATORS))}"
        raise Invalid("RCD-405", detail)
    stop = asyncio.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wanted, stop.set)
    ledger = Ledger(ledger_path)
    gateway = EMULATORS[name](ledger, SystemClock())
    if names:
        gateway.control.phones.name(msgspec.json.decode(names.read_bytes(), type=list[Phone]))
    runner = web.AppRunner(gateway.app(), access_log=None, shutdown_timeout=1.0, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        try:
            await site.start()
        except OSError as error:
            detail = f"port {port} is taken"
            raise Recoverable("RCD-704", detail) from error
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        if address_file:
            _write_whole(address_file, address + "\n")
        typer.echo(address)
        await stop.wait()
    finally:
        await runner.cleanup()
        ledger.close()
        if address_file:
            with contextlib.suppress(FileNotFoundError):
                address_file.unlink()


def _write_whole(path: Path, text: str) -> None:
    """Write so that a reader sees all of it or nothing."""
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    os.replace(part, path)


if __name__ == "__main__":
    app()

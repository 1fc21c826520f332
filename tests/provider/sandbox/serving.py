"""An emulator in a thread of this process, over TCP: for tests that need many of them and no process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from aiohttp import web

from provider.sandbox.gateways import EMULATORS
from provider.sandbox.ledger import Ledger
from schemas.clock import SystemClock

DEADLINE_S = 10.0


@dataclass(frozen=True)
class Served:
    """An emulator that answers, spoken to with a client that is not ours."""

    address: str
    client: httpx.Client

    def fault(self, **rule: Any) -> None:
        """Script one fault."""
        answer = self.client.post("/v1/faults", json={"rules": [rule]})
        assert answer.status_code == 201, answer.text

    def seen(self) -> list[dict[str, Any]]:
        """Return the ledger."""
        found: list[dict[str, Any]] = self.client.get("/v1/ledger").json()["messages"]
        return found

    def forget(self) -> None:
        """Forget everything scripted."""
        assert self.client.delete("/v1/faults").status_code == 204


@contextmanager
def serving(gateway: str) -> Iterator[Served]:
    """Serve an emulator on a free port, its ledger in memory, until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=f"emulator-{gateway}", daemon=True)
    thread.start()

    async def start() -> web.AppRunner:
        app = EMULATORS[gateway](Ledger(None), SystemClock()).app()
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(DEADLINE_S)
    try:
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        with httpx.Client(base_url=address, timeout=10) as client:
            yield Served(address, client)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(DEADLINE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE_S)
        loop.close()

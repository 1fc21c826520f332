"""/healthz, /readyz and /metrics of a worker, on its asyncio thread: they mean turning, and restored."""

from collections.abc import Callable
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from consumers.runtime.status import Status
from schemas.clock import Clock
from schemas.settings import HttpSettings

STALLED_MS = 30_000


class HealthServer:
    """Serves a worker's `Status`. A loop that has not turned for `STALLED_MS` is not healthy.

    Args:
        status: written by the loop.
        clock: the worker's clock.
        extra: more to show in both documents (configuration version and the like); must be quick.
    """

    def __init__(self, status: Status, clock: Clock, extra: Callable[[], dict[str, Any]]) -> None:
        self._status, self._clock, self._extra = status, clock, extra
        self._runner: web.AppRunner | None = None

    async def start(self, settings: HttpSettings) -> int:
        """Listen and return the port."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, settings.host, settings.port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def document(self) -> dict[str, Any]:
        """Return what both endpoints show."""
        return {**self._status.snapshot(self._clock.now_ms()), **self._extra()}

    async def _healthz(self, _request: web.Request) -> web.Response:
        found = self.document()
        ago = found["turned_ms_ago"]
        turning = ago is None or ago < STALLED_MS
        return web.json_response({"ok": turning, **found}, status=200 if turning else 503)

    async def _readyz(self, _request: web.Request) -> web.Response:
        found = self.document()
        return web.json_response({"ok": found["ready"], **found}, status=200 if found["ready"] else 503)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

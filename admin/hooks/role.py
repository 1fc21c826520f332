"""The role `hooks`: the listener, its own health endpoints, and Kafka behind it. One asyncio loop."""

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from admin.hooks.listener import Door, Listener
from admin.hooks.sink import KafkaSink
from consumers.directory.config import ConfigHolder
from consumers.runtime.kafka import partition_counts
from consumers.runtime.logs import configure
from provider.api import ChannelSettings
from provider.declaration import HOOK_SECRET, HOOK_SECRET_MIN, refused
from provider.factory import close, declaration, make
from schemas.clock import SystemClock
from schemas.config import ChannelConfig
from schemas.errors import Invalid, Recoverable
from schemas.secrets import resolve_all
from schemas.settings import HooksSettings, HttpSettings, Settings
from schemas.topics import Cell

log = structlog.get_logger(__name__)


def door_of(channel: ChannelConfig) -> Door:
    """Return a channel's door, its references resolved now.

    Raises:
        Invalid: RCD-306 or RCD-602, the channel is wrongly configured.
    """
    settings = ChannelSettings(channel.channel_id, channel.provider, resolve_all(channel.settings))
    secret = settings.values.get(HOOK_SECRET.name, "").strip()
    if 0 < len(secret) < HOOK_SECRET_MIN:
        raise refused(settings, f"{HOOK_SECRET.name!r} is too short: {HOOK_SECRET.en}")
    return Door(make(settings), declaration(channel.provider).signs, secret)


def run(settings: Settings) -> None:
    """Listen until SIGTERM or SIGINT. Blocks.

    Raises:
        RecadoError: RCD-201 or RCD-207, topic `alerts` is missing or Kafka does not answer at the start; RCD-601;
            what `ConfigHolder.start` raises.
    """
    configure(settings.log, role="hooks", cell=settings.cell, ordinal=settings.ordinal)
    if settings.database_url is None:
        raise Invalid("RCD-601", "RECADO_DATABASE_URL: the address of the recado database is not set")
    config = ConfigHolder(settings.database_url.get_secret_value(), settings.data_dir, settings.enabled)
    stopped = threading.Event()

    def early(_number: int, _frame: Any) -> None:
        stopped.set()
        config.stop()  # it may be waiting for a database that does not answer

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, early)
    try:
        config.start()
        asyncio.run(_serve(settings, config, stopped))
        log.info("stopped")
    except Recoverable:
        if not stopped.is_set():
            raise
    finally:
        config.stop()


async def _serve(settings: Settings, config: ConfigHolder, stopped: threading.Event) -> None:
    cell = Cell(settings.cell)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if stopped.is_set():
        return
    await asyncio.to_thread(partition_counts, settings.kafka, [cell.alerts])
    sink = KafkaSink(settings.kafka, cell.alerts, f"{cell.prefix}hooks.{settings.ordinal}")
    listener = Listener(lambda: config.view, door_of, sink, SystemClock())
    runners: list[web.AppRunner] = []
    try:
        port = await _listen(runners, listener.app(), settings.hooks, "RECADO_HOOKS__PORT")
        health = await _listen(runners, _health(config, sink), settings.http, "RECADO_HTTP__PORT")
        log.info("started", port=health, hooks_port=port, config_version=config.view.version)
        await stopping.wait()
    finally:
        for runner in runners:
            await runner.cleanup()  # lets requests under way end
        await asyncio.to_thread(sink.close)
        await close()


async def _listen(
    runners: list[web.AppRunner], app: web.Application, where: HooksSettings | HttpSettings, name: str
) -> int:
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=5.0)
    await runner.setup()
    runners.append(runner)
    try:
        await web.TCPSite(runner, where.host, where.port).start()
    except OSError as error:
        raise Invalid("RCD-601", f"{name}: {where.host}:{where.port} cannot be used: {error}") from error
    return int(runner.addresses[0][1])


def _health(config: ConfigHolder, sink: KafkaSink) -> web.Application:
    """/healthz: the loop turns. /readyz: Kafka took the last receipt, or none has come yet."""

    def document(ready: Callable[[], bool]) -> Callable[[web.Request], Any]:
        async def answer(_request: web.Request) -> web.Response:
            ok = ready()
            found = {
                "ok": ok,
                "role": "hooks",
                "config_version": config.view.version,
                "config_followed": config.is_connected,
                "failed": sink.failed,
            }
            return web.json_response(found, status=200 if ok else 503)

        return answer

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes(
        [
            web.get("/healthz", document(lambda: True)),
            web.get("/readyz", document(lambda: sink.failed is None)),
            web.get("/metrics", metrics),
        ]
    )
    return app

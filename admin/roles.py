"""The roles of a running Recado: what is wired to what. One process is one role."""

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from random import Random
from types import FrameType
from typing import Any, Literal

import structlog

from consumers.coalescer.app import CoalescerApp
from consumers.directory import people
from consumers.directory.config import ConfigHolder
from consumers.directory.live import LiveDirectory
from consumers.runtime.api import App
from consumers.runtime.health import HealthServer
from consumers.runtime.logs import configure
from consumers.runtime.metrics import gauge, histogram
from consumers.runtime.worker import Worker
from consumers.sender.app import SenderApp
from consumers.sender.work import Tell
from formatter.opening import render_opening
from formatter.render import render
from provider.addresses import Allowed
from provider.api import ChannelSettings, Provider
from provider.factory import allow, close, make
from schemas.clock import Clock, SystemClock
from schemas.config import ChannelConfig
from schemas.errors import Invalid, Recoverable
from schemas.secrets import resolve
from schemas.settings import HttpSettings, Settings
from schemas.topics import Cell

log = structlog.get_logger(__name__)

RoleName = Literal["coalescer", "sender"]
REFERENCES = ("env:", "file:")


@dataclass
class Wiring:
    """What a role is made of, and how its own parts are closed."""

    app: App[Any]
    group: str
    close: Callable[[Worker[Any]], None]


def provider_of(channel: ChannelConfig) -> Provider:
    """Return the provider of a channel, its references resolved now."""
    values = {k: resolve(v) if v.startswith(REFERENCES) else v for k, v in channel.settings.items()}
    return make(ChannelSettings(channel.channel_id, channel.provider, values))


def _coalescer(settings: Settings, config: ConfigHolder, _clock: Clock) -> Wiring:
    cell = Cell(settings.cell)
    app = CoalescerApp(cell, lambda: config.view, version("recado"))
    return Wiring(app, cell.coalescer_group, lambda _worker: None)


def _sender(settings: Settings, config: ConfigHolder, clock: Clock) -> Wiring:
    cell = Cell(settings.cell)

    def observe(source: str, seconds: float) -> None:
        histogram("recado_resolve_seconds").labels(source).observe(seconds)

    allow(Allowed.parse(settings.gateways.networks or ""))
    directory = LiveDirectory(config.source_dsn, observe=observe)
    app = SenderApp(
        cell,
        lambda: config.view,
        directory,
        provider_of,
        render,
        version("recado"),
        Random(),  # noqa: S311 - jitter
        clock=clock,  # the one that writes the markers whose age it judges
        render_opening=render_opening,
        tell=partial(learn, settings.database_url.get_secret_value() if settings.database_url else ""),
    )

    def end(worker: Worker[Any]) -> None:
        worker.pool.run(directory.close()).result(5)
        worker.pool.run(close()).result(5)

    return Wiring(app, cell.sender_group, end)


def learn(url: str, told: Tell) -> None:
    """Write what the sender learnt of a number into the recado database; blocks.

    Raises:
        RecadoError: the database did not take it; the sender tells it again.
    """
    if told.address is not None:
        people.learn_address(url, told.agent, told.number_hash, told.address, told.source)
    if told.suspended_ms:
        people.suspend(url, told.agent, told.number_hash, told.code)


def _listen(worker: Worker[Any], server: HealthServer, http: HttpSettings) -> int:
    try:
        return int(worker.pool.run(server.start(http)).result(10))
    except OSError as error:
        raise Invalid("RCD-601", f"RECADO_HTTP__PORT: {http.host}:{http.port} cannot be used: {error}") from error


WIRINGS: dict[RoleName, Callable[[Settings, ConfigHolder, Clock], Wiring]] = {
    "coalescer": _coalescer,
    "sender": _sender,
}


def run(role: RoleName, settings: Settings) -> None:
    """Run one role in this process until SIGTERM or SIGINT. Blocks.

    Raises:
        RecadoError: see `Worker.run` and `ConfigHolder.start`; nothing was lost.
    """
    configure(settings.log, role=role, cell=settings.cell, ordinal=settings.ordinal)
    if settings.database_url is None:
        raise Invalid("RCD-601", "RECADO_DATABASE_URL: the address of the recado database is not set")
    config = ConfigHolder(settings.database_url.get_secret_value(), settings.data_dir, settings.enabled)
    stopping = threading.Event()
    worker: Worker[Any] | None = None

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()
        if worker is not None:
            worker.stop()
        else:
            config.stop()  # it may be waiting for a database that does not answer

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        view = config.start()
    except Recoverable:
        if stopping.is_set():
            return
        raise
    gauge("recado_config_version").set(view.version)
    try:
        clock = SystemClock()
        wiring = WIRINGS[role](settings, config, clock)
        worker = Worker(
            wiring.app, settings.kafka, settings.timings, wiring.group, settings.ordinal,
            clock=clock, version=version("recado"),
        )  # fmt: skip
        if stopping.is_set():
            worker.stop()
        running = worker

        def changed(view: Any) -> None:
            gauge("recado_config_version").set(view.version)
            running.config_changed()

        config.on_change(changed)
        server = HealthServer(
            worker.status,
            clock,
            lambda: {
                "role": role,
                "config_version": config.view.version,
                "enabled": config.view.enabled,
                "config_followed": config.is_connected,
            },
        )

        def close_all() -> None:
            for closing in (lambda: wiring.close(running), lambda: running.pool.run(server.stop()).result(5)):
                try:
                    closing()
                except Exception:  # what ended the role counts, not how its parts were closed
                    log.exception("closing failed")

        port = _listen(worker, server, settings.http)
        log.info("started", port=port, config_version=view.version, enabled=view.enabled)
        worker.run(finally_=close_all)
        log.info("stopped")
    finally:
        config.stop()

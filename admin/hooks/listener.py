"""The listener: one address a channel, answered only when what it said is safe.

`POST /hooks/CHANNEL[/SECRET]`, and `GET` for the handshake of gateways that have one. Answers: 200 taken, or
nothing new; 403 the caller does not prove who it is; 404 no such address; 405, 408, 413; 503 not now, come again.
"""

import asyncio
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

import structlog
from aiohttp import web

from admin.hooks.intake import Acknowledged, Lanes, records
from consumers.runtime.metrics import counter
from provider.api import QUERY_HEADER, Provider, ReceiptEvent
from schemas.clock import Clock
from schemas.config import HOUR, MINUTE, ChannelConfig, StaticConfig
from schemas.errors import Invalid, RecadoError
from schemas.records import Receipt

log = structlog.get_logger(__name__)

MAX_BODY: Final = 256 * 1024
READ_S: Final = 10.0
AT_ONCE: Final = 100
"""Requests under way; more are told to come again. Bounds memory at `AT_ONCE` × `MAX_BODY`."""
RETRY_AFTER_S: Final = 5


class Sink(Protocol):
    """Where receipts become durable."""

    async def write(self, receipts: Sequence[Receipt]) -> None:
        """Return when all are durable. Raises `Recoverable` when that is not certain."""
        ...


@runtime_checkable
class Handshake(Protocol):
    """A provider whose gateway asks by `GET` whether the address is ours."""

    def challenge(self, query: Mapping[str, str]) -> str:
        """Return the answer. Raises `Invalid` for a stranger."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """A channel's address: who reads what comes in, and the secret part ('' for none)."""

    provider: Provider
    signs: bool
    secret: str = field(default="", repr=False)

    def admits(self, given: str | None) -> bool:
        """Compare the address' secret part. Without one only a gateway that signs may come in."""
        if not self.provider.abilities.receipts:
            return False
        if not self.secret:
            return self.signs and given is None
        return hmac.compare_digest((given or "").encode("utf-8", "surrogateescape"), self.secret.encode())


class Listener:
    """The web application of the hooks role.

    Args:
        config: returns the settings in force.
        door: makes a channel's door, its references resolved; may raise a `RecadoError`.
        sink: where receipts go.
        clock: for the memory of lanes.
    """

    def __init__(
        self, config: Callable[[], StaticConfig], door: Callable[[ChannelConfig], Door], sink: Sink, clock: Clock
    ) -> None:
        self._config, self._make, self._sink, self._clock = config, door, sink, clock
        self._lanes = Lanes()
        self._learnt: tuple[StaticConfig, int] | None = None
        self._acknowledged = Acknowledged()
        self._doors: dict[str, tuple[ChannelConfig, Door]] = {}
        self._told: dict[tuple[str, str], int] = {}
        self._under_way = 0

    def app(self) -> web.Application:
        """Return the application; serve it with `auto_decompress=False`, so that nothing swells."""
        app = web.Application(client_max_size=MAX_BODY)
        for path in ("/hooks/{channel}", "/hooks/{channel}/{secret}"):
            app.router.add_route("*", path, self._receive)
        return app

    async def _receive(self, request: web.Request) -> web.Response:
        answer, provider, result = await self._answer(request)
        counter("recado_hooks_total").labels(provider, result).inc()
        return answer

    async def _answer(self, request: web.Request) -> tuple[web.Response, str, str]:
        """Return the answer, the provider's name and the result for the metric."""
        if self._under_way >= AT_ONCE:
            return _later(), "", "busy"
        self._under_way += 1
        try:
            return await self._admit(request)
        finally:
            self._under_way -= 1

    async def _admit(self, request: web.Request) -> tuple[web.Response, str, str]:
        config = self._config()
        self._learn(config)
        channel = config.channel(request.match_info["channel"])
        if channel is None:
            return _said(404), "", "unknown"
        try:
            door = self._door(channel)
        except RecadoError as error:
            self._tell("webhook of a channel that is wrongly configured", channel, error)
            return _later(), channel.provider, "misconfigured"
        # The same answer for what is not there and what may not be entered: nothing can be found out here.
        if not door.admits(request.match_info.get("secret")):
            return _said(404), channel.provider, "unknown"
        provider = door.provider
        if request.method == "GET" and isinstance(provider, Handshake):
            return self._shake(request, channel, provider)
        if request.method != "POST":
            return _said(405, {"Allow": "POST"}), channel.provider, "method"
        try:
            async with asyncio.timeout(READ_S):
                raw = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _said(413), channel.provider, "oversized"
        except TimeoutError:
            return _said(408), channel.provider, "slow"
        return await self._take(channel, provider, _headers(request), raw)

    async def _take(
        self, channel: ChannelConfig, provider: Provider, headers: Mapping[str, str], raw: bytes
    ) -> tuple[web.Response, str, str]:
        name = channel.provider
        try:
            events = provider.parse_receipt(headers, raw)
        except Invalid as error:
            self._tell("webhook refused", channel, error)
            return _said(403), name, "refused"
        new = self._acknowledged.new(channel.channel_id, events)
        if not new:
            return _said(200), name, "nothing_new"
        lanes = self._lanes.of(channel.channel_id)
        if not lanes:
            return _said(200), name, "no_tenant"
        try:
            await self._write(channel, lanes, new)
        except RecadoError as error:
            self._tell("receipts cannot be written", channel, error)
            return _later(), name, "kafka_down"
        return _said(200), name, "taken"

    async def _write(self, channel: ChannelConfig, lanes: list[str], new: list[ReceiptEvent]) -> None:
        await self._sink.write(records(channel.channel_id, lanes, new))
        self._acknowledged.note(channel.channel_id, new)

    def _shake(
        self, request: web.Request, channel: ChannelConfig, provider: Handshake
    ) -> tuple[web.Response, str, str]:
        try:
            answer = provider.challenge(request.query)
        except Invalid as error:
            self._tell("webhook not verified", channel, error)
            return _said(403), channel.provider, "refused"
        log.info("webhook verified", channel=channel.channel_id)
        return web.Response(text=answer), channel.provider, "handshake"

    def _tell(self, what: str, channel: ChannelConfig, error: RecadoError) -> None:
        """Log a fault, each kind once a minute and channel: whoever knocks must not fill the disk."""
        now_ms, key = self._clock.now_ms(), (what, channel.channel_id)
        if now_ms - self._told.get(key, -MINUTE) >= MINUTE:
            self._told[key] = now_ms
            log.warning(what, channel=channel.channel_id, code=error.code, reason=error.detail)

    def _learn(self, config: StaticConfig) -> None:
        """Look at the tenants when they have changed, and once an hour."""
        now_ms = self._clock.now_ms()
        if self._learnt is None or self._learnt[0] is not config or now_ms - self._learnt[1] >= HOUR:
            self._learnt = config, now_ms
            self._lanes.learn(config.snapshot.tenants, now_ms)

    def _door(self, channel: ChannelConfig) -> Door:
        known = self._doors.get(channel.channel_id)
        if known is None or known[0] != channel:
            known = self._doors[channel.channel_id] = channel, self._make(channel)
        return known[1]


def _headers(request: web.Request) -> dict[str, str]:
    """Return the headers with the address' query among them, in place of any that the caller sent as such."""
    own = {name: value for name, value in request.headers.items() if name.casefold() != QUERY_HEADER}
    return {**own, QUERY_HEADER: request.rel_url.raw_query_string}


def _said(status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, headers=headers)


def _later() -> web.Response:
    return _said(503, {"Retry-After": str(RETRY_AFTER_S)})

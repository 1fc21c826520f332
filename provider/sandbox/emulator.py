"""The base of all emulators: what happens to a message between a gateway's route and a phone.

A subclass adds its gateway's routes, reads requests in its dialect, and says what the gateway answers: when it has
accepted, and in every situation (`presets`) that it can be in. Loopback only: no place for customers' data.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

import msgspec
from aiohttp import web

from provider.api import digits
from provider.sandbox import wire
from provider.sandbox.control import Control, page
from provider.sandbox.faults import Preset, Rule
from provider.sandbox.ledger import Ledger, Seen
from provider.sandbox.webhooks import Hook, Posting, Status, Told
from schemas.clock import Clock

MAX_REQUEST: Final = 256 * 1024
ATTEMPT_HEADER: Final = "X-Request-Id"
"""Names the attempt in the ledger where the gateway's dialect has no place for it."""


class Message(msgspec.Struct, frozen=True):
    """A message as an emulator has read it from a request. `id` only where the client chooses it."""

    to: str
    body: str
    channel: str
    attempt_id: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a gateway does in a situation.

    `status` and `body` are its answer; without a status it answers as if all were well. `delivered`: whether the
    phone sees the message now, never, or when the gateway reconnects (`POST /v1/reconnect`). `later` is a status
    that follows by webhook, with the gateway's own error `code`.
    """

    status: int | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delivered: Literal["now", "never", "later"] = "never"
    later: Status | None = None
    code: str | None = None


class Emulator(ABC):
    """A gateway. One instance serves all its channels.

    Args:
        ledger: where messages go.
        clock: the time of messages.
    """

    name: ClassVar[str]
    presets: ClassVar[Mapping[Preset, Effect]] = {}
    shows_phones_at_root: ClassVar[bool] = True

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.control = Control(ledger, clock, self.presets.keys(), self._announce, self._reconnect)
        self._count = len(ledger.lines)
        self._kept: list[Seen] = []
        self._working: set[asyncio.Task[Seen]] = set()

    @abstractmethod
    def routes(self, router: web.UrlDispatcher) -> None:
        """Add the gateway's own routes; those that send end with `return await self.take(request, message)`."""

    @abstractmethod
    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer that a message was taken, whether or not a phone will see it."""

    def scripted(self, rule: Rule) -> web.StreamResponse:
        """Answer with a scripted status that has no raw body; by default in our own error form."""
        return wire.answer(rule.error(), status=rule.status, headers=rule.headers)

    def message_id(self, message: Message, count: int) -> str:
        """Return the id of the `count`-th accepted message, in the gateway's form."""
        return message.id or f"{self.name}-{count}"

    def webhook(self, seen: Seen, status: Status, code: str | None, hook: Hook) -> Posting:
        """Return a status in the gateway's form, signed in its way; only asked where there are webhooks."""
        raise NotImplementedError(self.name)

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application(client_max_size=MAX_REQUEST, middlewares=[wire.local_only])
        self.routes(app.router)
        self.control.routes(app.router)
        app.router.add_get("/" if self.shows_phones_at_root else "/wall", page)
        app.on_response_prepare.append(wire.secure)
        app.on_shutdown.append(self._leave)
        return app

    async def take(self, request: web.Request, message: Message) -> web.StreamResponse:
        """Take a message that was read from a request, unless a fault says otherwise, and answer."""
        self.control.requests += 1
        if not message.attempt_id:
            attempt_id = request.headers.get(ATTEMPT_HEADER, "")[:128]
            message = msgspec.structs.replace(message, attempt_id=attempt_id)
        rule = self.control.faults.hit(message.to, message.channel)
        effect = self._effect(rule, message)
        # A client that gives up cancels this handler, but not a slow gateway's work: the phone may still get it.
        work = asyncio.create_task(self._work(message, rule, effect))
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        seen = await asyncio.shield(work)
        if effect.status is not None:
            return wire.answer(effect.body, status=effect.status, headers=effect.headers)
        if rule is None or rule.preset is not None or (rule.do == "delay" and effect.delivered != "never"):
            return self.accepted(seen)
        return await wire.misbehave(request, rule) or self.scripted(rule)

    def _effect(self, rule: Rule | None, message: Message) -> Effect:
        if rule is not None and rule.preset is not None:
            effect = self.presets[rule.preset]
            if rule.accepted is None:
                return effect
            return Effect(effect.status, effect.body, effect.headers, "now" if rule.accepted else "never")
        if rule is not None:
            return Effect(delivered="now" if rule.delivers else "never")
        if self.control.address_of(message.to) is None:
            return self.presets.get(Preset.NO_WHATSAPP, Effect())
        return Effect(delivered="now")

    async def _work(self, message: Message, rule: Rule | None, effect: Effect) -> Seen:
        if rule and rule.delay_ms:
            await asyncio.sleep(rule.delay_ms / 1000)
        self._count += 1
        seen = Seen(
            n=0,
            id=self.message_id(message, self._count),
            at_ms=self.control.clock.now_ms(),
            phone=digits(message.to),
            to=message.to,
            body=message.body,
            attempt_id=message.attempt_id,
            channel=message.channel,
        )
        self.control.accepted[seen.id] = seen
        if effect.delivered == "now":
            self._deliver(seen)
        elif effect.delivered == "later":
            self._kept.append(seen)
        if effect.later is not None:
            self._announce(seen, effect.later, effect.code)
        return seen

    def _deliver(self, seen: Seen) -> None:
        line = msgspec.structs.replace(seen, n=len(self.control.ledger.lines) + 1)
        self.control.ledger.append(line)
        self.control.phones.saw(line)
        hook = self.control.webhooks.hook
        if hook is not None:
            self._announce_all(line, [(status, None) for status in hook.statuses])

    def _announce(self, seen: Seen, status: Status, code: str | None) -> None:
        self._announce_all(seen, [(status, code)])

    def _announce_all(self, seen: Seen, statuses: list[tuple[Status, str | None]]) -> None:
        def posting(status: Status, code: str | None) -> tuple[Told, Any]:
            return Told(status, seen.id), lambda hook: self.webhook(seen, status, code, hook)

        self.control.webhooks.announce([posting(status, code) for status, code in statuses])

    def _reconnect(self) -> int:
        kept, self._kept = self._kept, []
        for seen in kept:
            self._deliver(seen)
        return len(kept)

    async def _leave(self, _app: web.Application) -> None:
        self.control.phones.close()
        await self.control.webhooks.close()
        for work in list(self._working):
            work.cancel()

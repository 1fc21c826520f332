"""What every emulator has beside its gateway's own routes: ledger, faults, phones, receipts, health, webhooks."""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from provider.api import digits
from provider.sandbox import wire
from provider.sandbox.faults import Faults, Preset, Script
from provider.sandbox.ledger import Ledger, Seen
from provider.sandbox.phones import Phone, Phones
from provider.sandbox.webhooks import Hook, Status, Webhooks
from schemas.clock import Clock

PAGE: Final = Path(__file__).parent / "page"
HEARTBEAT_S: Final = 15.0


class HealthScript(msgspec.Struct, forbid_unknown_fields=True):
    """What `PUT /v1/health/{channel}` takes: what the channel's session is like from now on."""

    ok: bool
    detail: str = ""
    session_number: str | None = None


class ReceiptScript(msgspec.Struct, forbid_unknown_fields=True):
    """What `POST /v1/receipts` takes: a status of a message that was accepted."""

    id: str
    status: Status
    code: str | None = None


class Numbers(msgspec.Struct, forbid_unknown_fields=True):
    """What `PUT /v1/numbers` takes: numbers with another WhatsApp address (its digits), or None for no WhatsApp."""

    numbers: dict[str, str | None]


class Control:
    """The state that scripts and tests work on. A channel is what the gateway calls its session or instance.

    Args:
        ledger: where messages go.
        clock: the time of messages.
        presets: the situations that the emulator can be in.
        announce: posts a status of an accepted message as webhook.
        reconnect: lets go what the gateway kept while its phone was offline; returns how much.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        presets: Collection[Preset],
        announce: Callable[[Seen, Status, str | None], None],
        reconnect: Callable[[], int],
    ) -> None:
        self.ledger = ledger
        self.clock = clock
        self.faults = Faults()
        self.phones = Phones(ledger.lines)
        self.webhooks = Webhooks()
        self.accepted: dict[str, Seen] = {line.id: line for line in ledger.lines}
        self.requests = 0
        self._presets = presets
        self._announce = announce
        self._reconnect = reconnect
        self._health: dict[str, HealthScript] = {}
        self._numbers: dict[str, str | None] = {}
        self._receipts: list[dict[str, Any]] = []

    def health(self, channel: str) -> HealthScript:
        """Return what a channel's session is like: well, unless scripted otherwise."""
        return self._health.get(channel, HealthScript(ok=True, detail="sandbox"))

    def address_of(self, number: str) -> str | None:
        """Return the digits that WhatsApp knows a number by, None when it does not."""
        return self._numbers.get(digits(number), digits(number))

    def routes(self, router: web.UrlDispatcher) -> None:
        """Add the control routes."""
        router.add_get("/v1/ledger", self.read)
        router.add_get("/v1/faults", self.list_faults)
        router.add_post("/v1/faults", self.add_faults)
        router.add_delete("/v1/faults", self.clear_faults)
        router.add_get("/v1/health/{channel}", self.channel_health)
        router.add_put("/v1/health/{channel}", self.script_health)
        router.add_put("/v1/numbers", self.script_numbers)
        router.add_post("/v1/reconnect", self.reconnect)
        router.add_get("/v1/receipts", self.list_receipts)
        router.add_post("/v1/receipts", self.add_receipt)
        router.add_get("/v1/webhooks", self.list_webhooks)
        router.add_put("/v1/webhooks", self.set_webhooks)
        router.add_get("/phones", self.list_phones)
        router.add_put("/phones", self.name_phones)
        router.add_get("/healthz", self.alive)
        router.add_get("/events", self.events)
        router.add_static("/page/", PAGE)

    async def read(self, request: web.Request) -> web.Response:
        """Return the ledger; `phone` and `since` (a line's number) narrow it."""
        phone = request.query.get("phone")
        since = request.query.get("since", "0")
        if not since.isdecimal():
            detail = "since must be a number"
            raise wire.bad_request(detail)
        return wire.answer({"messages": list(self.ledger.of(digits(phone) if phone else None, int(since)))})

    async def list_faults(self, _request: web.Request) -> web.Response:
        """Return the rules in force with their counters."""
        return wire.answer({"rules": self.faults.rules})

    async def add_faults(self, request: web.Request) -> web.Response:
        """Append rules."""
        script = await wire.read(request, Script)
        wrong = {rule.preset for rule in script.rules if rule.preset} - set(self._presets)
        if wrong:
            detail = f"this gateway has no {min(wrong)}; it has: {', '.join(sorted(self._presets)) or 'none'}"
            raise wire.bad_request(detail)
        self.faults.add(script.rules)
        return wire.answer({"rules": self.faults.rules}, status=201)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """Forget everything scripted: rules, health, numbers, the webhook."""
        self.faults.clear()
        self._health.clear()
        self._numbers.clear()
        self.webhooks.hook = None
        return web.Response(status=204)

    async def channel_health(self, request: web.Request) -> web.Response:
        """Tell what was scripted for a channel."""
        return wire.answer(self.health(request.match_info["channel"]))

    async def script_health(self, request: web.Request) -> web.Response:
        """Script what a channel's session is like."""
        self._health[request.match_info["channel"]] = await wire.read(request, HealthScript)
        return web.Response(status=204)

    async def script_numbers(self, request: web.Request) -> web.Response:
        """Script numbers without WhatsApp, or with another address there."""
        script = await wire.read(request, Numbers)
        self._numbers |= {
            digits(number): digits(address) if address else None for number, address in script.numbers.items()
        }
        return web.Response(status=204)

    async def reconnect(self, _request: web.Request) -> web.Response:
        """Let go what was kept while the phone was offline."""
        return wire.answer({"released": self._reconnect()})

    async def list_receipts(self, _request: web.Request) -> web.Response:
        """Return the scripted receipts."""
        return wire.answer({"receipts": self._receipts})

    async def add_receipt(self, request: web.Request) -> web.Response:
        """Script a status of an accepted message; it is listed, and posted if there is a webhook."""
        script = await wire.read(request, ReceiptScript)
        found = self.accepted.get(script.id)
        if found is None:
            detail = "no such message"
            raise wire.bad_request(detail)
        receipt = msgspec.structs.asdict(script)
        self._receipts.append(receipt | {"at_ms": self.clock.now_ms(), "attempt_id": found.attempt_id})
        self._announce(found, script.status, script.code)
        return web.Response(status=204)

    async def list_webhooks(self, _request: web.Request) -> web.Response:
        """Return what was posted, and how it was answered."""
        return wire.answer({"hook": self.webhooks.hook, "told": self.webhooks.told})

    async def set_webhooks(self, request: web.Request) -> web.Response:
        """Say where statuses go."""
        self.webhooks.hook = await wire.read(request, Hook)
        return web.Response(status=204)

    async def list_phones(self, _request: web.Request) -> web.Response:
        """Return the wall's phones."""
        return wire.answer({"phones": self.phones.wall().phones})

    async def name_phones(self, request: web.Request) -> web.Response:
        """Replace the names on the wall."""
        self.phones.name(await wire.read(request, list[Phone]))
        return web.Response(status=204)

    async def alive(self, _request: web.Request) -> web.Response:
        """Say that the process works, and how much it has done."""
        return wire.answer({"ok": True, "requests": self.requests, "messages": len(self.ledger.lines)})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream the wall, then each message, as server-sent events."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with self.phones.listen() as queue:
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    await response.write(b": still here\n\n")
                    continue
                if event is None:
                    return response
                kind, data = event
                await response.write(b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n")


async def page(_request: web.Request) -> web.StreamResponse:
    """Return the page of phones."""
    return web.FileResponse(PAGE / "index.html")

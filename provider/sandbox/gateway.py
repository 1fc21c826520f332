"""The gateway's HTTP interface. Loopback only: it has no authentication and is no place for customers' data."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import structlog
from aiohttp import web

from provider.sandbox.faults import Faults, Rule, Script, digits
from provider.sandbox.ledger import Ledger, Seen
from provider.sandbox.phones import Phone, Phones
from schemas.clock import Clock

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PAGE: Final = Path(__file__).parent / "page"
MAX_BODY: Final = 4_096
MAX_REQUEST: Final = 256 * 1024
HEARTBEAT_S: Final = 15.0
HUGE: Final = 1024 * 1024
LOCAL: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
SECURITY: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
log = structlog.get_logger()


class Message(msgspec.Struct):
    """What `POST /v1/messages` takes."""

    to: str
    body: str
    attempt_id: str
    channel: str = "sandbox"


class HealthScript(msgspec.Struct, forbid_unknown_fields=True):
    """What `PUT /v1/health/{channel}` takes: the answer to give from now on."""

    ok: bool
    detail: str = ""
    session_number: str | None = None


class ReceiptScript(msgspec.Struct, forbid_unknown_fields=True):
    """What `POST /v1/receipts` takes: a receipt to list for a message of the ledger."""

    id: str
    status: str
    code: str | None = None


class Gateway:
    """The state behind the handlers.

    Args:
        ledger: where messages go.
        clock: the time of messages.
    """

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.ledger = ledger
        self.faults = Faults()
        self.phones = Phones(ledger.lines)
        self._clock = clock
        self._health: dict[str, HealthScript] = {}
        self._receipts: list[dict[str, Any]] = []
        self._requests = 0
        self._working: set[asyncio.Task[Seen | None]] = set()

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application(client_max_size=MAX_REQUEST, middlewares=[_local_only])
        app.router.add_post("/v1/messages", self.send)
        app.router.add_get("/v1/ledger", self.read)
        app.router.add_get("/v1/faults", self.list_faults)
        app.router.add_post("/v1/faults", self.add_faults)
        app.router.add_delete("/v1/faults", self.clear_faults)
        app.router.add_get("/v1/health/{channel}", self.channel_health)
        app.router.add_put("/v1/health/{channel}", self.script_health)
        app.router.add_get("/v1/receipts", self.list_receipts)
        app.router.add_post("/v1/receipts", self.add_receipt)
        app.router.add_get("/phones", self.list_phones)
        app.router.add_put("/phones", self.name_phones)
        app.router.add_get("/healthz", self.alive)
        app.router.add_get("/events", self.events)
        app.router.add_get("/", _page)
        app.router.add_static("/page/", PAGE)
        app.on_response_prepare.append(_secure)
        app.on_shutdown.append(self._leave)
        return app

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Take a message, unless a fault says otherwise."""
        self._requests += 1
        message = await _read(request, Message)
        refusal = _refusal(message)
        if refusal:
            return refusal
        rule = self.faults.hit(message.to, message.channel)
        # A client that gives up cancels this handler, but not a slow gateway's work: the phone may still get it.
        work = asyncio.create_task(self._work(message, rule))
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        seen = await asyncio.shield(work)
        if rule is not None and (rule.do != "delay" or seen is None):
            return await _misbehave(request, rule)
        return _json({"id": seen.id if seen else None, "status": "accepted"}, status=201)

    async def read(self, request: web.Request) -> web.Response:
        """Return the ledger; `phone` and `since` (a line's number) narrow it."""
        phone = request.query.get("phone")
        since = request.query.get("since", "0")
        if not since.isdecimal():
            detail = "since must be a number"
            raise _bad_request(detail)
        return _json({"messages": list(self.ledger.of(digits(phone) if phone else None, int(since)))})

    async def list_faults(self, _request: web.Request) -> web.Response:
        """Return the rules in force with their counters."""
        return _json({"rules": self.faults.rules})

    async def add_faults(self, request: web.Request) -> web.Response:
        """Append rules."""
        script = await _read(request, Script)
        self.faults.add(script.rules)
        return _json({"rules": self.faults.rules}, status=201)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """Forget all rules, the scripted health included."""
        self.faults.clear()
        self._health.clear()
        return web.Response(status=204)

    async def channel_health(self, request: web.Request) -> web.Response:
        """Tell whether a channel can send: yes, unless scripted otherwise."""
        return _json(self._health.get(request.match_info["channel"], HealthScript(ok=True, detail="sandbox")))

    async def script_health(self, request: web.Request) -> web.Response:
        """Script what `channel_health` answers."""
        self._health[request.match_info["channel"]] = await _read(request, HealthScript)
        return web.Response(status=204)

    async def list_receipts(self, _request: web.Request) -> web.Response:
        """Return the scripted receipts, in the form that the adapter reads."""
        return _json({"receipts": self._receipts})

    async def add_receipt(self, request: web.Request) -> web.Response:
        """Script a receipt for a message that the ledger has."""
        script = await _read(request, ReceiptScript)
        found = next((line for line in self.ledger.lines if line.id == script.id), None)
        if found is None or script.status not in ("server", "delivered", "read", "failed"):
            detail = "no such message, or no such status"
            raise _bad_request(detail)
        receipt = msgspec.structs.asdict(script)
        self._receipts.append(receipt | {"at_ms": self._clock.now_ms(), "attempt_id": found.attempt_id})
        return web.Response(status=204)

    async def list_phones(self, _request: web.Request) -> web.Response:
        """Return the wall's phones."""
        return _json({"phones": self.phones.wall().phones})

    async def name_phones(self, request: web.Request) -> web.Response:
        """Replace the names on the wall."""
        self.phones.name(await _read(request, list[Phone]))
        return web.Response(status=204)

    async def alive(self, _request: web.Request) -> web.Response:
        """Say that the process works, and how much it has done."""
        return _json({"ok": True, "requests": self._requests, "messages": len(self.ledger.lines)})

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

    async def _work(self, message: Message, rule: Rule | None) -> Seen | None:
        if rule and rule.delay_ms:
            await asyncio.sleep(rule.delay_ms / 1000)
        return self._deliver(message) if rule is None or rule.delivers else None

    def _deliver(self, message: Message) -> Seen:
        n = len(self.ledger.lines) + 1
        seen = Seen(
            n=n,
            id=f"sandbox-{n}",
            at_ms=self._clock.now_ms(),
            phone=digits(message.to),
            to=message.to,
            body=message.body,
            attempt_id=message.attempt_id,
            channel=message.channel,
        )
        self.ledger.append(seen)
        self.phones.saw(seen)
        return seen

    async def _leave(self, _app: web.Application) -> None:
        self.phones.close()
        for work in list(self._working):
            work.cancel()


def _refusal(message: Message) -> web.Response | None:
    """Refuse what no gateway would take, in the same form as a scripted status."""
    if not 8 <= len(digits(message.to)) <= 15:
        return _json(
            {"error": {"kind": "permanent_recipient", "code": "bad_number", "scope": "recipient"}}, status=400
        )
    if not message.body.strip() or len(message.body) > MAX_BODY:
        return _json({"error": {"kind": "permanent_payload", "code": "bad_body", "scope": "recipient"}}, status=400)
    if not 1 <= len(message.attempt_id) <= 128:
        return _json(
            {"error": {"kind": "permanent_payload", "code": "bad_attempt_id", "scope": "recipient"}}, status=400
        )
    return None


async def _misbehave(request: web.Request, rule: Rule) -> web.StreamResponse:
    match rule.do:
        case "reset":
            return _reset(request)
        case "hang":
            await asyncio.Event().wait()  # until the client gives up, which cancels this handler
        case "malformed":
            return web.Response(status=201, body=b'{"id": "sandbox-', content_type="application/json")
        case "huge":
            return web.Response(status=201, body=b'{"id":"' + b"x" * HUGE + b'"}', content_type="application/json")
        case _:
            pass
    if rule.raw is not None:
        return web.Response(status=rule.status, text=rule.raw, headers=rule.headers)
    return _json(rule.error(), status=rule.status, headers=rule.headers)


def _reset(request: web.Request) -> web.StreamResponse:
    """Break the connection with an RST, not with an orderly end."""
    transport = request.transport
    if transport:
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)  # goes nowhere


async def _read(request: web.Request, kind: type[T]) -> T:
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="application/json is wanted")
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.MsgspecError as error:
        raise _bad_request(str(error)) from error


def _bad_request(detail: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(
        body=msgspec.json.encode({"error": {"code": "bad_request", "detail": detail}}),
        content_type="application/json",
    )


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(value), content_type="application/json", headers=headers
    )


async def _page(_request: web.Request) -> web.StreamResponse:
    return web.FileResponse(PAGE / "index.html")


@web.middleware
async def _local_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse names that only point here: a web page elsewhere must not reach the sandbox by DNS rebinding."""
    if request.host.rpartition(":")[0] not in LOCAL and request.host not in LOCAL:
        raise web.HTTPForbidden(text="ask for 127.0.0.1 or localhost")
    return await handler(request)


async def _secure(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)

"""WAHA: what its HTTP API answers. Its engines take a number without looking whether it exists.

Beside the control routes: `PUT /v1/engine` chooses how a sent message is described: raw, as NOWEB does (the
default), or as the API documents it (GOWS and others).
"""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Literal
from uuid import uuid4

import msgspec
from aiohttp import web

from provider.api import digits
from provider.sandbox import wire
from provider.sandbox.emulator import Effect, Emulator, Message
from provider.sandbox.faults import Preset
from provider.sandbox.ledger import Ledger, Seen
from provider.sandbox.webhooks import Hook, Posting, Status
from schemas.clock import Clock

ACKS: Final[dict[Status, tuple[int, str]]] = {
    "failed": (-1, "ERROR"),
    "server": (1, "SERVER"),
    "delivered": (2, "DEVICE"),
    "read": (3, "READ"),
}


class Sent(msgspec.Struct):
    """What `POST /api/sendText` takes."""

    chatId: str
    text: str
    session: str = "default"


class Engine(msgspec.Struct, forbid_unknown_fields=True):
    """What `PUT /v1/engine` takes."""

    engine: Literal["NOWEB", "GOWS"]


def _down(status: str) -> Effect:
    return Effect(
        422,
        {
            "error": "Session status is not as expected. Try again later or restart the session",
            "session": "default",
            "status": status,
            "expected": ["WORKING"],
        },
    )


def _failed(message: str) -> Effect:
    """Return a 500, which repeats the request."""
    request = {"path": "/api/sendText", "method": "POST", "body": {"text": "the message's own text stands here"}}
    said = {"statusCode": 500, "timestamp": datetime.now(UTC).isoformat(), "exception": {"message": message}}
    return Effect(500, said | {"request": request, "version": {"version": "2026.4.1", "engine": "NOWEB"}})


def _http(status: int, message: str | list[str], error: str) -> Effect:
    return Effect(status, {"statusCode": status, "message": message, "error": error})


class Waha(Emulator):
    """A server with any number of sessions."""

    name = "waha"
    presets: ClassVar = {
        Preset.SESSION_DOWN: _down("STARTING"),
        Preset.SESSION_NEVER_STARTED: _down("STOPPED"),
        Preset.TOKEN_EXPIRED: _http(401, "Unauthorized", "Unauthorized"),
        Preset.PAYLOAD_REFUSED: _http(400, ["text must be a string"], "Bad Request"),
        Preset.SENDER_RESTRICTED: _failed("server returned error 463"),
        Preset.SERVICE_DOWN: _failed("Connection Closed"),
        Preset.NEVER_DELIVERED: Effect(),
        Preset.FAILS_LATER: Effect(later="failed", code="463"),
        Preset.BURST_AFTER_RECONNECT: Effect(delivered="later"),
    }

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        super().__init__(ledger, clock)
        self._engine = "NOWEB"

    def routes(self, router: web.UrlDispatcher) -> None:
        """Add WAHA's routes and one of our own."""
        router.add_put("/v1/engine", self.script_engine)
        router.add_post("/api/sendText", self.send)
        router.add_get("/api/contacts/check-exists", self.check_exists)
        router.add_get("/api/sessions/{session}", self.session)

    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer with the message as the engine describes it."""
        if self._engine != "NOWEB":
            chat = f"{digits(seen.to)}@c.us"
            told: dict[str, Any] = {"id": f"true_{chat}_{seen.id}", "timestamp": seen.at_ms // 1000, "fromMe": True}
            told |= {"from": "551130611234@c.us", "to": chat, "source": "api", "hasMedia": False, "ack": 0}
            return wire.answer(told | {"body": seen.body, "ackName": "PENDING", "_data": {}}, status=201)
        key = {"remoteJid": f"{digits(seen.to)}@s.whatsapp.net", "fromMe": True, "id": seen.id}
        sent = {"key": key, "messageTimestamp": str(seen.at_ms // 1000), "status": "PENDING"}
        return wire.answer(sent | {"message": {"extendedTextMessage": {"text": seen.body}}}, status=201)

    def message_id(self, message: Message, count: int) -> str:
        """Return an id of WhatsApp Web."""
        return "3EB0" + hashlib.sha256(f"{message.channel}/{count}".encode()).hexdigest()[:16].upper()

    def webhook(self, seen: Seen, status: Status, code: str | None, hook: Hook) -> Posting:
        """Return an acknowledgement, whose id is longer than that of the answer."""
        ack, name = ACKS[status]
        payload: dict[str, Any] = {
            "id": f"true_{digits(seen.to)}@c.us_{seen.id}",
            "from": "551130611234@c.us",
            "to": f"{digits(seen.to)}@c.us",
            "participant": None,
            "fromMe": True,
            "ack": ack,
            "ackName": name,
        }
        if status == "failed":
            payload["error"] = {"code": code, "blocked": code == "463"}
        event = {
            "id": f"evt_{seen.id.casefold()}{ack}",
            "timestamp": self.control.clock.now_ms(),
            "event": "message.ack",
            "session": seen.channel,
            "payload": payload,
            "engine": self._engine,
        }
        raw = msgspec.json.encode(event)
        headers = {"Content-Type": "application/json", "X-Webhook-Request-Id": str(uuid4())}
        if hook.secret:
            headers["X-Webhook-Hmac"] = hmac.new(hook.secret.encode(), raw, hashlib.sha512).hexdigest()
            headers["X-Webhook-Hmac-Algorithm"] = "sha512"
        return Posting(raw, headers)

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Take a text, while the session works."""
        try:
            sent = msgspec.json.decode(await request.read(), type=Sent)
        except msgspec.MsgspecError as wrong:
            return _answer(_http(400, [str(wrong)], "Bad Request"))
        if not self.control.health(sent.session).ok:
            return _answer(_down("STARTING"))
        return await self.take(request, Message(sent.chatId, sent.text, sent.session))

    async def check_exists(self, request: web.Request) -> web.StreamResponse:
        """Look a number up, while the session works."""
        if not self.control.health(request.query.get("session", "default")).ok:
            return _answer(_down("STARTING"))
        address = self.control.address_of(request.query.get("phone", ""))
        return wire.answer({"numberExists": address is not None, "chatId": f"{address}@c.us" if address else None})

    async def script_engine(self, request: web.Request) -> web.Response:
        """Change the engine."""
        self._engine = (await wire.read(request, Engine)).engine
        return web.Response(status=204)

    async def session(self, request: web.Request) -> web.StreamResponse:
        """Tell a session's state."""
        name = request.match_info["session"]
        script = self.control.health(name)
        number = digits(script.session_number or "+551130611234")
        return wire.answer(
            {
                "name": name,
                "status": "WORKING" if script.ok else "SCAN_QR_CODE",
                "config": {"webhooks": []},
                "me": {"id": f"{number}@c.us", "pushName": "Loja"},
                "engine": {"engine": self._engine},
            }
        )


def _answer(effect: Effect) -> web.Response:
    return wire.answer(effect.body, status=effect.status or 400, headers=effect.headers)

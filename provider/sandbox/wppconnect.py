"""WPPConnect server as it answers: 404 for a session that is down, a 400 after which it may send all the same."""

from typing import Any, ClassVar

import msgspec
from aiohttp import web

from provider.api import digits
from provider.sandbox import wire
from provider.sandbox.emulator import Effect, Emulator, Message
from provider.sandbox.faults import Preset
from provider.sandbox.ledger import Seen
from provider.sandbox.webhooks import Hook, Posting, Status

_ACKS = {"server": 1, "delivered": 2, "read": 3, "failed": -1}
_NO_NUMBER = {"response": None, "status": "Connected", "message": "O número informado não existe."}


class WppConnectServer(Emulator):
    """A WPPConnect server; every session exists, and any bearer token is right."""

    name = "wppconnect"
    presets: ClassVar = {
        Preset.SESSION_DOWN: Effect(
            404, {"response": None, "status": "Disconnected", "message": "A sessão do WhatsApp não está ativa."}
        ),
        Preset.TOKEN_EXPIRED: Effect(401, {"error": "Check that the Session and Token are correct"}),
        Preset.NO_WHATSAPP: Effect(400, _NO_NUMBER),
        Preset.SENT_DESPITE_ERROR: Effect(400, _NO_NUMBER, delivered="now"),
        Preset.NEVER_DELIVERED: Effect(),
    }

    def routes(self, router: web.UrlDispatcher) -> None:
        """Add the gateway's routes."""
        router.add_post("/api/{session}/send-message", self.send)
        router.add_get("/api/{session}/check-connection-session", self.status)
        router.add_get("/api/{session}/check-number-status/{phone}", self.check)

    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer with the list that even one message makes."""
        sent = {"id": seen.id, "body": seen.body, "to": f"{seen.phone}@c.us", "ack": 0}
        return wire.answer({"status": "success", "response": [sent], "mapper": "return"}, status=201)

    def message_id(self, message: Message, count: int) -> str:
        """Return a serialized id."""
        return f"true_{digits(message.to)}@c.us_3EB0{count:016X}"

    def webhook(self, seen: Seen, status: Status, code: str | None, hook: Hook) -> Posting:
        """Return an `onack`; posted once only, unsigned."""
        key = {"fromMe": True, "remote": f"{seen.phone}@c.us", "id": seen.id.rpartition("_")[2]}
        body = {
            "event": "onack",
            "session": seen.channel,
            "id": key | {"_serialized": seen.id},
            "ack": _ACKS[status],
            "t": self.control.clock.now_ms() // 1000,
        }
        return Posting(msgspec.json.encode(body), {"Content-Type": "application/json"})

    async def send(self, request: web.Request) -> web.StreamResponse:
        """`POST send-message`."""
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            said = "Token is not present. Check your header and try again"
            return wire.answer({"message": said}, status=401)
        sent = await wire.read(request, dict[str, Any])
        phone, body = sent.get("phone"), sent.get("message")
        if not isinstance(phone, str) or not digits(phone) or not isinstance(body, str):
            return wire.answer({"status": "error", "message": "phone and message are required"}, status=400)
        return await self.take(request, Message(phone, body, request.match_info["session"]))

    async def status(self, request: web.Request) -> web.StreamResponse:
        """`GET check-connection-session`."""
        ok = self.control.health(request.match_info["session"]).ok
        return wire.answer({"status": ok, "message": "Connected" if ok else "Disconnected"})

    async def check(self, request: web.Request) -> web.StreamResponse:
        """`GET check-number-status/{phone}`."""
        phone = request.match_info["phone"]
        address = self.control.address_of(phone)
        name = f"{address or digits(phone)}@c.us"
        found = {
            "id": {"server": "c.us", "user": name[:-5], "_serialized": name},
            "numberExists": address is not None,
        }
        return wire.answer({"status": "success", "response": found})

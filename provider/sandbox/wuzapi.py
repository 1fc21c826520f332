"""WuzAPI as it answers: an envelope with `code` and `success`, ids chosen by the client, 500 for a session down."""

from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
from aiohttp import web

from provider.api import digits
from provider.sandbox import wire
from provider.sandbox.emulator import Effect, Emulator, Message
from provider.sandbox.faults import Preset
from provider.sandbox.ledger import Seen
from provider.sandbox.webhooks import Hook, Posting, Status

SESSION = "loja"
"""The only user of the emulated server."""
_STATES = {"delivered": "Delivered", "read": "Read"}


def _error(status: int, error: str) -> Effect:
    return Effect(status, {"code": status, "success": False, "error": error})


class WuzApiServer(Emulator):
    """A WuzAPI server with one user, whose token is any that is not empty."""

    name = "wuzapi"
    presets: ClassVar = {
        Preset.SESSION_DOWN: _error(500, "No session"),
        Preset.SESSION_NEVER_STARTED: _error(500, "Error sending message: the store doesn't contain a device JID"),
        Preset.NO_WHATSAPP: _error(400, "Could not parse Phone"),
        Preset.TOKEN_EXPIRED: _error(401, "Unauthorized"),
        Preset.RATE_LIMITED: _error(500, "Error sending message: server returned error 429"),
        Preset.SENDER_RESTRICTED: _error(500, "Error sending message: server returned error 463"),
        Preset.PAYLOAD_REFUSED: _error(400, "Missing Body in Payload"),
        Preset.NEVER_DELIVERED: Effect(),
    }

    def routes(self, router: web.UrlDispatcher) -> None:
        """Add the gateway's routes."""
        router.add_post("/chat/send/text", self.send)
        router.add_get("/session/status", self.status)
        router.add_post("/user/check", self.check)

    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer with the id that the client chose."""
        return _ok({"Details": "Sent", "Timestamp": _time(seen.at_ms), "Id": seen.id})

    def message_id(self, message: Message, count: int) -> str:
        """Return the client's id, or one of the gateway's own."""
        return message.id or f"3EB0{count:018X}"

    def webhook(self, seen: Seen, status: Status, code: str | None, hook: Hook) -> Posting:
        """Return a receipt; the gateway tells nobody of an ack by the server or of a failure."""
        event = {"MessageIDs": [seen.id], "Timestamp": _time(self.control.clock.now_ms()), "Chat": seen.to}
        body = {"type": "ReadReceipt", "event": event, "state": _STATES.get(status, "")}
        return Posting(msgspec.json.encode(body), {"Content-Type": "application/json"})

    async def send(self, request: web.Request) -> web.StreamResponse:
        """`POST /chat/send/text`."""
        if not request.headers.get("Token"):
            return _refuse(401, "Unauthorized")
        try:
            sent: dict[str, Any] = msgspec.json.decode(await request.read(), type=dict[str, Any])
        except msgspec.MsgspecError:
            return _refuse(400, "Could not decode Payload")
        for name in ("Phone", "Body"):
            if not isinstance(sent.get(name), str) or not sent[name]:
                return _refuse(400, f"Missing {name} in Payload")
        if not 8 <= len(digits(sent["Phone"])) <= 15:
            return _refuse(400, "Could not parse Phone")
        return await self.take(request, Message(sent["Phone"], sent["Body"], SESSION, id=str(sent.get("Id") or "")))

    async def status(self, request: web.Request) -> web.StreamResponse:
        """`GET /session/status`."""
        if not request.headers.get("Token"):
            return _refuse(401, "Unauthorized")
        health = self.control.health(SESSION)
        number = digits(health.session_number or "")
        jid = f"{number}:7@s.whatsapp.net" if number else ""
        return _ok({"Connected": health.ok, "LoggedIn": health.ok, "jid": jid})

    async def check(self, request: web.Request) -> web.StreamResponse:
        """`POST /user/check`."""
        asked = await wire.read(request, dict[str, list[str]])
        users = []
        for number in asked.get("Phone", []):
            address = self.control.address_of(number)
            jid = f"{address or digits(number)}@s.whatsapp.net"
            users.append({"Query": number, "IsInWhatsapp": address is not None, "JID": jid, "VerifiedName": ""})
        return _ok({"Users": users})


def _ok(data: dict[str, Any]) -> web.Response:
    return wire.answer({"code": 200, "success": True, "data": data})


def _refuse(status: int, error: str) -> web.Response:
    return wire.answer({"code": status, "success": False, "error": error}, status=status)


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")

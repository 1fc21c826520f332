"""Z-API as it answers: everything is queued, an offline phone included, and let go in a burst when it is back."""

from typing import Any, ClassVar

import msgspec
from aiohttp import web

from provider.api import digits
from provider.sandbox import wire
from provider.sandbox.emulator import Effect, Emulator, Message
from provider.sandbox.faults import Preset
from provider.sandbox.ledger import Seen
from provider.sandbox.webhooks import Hook, Posting, Status

_STATES = {"server": "SENT", "delivered": "RECEIVED", "read": "READ"}


def _error(status: int, error: str, message: str = "") -> Effect:
    return Effect(status, {"error": error, "message": message})


class ZApiHost(Emulator):
    """The hosted service; instances have any name and any token."""

    name = "zapi"
    presets: ClassVar = {
        Preset.SESSION_DOWN: _error(400, "You need to be connected"),
        Preset.TOKEN_EXPIRED: _error(403, "Client-Token not allowed"),
        Preset.NO_WHATSAPP: _error(400, "Phone number does not exist"),
        Preset.QUEUED_NOT_SENT: Effect(),
        Preset.NEVER_DELIVERED: Effect(),
        Preset.BURST_AFTER_RECONNECT: Effect(delivered="later"),
    }

    def routes(self, router: web.UrlDispatcher) -> None:
        """Add the gateway's routes."""
        base = "/instances/{instance}/token/{token}"
        router.add_post(base + "/send-text", self.send)
        router.add_get(base + "/status", self.status)
        router.add_get(base + "/phone-exists/{phone}", self.check)
        router.add_delete(base + "/queue", self.purge)

    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer that it is queued; the same id under three names."""
        return wire.answer({"zaapId": f"zaap-{seen.id}", "messageId": seen.id, "id": seen.id})

    def webhook(self, seen: Seen, status: Status, code: str | None, hook: Hook) -> Posting:
        """Return a status callback."""
        body = {
            "type": "MessageStatusCallback",
            "status": _STATES.get(status, "FAILED"),
            "ids": [seen.id],
            "momment": self.control.clock.now_ms(),
            "phone": seen.phone,
            "instanceId": seen.channel,
        }
        return Posting(msgspec.json.encode(body), {"Content-Type": "application/json"})

    async def send(self, request: web.Request) -> web.StreamResponse:
        """`POST send-text`."""
        if request.content_type != "application/json":
            return wire.answer({"error": "Unsupported Media Type"}, status=415)
        sent = await wire.read(request, dict[str, Any])
        phone, body = sent.get("phone"), sent.get("message")
        if not isinstance(phone, str) or not 8 <= len(digits(phone)) <= 15 or not isinstance(body, str) or not body:
            return wire.answer(
                {"error": "Invalid request", "message": "phone and message are required"}, status=400
            )
        return await self.take(request, Message(phone, body, request.match_info["instance"]))

    async def status(self, request: web.Request) -> web.StreamResponse:
        """`GET status`: a session that is well says so in `error`, too."""
        health = self.control.health(request.match_info["instance"])
        said = "You are already connected." if health.ok else "You are not connected."
        return wire.answer({"connected": health.ok, "error": said, "smartphoneConnected": health.ok})

    async def check(self, request: web.Request) -> web.StreamResponse:
        """`GET phone-exists/{phone}`."""
        address = self.control.address_of(request.match_info["phone"])
        return wire.answer({"exists": address is not None, "phone": address or ""})

    async def purge(self, _request: web.Request) -> web.StreamResponse:
        """`DELETE queue`: forget what waits for the phone."""
        self._kept.clear()
        return wire.answer({"value": True})

"""The sandbox's own gateway: the plainest dialect, whose errors name their own kind."""

import hashlib
import hmac
from typing import ClassVar, Final

import msgspec
from aiohttp import web

from provider.api import digits
from provider.sandbox import wire
from provider.sandbox.emulator import Effect, Emulator, Message
from provider.sandbox.faults import Preset
from provider.sandbox.ledger import Seen
from provider.sandbox.webhooks import Hook, Posting, Status
from schemas.reasons import Rejection

MAX_BODY: Final = 4_096


class Sent(msgspec.Struct):
    """What `POST /v1/messages` takes."""

    to: str
    body: str
    attempt_id: str
    channel: str = "sandbox"


def _says(kind: Rejection, status: int, code: str) -> Effect:
    return Effect(status, {"error": {"kind": kind, "code": code}})


class Gateway(Emulator):
    """The gateway of the demo and of everything that is not about a gateway's dialect."""

    name = "sandbox"
    presets: ClassVar = {
        Preset.SESSION_DOWN: _says(Rejection.SESSION_DOWN, 409, "session_down"),
        Preset.NO_WHATSAPP: _says(Rejection.PERMANENT_RECIPIENT, 410, "no_whatsapp"),
        Preset.TOKEN_EXPIRED: _says(Rejection.PERMANENT_CONFIG, 401, "token_expired"),
        Preset.WINDOW_CLOSED: _says(Rejection.WINDOW_CLOSED, 400, "window_closed"),
        Preset.PAIR_LIMIT: _says(Rejection.THROTTLE_PAIR, 429, "pair_limit"),
        Preset.RATE_LIMITED: _says(Rejection.THROTTLE_SENDER, 429, "rate_limited"),
        Preset.PAYLOAD_REFUSED: _says(Rejection.PERMANENT_PAYLOAD, 400, "payload_refused"),
        Preset.SERVICE_DOWN: _says(Rejection.TRANSIENT, 503, "service_down"),
        Preset.NEVER_DELIVERED: Effect(),
        Preset.QUEUED_NOT_SENT: Effect(),
        Preset.BURST_AFTER_RECONNECT: Effect(delivered="later"),
    }

    def routes(self, router: web.UrlDispatcher) -> None:
        """Add the one route."""
        router.add_post("/v1/messages", self.send)

    def webhook(self, seen: Seen, status: Status, code: str | None, hook: Hook) -> Posting:
        """Return a status in the form of `GET /v1/receipts`; the secret is the hex HMAC-SHA256 of the body."""
        receipt = {"id": seen.id, "status": status, "at_ms": self.control.clock.now_ms(), "code": code}
        body = msgspec.json.encode({"receipts": [receipt | {"attempt_id": seen.attempt_id}]})
        signature = hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
        return Posting(body, {"Content-Type": "application/json", "X-Sandbox-Signature": signature})

    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer with the message's id."""
        return wire.answer({"id": seen.id, "status": "accepted"}, status=201)

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Take a message, unless no gateway would."""
        sent = await wire.read(request, Sent)
        refusal = _refusal(sent)
        if refusal is not None:
            return refusal
        return await self.take(request, Message(sent.to, sent.body, sent.channel, sent.attempt_id))


def _refusal(sent: Sent) -> web.Response | None:
    """Refuse what no gateway would take, in the same form as a scripted status."""
    if not 8 <= len(digits(sent.to)) <= 15:
        problem = {"kind": "permanent_recipient", "code": "bad_number", "scope": "recipient"}
    elif not sent.body.strip() or len(sent.body) > MAX_BODY:
        problem = {"kind": "permanent_payload", "code": "bad_body", "scope": "recipient"}
    elif not 1 <= len(sent.attempt_id) <= 128:
        problem = {"kind": "permanent_payload", "code": "bad_attempt_id", "scope": "recipient"}
    else:
        return None
    return wire.answer({"error": problem}, status=400)

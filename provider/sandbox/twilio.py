"""Twilio: what its Messages API answers, and its status callbacks. What WhatsApp refuses is told by callback only.

Beside the control routes: `PUT /v1/contents` says which approved contents there are (`{"HX…": "Recado: {{1}}"}`).
"""

import base64
import binascii
from collections.abc import Mapping
from typing import ClassVar, Final
from urllib.parse import parse_qs, urlencode

import msgspec
from aiohttp import web

from provider.api import digits
from provider.sandbox import wire
from provider.sandbox.emulator import Effect, Emulator, Message
from provider.sandbox.faults import Preset
from provider.sandbox.ledger import Ledger, Seen
from provider.sandbox.webhooks import Hook, Posting, Status
from provider.twilio import callbacks
from provider.twilio.errors import refusal
from schemas.clock import Clock

CONTENT: Final = "HX" + "0" * 32
MAX_BODY: Final = 1_600
_WORDS: Final[Mapping[Status, str]] = {
    "server": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "undelivered",
}


def _says(code: int, status: int, message: str) -> Effect:
    return Effect(status, refusal(code, status, message))


class TwilioApi(Emulator):
    """The Messages API, for any number of accounts."""

    name = "twilio"
    presets: ClassVar = {
        Preset.NO_WHATSAPP: Effect(later="failed", code="63024"),
        Preset.TOKEN_EXPIRED: _says(20003, 401, "Authenticate"),
        Preset.TEMPLATE_MISSING: _says(21655, 400, "The ContentSid is invalid"),
        Preset.WINDOW_CLOSED: Effect(later="failed", code="63016"),
        Preset.RATE_LIMITED: _says(20429, 429, "Too Many Requests"),
        Preset.ACCOUNT_BLOCKED: _says(20005, 403, "Account not active"),
        Preset.PAYLOAD_REFUSED: _says(21617, 400, "The concatenated message body exceeds the 1600 character limit"),
        Preset.SERVICE_DOWN: _says(20503, 503, "Service unavailable"),
        Preset.NEVER_DELIVERED: Effect(),
        Preset.QUEUED_NOT_SENT: Effect(later="failed", code="30036"),
        Preset.FAILS_LATER: Effect(later="failed", code="63018"),
    }

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        super().__init__(ledger, clock)
        self._contents = {CONTENT: "Recado: {{1}}"}
        self._callbacks: dict[str, str] = {}

    def routes(self, router: web.UrlDispatcher) -> None:
        """Add Twilio's routes and one of our own."""
        router.add_put("/v1/contents", self.script_contents)
        router.add_post("/2010-04-01/Accounts/{account}/Messages.json", self.send)
        router.add_get("/2010-04-01/Accounts/{account}/Messages/{sid}.json", self.message)
        router.add_get("/2010-04-01/Accounts/{account}.json", self.account)

    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer with the message as it stands in the queue."""
        return wire.answer(self._resource(seen), status=201)

    def webhook(self, seen: Seen, status: Status, code: str | None, hook: Hook) -> Posting:
        """Return a callback to the address that the message named, signed with the account's token."""
        form = {
            "AccountSid": seen.channel,
            "ApiVersion": "2010-04-01",
            "MessageSid": seen.id,
            "SmsSid": seen.id,
            "MessageStatus": _WORDS[status],
            "SmsStatus": _WORDS[status],
            "To": seen.to,
            "From": "whatsapp:+14155238886",
            "ChannelPrefix": "whatsapp",
        }
        if status == "failed":
            form |= {"ErrorCode": code or "63012", "ErrorMessage": "scripted"}
        url = self._callbacks.get(seen.id, hook.url)
        signature = callbacks.signature(url, {name: [value] for name, value in form.items()}, hook.secret)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
        return Posting(urlencode(form).encode(), headers, url)

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Create a message."""
        account = request.match_info["account"]
        if not _authorised(request.headers.get("Authorization", "")):
            return _answer(self.presets[Preset.TOKEN_EXPIRED])
        posted = parse_qs((await request.read()).decode("utf-8", "replace"), keep_blank_values=True)
        form = {name: values[0] for name, values in posted.items()}
        body = self._body(form)
        if isinstance(body, Effect):
            return _answer(body)
        sid = f"SM{self._count + len(self._callbacks) + 1:032x}"
        self._callbacks[sid] = form.get("StatusCallback", "")
        return await self.take(request, Message(form["To"], body, account, id=sid))

    async def message(self, request: web.Request) -> web.Response:
        """Tell how a message stands."""
        seen = self.control.accepted.get(request.match_info["sid"])
        if seen is None:
            return _answer(_says(20404, 404, "The requested resource was not found"))
        return wire.answer(self._resource(seen))

    async def account(self, request: web.Request) -> web.Response:
        """Tell an account's state."""
        sid = request.match_info["account"]
        script = self.control.health(sid)
        status = "active" if script.ok else "suspended"
        return wire.answer({"sid": sid, "friendly_name": "Loja", "status": status, "type": "Full"})

    async def script_contents(self, request: web.Request) -> web.Response:
        """Replace the approved contents."""
        self._contents = await wire.read(request, dict[str, str])
        return web.Response(status=204)

    def _body(self, form: Mapping[str, str]) -> str | Effect:
        to = form.get("To", "")
        if not to.startswith("whatsapp:+") or not 8 <= len(digits(to)) <= 15:
            return _says(21211, 400, "The 'To' number is not a valid phone number")
        if not form.get("From", "").startswith("whatsapp:+") and not form.get("MessagingServiceSid", "").startswith(
            "MG"
        ):
            return _says(21603, 400, "A 'From' phone number is required")
        if not 1 <= int(form.get("ValidityPeriod", "36000") or 0) <= 36_000:
            return _says(21667, 400, "ValidityPeriod is out of range")
        if "ContentSid" in form:
            return self._filled(form["ContentSid"], form.get("ContentVariables", "{}"))
        body = form.get("Body", "")
        if not body:
            return _says(21602, 400, "Message body is required")
        return body if len(body) <= MAX_BODY else self.presets[Preset.PAYLOAD_REFUSED]

    def _filled(self, sid: str, variables: str) -> str | Effect:
        content = self._contents.get(sid)
        if content is None:
            return self.presets[Preset.TEMPLATE_MISSING]
        try:
            values = msgspec.json.decode(variables, type=dict[str, str])
        except msgspec.MsgspecError:
            return _says(21656, 400, "The ContentVariables parameter is invalid")
        if any("\n" in value or "\t" in value or " " * 5 in value or not value for value in values.values()):
            return _says(21656, 400, "The ContentVariables parameter is invalid")
        for name, value in values.items():
            content = content.replace("{{" + name + "}}", value)
        return _says(21656, 400, "The ContentVariables parameter is invalid") if "{{" in content else content

    def _resource(self, seen: Seen) -> dict[str, object]:
        return {
            "sid": seen.id,
            "account_sid": seen.channel,
            "api_version": "2010-04-01",
            "to": seen.to,
            "from": "whatsapp:+14155238886",
            "body": seen.body,
            "status": "queued",
            "direction": "outbound-api",
            "num_segments": "1",
            "num_media": "0",
            "price": None,
            "price_unit": None,
            "messaging_service_sid": None,
            "error_code": None,
            "error_message": None,
            "date_created": "Sun, 22 Nov 2026 12:00:00 +0000",
            "date_updated": "Sun, 22 Nov 2026 12:00:00 +0000",
            "date_sent": None,
            "uri": f"/2010-04-01/Accounts/{seen.channel}/Messages/{seen.id}.json",
            "subresource_uris": {},
        }


def _authorised(header: str) -> bool:
    scheme, _, encoded = header.partition(" ")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return scheme == "Basic" and user[:2] in ("AC", "SK") and bool(password)


def _answer(effect: Effect) -> web.Response:
    return wire.answer(effect.body, status=effect.status or 400, headers=effect.headers)

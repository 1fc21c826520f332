"""Graph: what Meta's Cloud API answers, and its webhooks. Templates and the 24-hour window are as it keeps them.

Beside the control routes: `PUT /v1/window` closes the window of numbers (texts are then refused with 131047,
templates are not), `PUT /v1/templates` says which templates are approved.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec
from aiohttp import web

from provider.api import digits
from provider.sandbox import wire
from provider.sandbox.emulator import Effect, Emulator, Message
from provider.sandbox.faults import Preset
from provider.sandbox.graph_messages import Sent, Template, error, shown
from provider.sandbox.ledger import Ledger, Seen
from provider.sandbox.webhooks import Hook, Posting, Status
from schemas.clock import Clock

_WORDS: Final[Mapping[Status, str]] = {
    "server": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
}


class Window(msgspec.Struct, forbid_unknown_fields=True):
    """What `PUT /v1/window` takes; without `numbers` it is about all."""

    open: bool
    numbers: list[str] = []


_BUSY: Final = {
    "Retry-After": "12",
    "X-Business-Use-Case-Usage": '{"102290129340398":[{"type":"whatsapp","call_count":100,"total_cputime":1,'
    '"total_time":1,"estimated_time_to_regain_access":1}]}',
}


class Graph(Emulator):
    """The Cloud API, for one WhatsApp Business account with any number of sending numbers."""

    name = "meta"
    presets: ClassVar = {
        Preset.NO_WHATSAPP: error(131026, 400, "Message undeliverable"),
        Preset.TOKEN_EXPIRED: error(190, 401, "Error validating access token: Session has expired"),
        Preset.TEMPLATE_MISSING: error(132001, 404, "template name does not exist in the translation"),
        Preset.WINDOW_CLOSED: error(131047, 400, "More than 24 hours have passed since the recipient last replied"),
        Preset.PAIR_LIMIT: error(131056, 400, "Too many messages from this phone number to the same phone number"),
        Preset.RATE_LIMITED: error(130429, 429, "Rate limit hit", _BUSY),
        Preset.ACCOUNT_BLOCKED: error(131031, 403, "Business account is restricted"),
        Preset.SENDER_RESTRICTED: error(131048, 400, "Spam rate limit hit"),
        Preset.PAYLOAD_REFUSED: error(132005, 400, "Translated text too long"),
        Preset.SERVICE_DOWN: error(131016, 503, "Service unavailable"),
        Preset.EMPTY_ERROR: Effect(500, b""),
        Preset.NEVER_DELIVERED: Effect(),
        Preset.FAILS_LATER: Effect(later="failed", code="131026"),
    }

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        super().__init__(ledger, clock)
        self._templates: dict[tuple[str, str], Template] = {}
        self._closed: set[str] = set()
        self._all_closed = False
        self._keep([Template("aviso"), Template("aviso", "en"), Template("aviso", "es")])

    def routes(self, router: web.UrlDispatcher) -> None:
        """Add Graph's routes and two of our own."""
        router.add_put("/v1/window", self.script_window)
        router.add_put("/v1/templates", self.script_templates)
        router.add_post(r"/{version:v\d+\.0}/{number}/messages", self.send)
        router.add_get(r"/{version:v\d+\.0}/{waba}/message_templates", self.list_templates)
        router.add_get(r"/{version:v\d+\.0}/{number}", self.number)

    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer with the message's id and the address that WhatsApp knows the number by."""
        contact = {"input": seen.to, "wa_id": self.control.address_of(seen.to) or digits(seen.to)}
        message = {"id": seen.id, "message_status": "accepted"}
        return wire.answer({"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]})

    def message_id(self, message: Message, count: int) -> str:
        """Return a `wamid`."""
        inner = f"\x15\x02\x00{message.to}\x00{count}"
        return "wamid." + base64.b64encode(inner.encode()).decode()

    def webhook(self, seen: Seen, status: Status, code: str | None, hook: Hook) -> Posting:
        """Return a status as Graph posts it, signed with the app's secret."""
        told: dict[str, Any] = {
            "id": seen.id,
            "status": _WORDS[status],
            "timestamp": str(self.control.clock.now_ms() // 1000),
            "recipient_id": self.control.address_of(seen.to) or digits(seen.to),
        }
        if seen.attempt_id:
            told["biz_opaque_callback_data"] = seen.attempt_id
        if status == "failed":
            number = int(code) if code and code.isdecimal() else 131000
            details = {"details": "scripted"}
            told["errors"] = [{"code": number, "title": "scripted", "message": "scripted", "error_data": details}]
        contact = {"profile": {"name": "Atendente"}, "wa_id": told["recipient_id"], "user_id": "BR.1234567890"}
        return Posting(
            *signed(
                msgspec.json.encode(envelope(seen.channel, {"contacts": [contact], "statuses": [told]})),
                hook.secret,
            )
        )

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Take a message that Graph would take."""
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return _refuse(error(190, 401, "An access token is required"))
        try:
            sent = msgspec.json.decode(await request.read(), type=Sent)
        except msgspec.MsgspecError as wrong:
            return _refuse(error(100, 400, str(wrong)))
        closed = self._all_closed or digits(sent.to) in self._closed
        body = shown(sent, self._templates, window_open=not closed)
        if isinstance(body, Effect):
            return _refuse(body)
        number = request.match_info["number"]
        return await self.take(request, Message(sent.to, body, number, sent.biz_opaque_callback_data))

    async def number(self, request: web.Request) -> web.Response:
        """Tell a sending number's health."""
        number = request.match_info["number"]
        script = self.control.health(number)
        problem = {"error_code": 131031, "error_description": script.detail, "possible_solution": ""}
        can = "AVAILABLE" if script.ok else "BLOCKED"
        entity = {"entity_type": "PHONE_NUMBER", "id": number, "can_send_message": can}
        return wire.answer(
            {
                "id": number,
                "display_phone_number": script.session_number or "+55 11 3061-1234",
                "verified_name": "Loja",
                "quality_rating": "GREEN",
                "status": "CONNECTED",
                "health_status": {
                    "can_send_message": can,
                    "entities": [entity if script.ok else entity | {"errors": [problem]}],
                },
            }
        )

    async def list_templates(self, request: web.Request) -> web.Response:
        """List the templates of a name."""
        wanted = request.query.get("name", "")
        found = [each for each in self._templates.values() if not wanted or each.name == wanted]
        counts = {"total_count": len(found), "message_template_count": len(found), "message_template_limit": 6_000}
        summary = {"summary": counts | {"are_translations_complete": True}} if "summary" in request.query else {}
        return wire.answer(
            summary
            | {
                "data": [
                    {
                        "id": str(n),
                        "name": each.name,
                        "status": each.status,
                        "language": each.language,
                        "category": "UTILITY",
                        "parameter_format": "POSITIONAL",
                        "components": [_body_of(each)],
                    }
                    for n, each in enumerate(found, 1)
                ],
                "paging": {"cursors": {"before": "MAZDZD", "after": "MAZDZD"}},
            }
        )

    async def script_window(self, request: web.Request) -> web.Response:
        """Open or close the 24-hour window."""
        script = await wire.read(request, Window)
        numbers = {digits(each) for each in script.numbers}
        if not numbers:
            self._all_closed, self._closed = not script.open, set()
        elif script.open:
            self._closed -= numbers
        else:
            self._closed |= numbers
        return web.Response(status=204)

    async def script_templates(self, request: web.Request) -> web.Response:
        """Replace the account's templates."""
        self._keep(await wire.read(request, list[Template]))
        return web.Response(status=204)

    def _keep(self, templates: list[Template]) -> None:
        self._templates = {(each.name, each.language): each for each in templates}


def _body_of(template: Template) -> dict[str, Any]:
    body = {"type": "BODY", "text": template.body}
    examples = [f"exemplo {n}" for n in range(1, template.placeholders + 1)]
    return body | ({"example": {"body_text": [examples]}} if examples else {})


def envelope(number: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return a webhook of a sending number."""
    metadata = {"display_phone_number": "551130611234", "phone_number_id": number}
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata} | value}
    return {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [change]}]}


def signed(raw: bytes, secret: str) -> tuple[bytes, dict[str, str]]:
    """Return a webhook's body and its headers."""
    signature = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return raw, {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}


def _refuse(effect: Effect) -> web.Response:
    return wire.answer(effect.body, status=effect.status or 400, headers=effect.headers)

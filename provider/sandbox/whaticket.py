"""The send interfaces of six Whaticket forks, as their running backends answer.

The token is the connection's name here: whatever token comes is taken, but `wrong`. The forks' habit of running a
text through a template language is kept: a client that lets a customer's braces through sees what becomes of them.
"""

import re
from typing import Any, ClassVar, Final

import msgspec
from aiohttp import web

from provider.sandbox import wire
from provider.sandbox.emulator import Effect, Emulator, Message
from provider.sandbox.faults import Preset, Rule
from provider.sandbox.ledger import Seen
from provider.sandbox.webhooks import Hook, Posting, Status

_TAG: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
ACKS: Final = {"server": 1, "delivered": 2, "read": 3, "failed": -1}


def _error(status: int, text: str, **more: Any) -> Effect:
    return Effect(status, {"error": text}, **more)


def _refuse(status: int, text: str) -> web.Response:
    return wire.answer({"error": text}, status=status)


def _substituted(text: str, number: str) -> str | None:
    """Do what Mustache does with a contact that the API created: its name is its number. None: it throws."""
    if "{{" not in text:
        return text
    if re.search(r"\{\{[#^/]", text) or text.count("{{") > len(_TAG.findall(text)):
        return None
    return _TAG.sub(lambda found: number if found[1].strip() == "name" else "", text)


class Whaticket(Emulator):
    """What the forks share. Without a `presets` of its own a fork answers like canove."""

    path: ClassVar[str] = "/api/messages/send"
    presets: ClassVar = {
        Preset.SESSION_DOWN: _error(400, "ERR_WAPP_NOT_INITIALIZED"),
        Preset.NO_WHATSAPP: _error(400, "ERR_WAPP_INVALID_CONTACT"),
        Preset.TOKEN_EXPIRED: _error(403, "Invalid token. We'll try to assign a new one on next request"),
        Preset.PAYLOAD_REFUSED: _error(400, "Invalid number format. Only numbers is allowed."),
        Preset.TEMPLATE_MISSING: _error(400, "whatsapp #7 not found"),
        Preset.SENT_DESPITE_ERROR: _error(500, "Internal server error", delivered="now"),
        Preset.NEVER_DELIVERED: Effect(),
    }

    def routes(self, router: web.UrlDispatcher) -> None:
        """Add the one route."""
        router.add_post(self.path, self.send)

    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer with nothing at all."""
        return web.Response(status=200)

    def scripted(self, rule: Rule) -> web.StreamResponse:
        """Answer with the fork's own error form."""
        return wire.answer({"error": rule.code or "ERR_SCRIPTED"}, status=rule.status, headers=rule.headers)

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Take a message, unless the fork would not."""
        token = self.token(request)
        if refusal := self.unauthorised(token):
            return refusal
        try:
            body = msgspec.json.decode(await request.read() or b"{}", type=dict[str, Any])
        except msgspec.MsgspecError:
            return _refuse(500, "Internal server error")
        read = self.read(body)
        if isinstance(read, web.Response):
            return read
        number, text = read
        return await self.take(request, Message(number, text, token or "", self.attempt_of(body)))

    def token(self, request: web.Request) -> str | None:
        """Return the token of a request."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        return token if kind == "Bearer" else None

    def unauthorised(self, token: str | None) -> web.Response | None:
        """Refuse a token."""
        if not token:
            return _refuse(401, "ERR_SESSION_EXPIRED")
        if token == "wrong":  # noqa: S105 - the one token that no fork takes
            return _refuse(403, "Invalid token. We'll try to assign a new one on next request")
        return None

    def attempt_of(self, _body: dict[str, Any]) -> str:
        """Return the attempt's id where the dialect carries it."""
        return ""

    def read(self, body: dict[str, Any]) -> tuple[str, str] | web.Response:
        """Return number and text of a request, or refuse it."""
        number = body.get("number")
        if not isinstance(number, str):
            return _refuse(500, "Internal server error")
        number = number.replace("-", "", 1).replace(" ", "", 1)
        if not re.fullmatch(r"[0-9]+", number):
            return _refuse(400, "Invalid number format. Only numbers is allowed.")
        text = _substituted(str(body.get("body", "")), number)
        return _refuse(400, "ERR_SENDING_WAPP_MSG") if text is None else (number, text)


class Canove(Whaticket):
    """whaticket-community."""

    name = "whaticket-canove"


class Flavio(Whaticket):
    """Answers as canove does."""

    name = "whaticket-flavio"


class Press(Whaticket):
    """Press Ticket: a user is wanted, the library's message comes back, and it limits how often it is asked."""

    name = "whaticket-press"
    presets: ClassVar = Whaticket.presets | {
        Preset.RATE_LIMITED: Effect(
            429,
            b"Too many requests, please try again later.",
            {"RateLimit-Reset": "420", "RateLimit-Remaining": "0"},
        ),
    }

    def routes(self, router: web.UrlDispatcher) -> None:
        """Add both routes."""
        router.add_post(self.path, self.send)
        router.add_post("/v1/messages/send", self.send)

    def token(self, request: web.Request) -> str | None:
        """Return the token; `/v1` has a header of its own."""
        return request.headers.get("x-api-token") if request.path.startswith("/v1/") else super().token(request)

    def read(self, body: dict[str, Any]) -> tuple[str, str] | web.Response:
        """Return number and text; a broken tag is sent as it is."""
        number = str(body.get("number", ""))
        if not re.fullmatch(r"[0-9]+", number):
            return _refuse(400, "Invalid number format. Only numbers is allowed.")
        if not body.get("userId"):
            return _refuse(400, "ERR_USER_ID_REQUIRED")
        text = str(body.get("body", ""))
        substituted = _substituted(text, number)
        return number, text if substituted is None else substituted

    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer with the library's message."""
        return wire.answer({"resp": {"id": {"_serialized": f"true_{seen.phone}@c.us_{seen.id}"}}})


class Ticketz(Whaticket):
    """ticketz queues, and names nothing but "queued": what fails later fails in silence."""

    name = "whaticket-ticketz"
    presets: ClassVar = {
        Preset.SESSION_DOWN: _error(500, "ERR_INTERNAL_ERROR"),
        Preset.NO_WHATSAPP: _error(500, "ERR_INTERNAL_ERROR"),
        Preset.TOKEN_EXPIRED: _error(401, "Acesso não permitido"),
        Preset.ACCOUNT_BLOCKED: _error(402, "ERR_SUBSCRIPTION_EXPIRED"),
        Preset.PAYLOAD_REFUSED: _error(400, "ERR_SYNTAX"),
        Preset.QUEUED_NOT_SENT: Effect(),
        Preset.NEVER_DELIVERED: Effect(),
    }

    def unauthorised(self, token: str | None) -> web.Response | None:
        """Refuse a token."""
        return None if token and token != "wrong" else _refuse(401, "Acesso não permitido")  # noqa: S105

    def read(self, body: dict[str, Any]) -> tuple[str, str] | web.Response:
        """Return number and text, verbatim; without a text it would send the word undefined."""
        if "number" not in body:
            return _refuse(400, "ERR_SYNTAX")
        if not isinstance(body["number"], str):
            return _refuse(500, "ERR_INTERNAL_ERROR")
        return body["number"], str(body.get("body", "undefined"))

    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer that it is in the queue."""
        return wire.answer({"mensagem": "Message added to queue"})


class Maurilio(Whaticket):
    """whaticketsaas: synchronous, errors in Portuguese."""

    name = "whaticket-maurilio"
    presets: ClassVar = {
        Preset.SESSION_DOWN: _error(400, "ERR_WAPP_NOT_INITIALIZED"),
        Preset.NO_WHATSAPP: _error(400, "ERR_CHECK_NUMBER"),
        Preset.TOKEN_EXPIRED: _error(401, "Acesso não permitido"),
        Preset.PAYLOAD_REFUSED: _error(400, "O número é obrigatório"),
        Preset.SENT_DESPITE_ERROR: _error(
            400, "Não foi possível enviar a mensagem, tente novamente em alguns instantes", delivered="now"
        ),
        Preset.NEVER_DELIVERED: Effect(),
    }

    def unauthorised(self, token: str | None) -> web.Response | None:
        """Refuse a token."""
        return None if token and token != "wrong" else _refuse(401, "Acesso não permitido")  # noqa: S105

    def read(self, body: dict[str, Any]) -> tuple[str, str] | web.Response:
        """Return number and text."""
        if not body.get("number"):
            return _refuse(400, "O número é obrigatório")
        number = str(body["number"])
        text = _substituted(str(body.get("body", "")), number)
        if text is None:
            return _refuse(400, "Não foi possível enviar a mensagem, tente novamente em alguns instantes")
        return number, text

    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer that it is sent."""
        return wire.answer({"mensagem": "Mensagem enviada"})


class Izing(Whaticket):
    """izing queues and reports by webhook; what cannot be sent now it goes on trying by itself."""

    name = "whaticket-izing"
    path = "/v1/api/external/{api}"
    presets: ClassVar = {
        Preset.TOKEN_EXPIRED: _error(403, "Invalid token."),
        Preset.PAYLOAD_REFUSED: _error(400, "externalKey is a required field"),
        Preset.QUEUED_NOT_SENT: Effect(),
        Preset.NEVER_DELIVERED: Effect(),
        Preset.FAILS_LATER: Effect(later="failed"),
        Preset.BURST_AFTER_RECONNECT: Effect(delivered="later"),
    }

    def unauthorised(self, token: str | None) -> web.Response | None:
        """Refuse a token."""
        if not token:
            return _refuse(403, "Token was not provided.")
        return _refuse(403, "Invalid token.") if token == "wrong" else None  # noqa: S105

    def attempt_of(self, body: dict[str, Any]) -> str:
        """Return `externalKey`, which comes back in every status."""
        return str(body["externalKey"])

    def read(self, body: dict[str, Any]) -> tuple[str, str] | web.Response:
        """Return number and text; unknown names in braces become nothing."""
        for name in ("body", "number", "externalKey"):
            if not body.get(name):
                return _refuse(400, f"{name} is a required field")
        return str(body["number"]), re.sub(r"\{\{\w*\}\}", "", str(body["body"]))

    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer that it is in the queue."""
        return wire.answer({"message": "Message add queue"})

    def webhook(self, seen: Seen, status: Status, code: str | None, hook: Hook) -> Posting:
        """Return a status; `code` `session` is the one of a session that is down."""
        ack = -2 if code == "session" else ACKS[status]
        body = {"ack": ack, "messageId": seen.id, "externalKey": seen.attempt_id, "type": "hookMessageStatus"}
        headers = {"Content-Type": "application/json", "authorization": hook.secret}
        return Posting(msgspec.json.encode(body), headers)


FORKS: Final = (Canove, Flavio, Press, Ticketz, Maurilio, Izing)

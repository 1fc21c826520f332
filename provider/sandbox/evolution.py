"""Evolution API 2.3.6, as it answers: for a phone's session, or for the Cloud API where a preset says so."""

import base64
import hashlib
import hmac
import re
from typing import Any, ClassVar, Final

import msgspec
from aiohttp import web

from provider.api import digits
from provider.sandbox import wire
from provider.sandbox.emulator import Effect, Emulator, Message
from provider.sandbox.faults import Preset, Rule
from provider.sandbox.ledger import Seen
from provider.sandbox.webhooks import Hook, Posting, Status

TOKEN_S: Final = 600
STATUSES: Final = {"server": "SERVER_ACK", "delivered": "DELIVERY_ACK", "read": "READ", "failed": "ERROR"}


def _error(status: int, message: Any, error: str = "Bad Request", **more: Any) -> Effect:
    return Effect(status, {"status": status, "error": error, "response": {"message": message}}, **more)


def _refuse(status: int, message: Any, error: str = "Bad Request") -> web.Response:
    body = {"status": status, "error": error, "response": {"message": message}}
    return wire.answer(body, status=status)


def _graph(code: int, details: str) -> Effect:
    """Return Graph's refusal as Evolution hands it on: with 201, and without its envelope."""
    error = {"message": f"(#{code}) {details}", "type": "OAuthException", "code": code, "fbtrace_id": "A1"}
    return Effect(201, error | {"error_data": {"messaging_product": "whatsapp", "details": details}})


class Evolution(Emulator):
    """Instances are whatever is asked for, but `nowhere`; keys are whatever comes, but `wrong`."""

    name = "evolution"
    presets: ClassVar = {
        Preset.SESSION_DOWN: _error(500, "Connection Closed", "Internal Server Error"),
        Preset.SESSION_NEVER_STARTED: _error(
            500, "Cannot read properties of undefined (reading 'onWhatsApp')", "Internal Server Error"
        ),
        Preset.NO_WHATSAPP: _error(
            400, [{"jid": "5511987654321@s.whatsapp.net", "exists": False, "number": "5511987654321"}]
        ),
        Preset.TOKEN_EXPIRED: _graph(190, "Error validating access token"),
        Preset.TEMPLATE_MISSING: _error(404, ['The "loja" instance does not exist'], "Not Found"),
        Preset.WINDOW_CLOSED: _graph(131047, "Re-engagement message"),
        Preset.PAIR_LIMIT: _graph(131056, "Pair rate limit hit"),
        Preset.RATE_LIMITED: _graph(130429, "Rate limit hit"),
        Preset.ACCOUNT_BLOCKED: _error(401, "Unauthorized", "Unauthorized"),
        Preset.SENDER_RESTRICTED: _error(400, ["Error: 463"]),
        Preset.PAYLOAD_REFUSED: _error(400, [['instance requires property "text"']]),
        Preset.ERROR_IN_SUCCESS: _graph(131047, "Re-engagement message"),
        Preset.EMPTY_ERROR: Effect(400, {}),
        Preset.SENT_DESPITE_ERROR: _error(400, ["Error: Timed Out"], delivered="now"),
        Preset.NEVER_DELIVERED: Effect(),
        Preset.FAILS_LATER: Effect(later="failed"),
    }

    def routes(self, router: web.UrlDispatcher) -> None:
        """Add the routes that an adapter or a client uses."""
        router.add_post("/message/sendText/{instance}", self.send)
        router.add_get("/instance/connectionState/{instance}", self.state)
        router.add_post("/chat/whatsappNumbers/{instance}", self.numbers)
        router.add_post("/webhook/set/{instance}", self.set_webhook)
        router.add_get("/webhook/find/{instance}", self.find_webhook)

    def message_id(self, message: Message, count: int) -> str:
        """Return an id as WhatsApp's clients make them."""
        return f"3EB0{count:018X}"

    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer with the message as Baileys has it: pending, whatever comes of it."""
        body = {
            "key": {"remoteJid": self._jid(seen.to), "fromMe": True, "id": seen.id},
            "pushName": "",
            "status": "PENDING",
            "message": {"conversation": seen.body},
            "messageType": "conversation",
            "messageTimestamp": seen.at_ms // 1000,
            "instanceId": seen.channel,
            "source": "web",
        }
        return wire.answer(body, status=201)

    def scripted(self, rule: Rule) -> web.StreamResponse:
        """Answer in Evolution's error form."""
        return _refuse(rule.status, [rule.code or "Error: scripted"], "Bad Request")

    def webhook(self, seen: Seen, status: Status, code: str | None, hook: Hook) -> Posting:
        """Return `messages.update` with the token that Evolution makes of its `jwt_key`."""
        now_s = self.control.clock.now_ms() // 1000
        body = {
            "event": "messages.update",
            "instance": seen.channel,
            "data": {
                "messageId": f"db{seen.n}",
                "keyId": seen.id,
                "remoteJid": self._jid(seen.to),
                "fromMe": True,
                "participant": "",
                "status": STATUSES[status],
                "instanceId": seen.channel,
            },
            "destination": hook.url,
            "date_time": "2026-01-01T00:00:00.000Z",
            "sender": "551130611234@s.whatsapp.net",
            "server_url": "http://localhost:8080",
            "apikey": "never-log-this",
        }
        headers = {"Content-Type": "application/json"}
        if hook.secret:
            headers["Authorization"] = f"Bearer {_token(hook.secret, now_s)}"
        return Posting(msgspec.json.encode(body), headers)

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Take a text, in the order in which Evolution looks at a request."""
        if refusal := self._guarded(request):
            return refusal
        try:
            body = msgspec.json.decode(await request.read(), type=dict[str, Any])
        except msgspec.MsgspecError:
            return _refuse(400, "Unexpected token", "Internal Server Error")
        for name in ("number", "text"):
            if name not in body:
                return _refuse(400, [[f'instance requires property "{name}"']])
        number, text = body["number"], body["text"]
        if not isinstance(number, str) or not isinstance(text, str):
            return _refuse(400, [["Invalid format"]])
        if not isinstance(body.get("delay", 0), int):
            return _refuse(400, [["Enter a value in milliseconds"]])
        if not text.strip():
            return _refuse(400, ["Text is required"])
        return await self.take(request, Message(number, text, request.match_info["instance"]))

    async def state(self, request: web.Request) -> web.StreamResponse:
        """Tell an instance's state."""
        if refusal := self._guarded(request):
            return refusal
        name = request.match_info["instance"]
        state = "open" if self.control.health(name).ok else "close"
        return wire.answer({"instance": {"instanceName": name, "state": state}})

    async def numbers(self, request: web.Request) -> web.StreamResponse:
        """Look numbers up."""
        if refusal := self._guarded(request):
            return refusal
        if not self.control.health(request.match_info["instance"]).ok:
            return wire.answer({}, status=400)
        body = msgspec.json.decode(await request.read(), type=dict[str, Any])
        if not isinstance(body.get("numbers"), list):
            wrong = {"status": 400, "error": "Bad Request", "message": [['instance requires property "numbers"']]}
            return wire.answer(wrong, status=400)
        found = [(each, self.control.address_of(str(each))) for each in body["numbers"]]
        return wire.answer(
            [
                {"jid": f"{address or digits(str(each))}@s.whatsapp.net", "exists": bool(address), "number": each}
                for each, address in found
            ]
        )

    async def set_webhook(self, request: web.Request) -> web.StreamResponse:
        """Set the instance's webhook."""
        if refusal := self._guarded(request):
            return refusal
        body = msgspec.json.decode(await request.read(), type=dict[str, dict[str, Any]])
        wanted = body["webhook"]
        secret = wanted.get("headers", {}).get("jwt_key", "")
        self.control.webhooks.hook = Hook(url=wanted["url"], secret=secret) if wanted["enabled"] else None
        return wire.answer({"webhook": wanted, "id": "1"}, status=201)

    async def find_webhook(self, request: web.Request) -> web.StreamResponse:
        """Tell the instance's webhook: null when it has none."""
        if refusal := self._guarded(request):
            return refusal
        hook = self.control.webhooks.hook
        if hook is None:
            return wire.answer(None)
        return wire.answer(
            {
                "id": "1",
                "enabled": True,
                "url": hook.url,
                "headers": {"jwt_key": hook.secret} if hook.secret else None,
            }
        )

    def _guarded(self, request: web.Request) -> web.Response | None:
        if request.headers.get("apikey", "wrong") == "wrong":
            return _refuse(401, "Unauthorized", "Unauthorized")
        instance = request.match_info["instance"]
        if instance == "nowhere":
            return _refuse(404, [f'The "{instance}" instance does not exist'], "Not Found")
        return None

    def _jid(self, number: str) -> str:
        if re.search(r"@(s\.whatsapp\.net|lid|g\.us)$", number):
            return number
        return f"{self.control.address_of(number) or digits(number)}@s.whatsapp.net"


def _token(key: str, now_s: int) -> str:
    """Return the JWT (HS256) that Evolution sends, made by hand: the adapter reads it with a library."""

    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    head = part(b'{"alg":"HS256","typ":"JWT"}')
    claims = {"app": "evolution", "action": "webhook", "iat": now_s, "exp": now_s + TOKEN_S}
    signed = head + b"." + part(msgspec.json.encode(claims))
    signature = part(hmac.new(key.encode(), signed, hashlib.sha256).digest())
    return (signed + b"." + signature).decode()

"""An Apprise API server as it answers: one word for all services, nothing that names a message.

Its services are phones: the last number in a tag or in an address says which. A request that names no number finds
no service.
"""

import re
from typing import Any, ClassVar, Final

import msgspec
from aiohttp import web

from provider.sandbox import wire
from provider.sandbox.emulator import Effect, Emulator, Message
from provider.sandbox.faults import Preset
from provider.sandbox.ledger import Seen

KEY_HEADER: Final = "X-Apprise-Config-ID"
STATELESS: Final = "stateless"
"""What the ledger calls the channel of a request that brings its own addresses."""
_KEY: Final = re.compile(r"[\w-]{1,128}", re.ASCII)
_NUMBER: Final = re.compile(r"\d{8,15}(?!.*\d{8})", re.DOTALL)
_NOT_ALL: Final = "One or more notification could not be sent"


def _error(status: int, error: str) -> Effect:
    return Effect(status, {"error": error})


def _not_all(level: str, line: str) -> Effect:
    return Effect(424, {"error": _NOT_ALL, "details": [[level, "2026-11-22 12:00:00,000", line]]})


_NO_SERVICE: Final = _not_all("WARNING", "There are no service(s) to notify")
_FAILED: Final = _not_all("WARNING", "Failed to send notification: error=502.")


class AppriseServer(Emulator):
    """An Apprise API server with every configuration stored, which asks nobody who they are."""

    name = "apprise"
    presets: ClassVar = {
        Preset.SESSION_DOWN: _FAILED,
        Preset.SESSION_NEVER_STARTED: Effect(204, b""),
        Preset.NO_WHATSAPP: _NO_SERVICE,
        Preset.TOKEN_EXPIRED: _error(401, "Access Denied"),
        Preset.ACCOUNT_BLOCKED: _error(403, "The site has been configured to deny this request"),
        Preset.PAYLOAD_REFUSED: _error(400, "Payload lacks minimum requirements"),
        Preset.SERVICE_DOWN: _error(500, "An error occurred accessing configuration"),
        Preset.SENT_DESPITE_ERROR: Effect(_FAILED.status, _FAILED.body, delivered="now"),
        Preset.NEVER_DELIVERED: Effect(),
    }

    def routes(self, router: web.UrlDispatcher) -> None:
        """Add the server's routes."""
        router.add_post("/notify", self.notify)
        router.add_post("/notify/", self.notify)
        router.add_post("/notify/{key}", self.notify)
        router.add_get("/status", self.status)

    def accepted(self, seen: Seen) -> web.StreamResponse:
        """Answer with the log that goes with a success; it names neither message nor service."""
        logged = ["INFO", "2026-11-22 12:00:00,000", "Sent notification."]
        return wire.answer({"error": None, "details": [logged]})

    async def notify(self, request: web.Request) -> web.StreamResponse:
        """`POST /notify` with addresses or the key in a header, `POST /notify/{key}`; JSON or a form."""
        key = request.match_info.get("key") or request.headers.get(KEY_HEADER, "").strip()
        if key and not _KEY.fullmatch(key):
            return _refuse(400, "The X-Apprise-Config-ID header provided is invalid")
        try:
            sent = await _payload(request)
        except (msgspec.MsgspecError, ValueError):
            return _refuse(400, "Invalid JSON Payload provided")
        urls = sent.get("urls")
        if not isinstance(sent.get("body"), str) or not sent["body"]:
            return _refuse(400, "Payload lacks minimum requirements")
        if urls is not None and not isinstance(urls, str):
            return _refuse(400, "The urls field must be a string or list of strings")
        stateless = urls is not None and "key" not in request.match_info
        if not stateless and not key:
            return web.Response(status=204)
        number = _NUMBER.search(urls or "" if stateless else _tags(sent))
        if number is None:
            if stateless and "://" not in (urls or ""):
                return web.Response(status=204)
            return wire.answer(_NO_SERVICE.body, status=424)
        title = sent.get("title")
        body = f"{title}\n{sent['body']}" if isinstance(title, str) and title else sent["body"]
        return await self.take(request, Message(number[0], body, STATELESS if stateless else key))

    async def status(self, request: web.Request) -> web.StreamResponse:
        """`GET /status`: whether the server can write its own files."""
        if "json" not in request.headers.get("Accept", ""):
            return web.Response(text="OK")
        storage = {
            "persistent_storage": True,
            "can_write_config": True,
            "can_write_attach": True,
            "details": ["OK"],
        }
        return wire.answer(
            {"config_lock": False, "attach_lock": False, "stateful_enabled": True, "status": storage}
        )


async def _payload(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        return msgspec.json.decode(await request.read(), type=dict[str, Any])
    form = await request.post()
    return {name: " ".join(map(str, form.getall(name))) for name in form}


def _tags(sent: dict[str, Any]) -> str:
    tags = sent.get("tag") or sent.get("tags") or ""
    return tags if isinstance(tags, str) else " ".join(map(str, tags))


def _refuse(status: int, error: str) -> web.Response:
    return wire.answer({"error": error}, status=status)

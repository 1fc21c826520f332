"""What the emulators do to connections: answers in JSON, broken ones, and nobody but this machine let in."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from provider.sandbox.faults import Rule

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HUGE: Final = 1024 * 1024
LOCAL: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
SECURITY: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an answer in JSON; bytes are taken as they are."""
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


async def read(request: web.Request, kind: type[T]) -> T:
    """Return a request's body as `kind`; refuse anything else in the form of the control routes."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="application/json is wanted")
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.MsgspecError as error:
        raise bad_request(str(error)) from error


def bad_request(detail: str) -> web.HTTPBadRequest:
    """Return the refusal of a control route."""
    return web.HTTPBadRequest(
        text=msgspec.json.encode({"error": {"code": "bad_request", "detail": detail}}).decode(),
        content_type="application/json",
    )


async def misbehave(request: web.Request, rule: Rule) -> web.StreamResponse | None:
    """Do to the connection what a rule says; None when the rule is about the answer's content."""
    match rule.do:
        case "reset":
            return _reset(request)
        case "hang":
            await asyncio.Event().wait()  # until the client gives up, which cancels this handler
        case "malformed":
            return answer(b'{"id": "sandbox-', status=201)
        case "huge":
            return answer(b'{"id":"' + b"x" * HUGE + b'"}', status=201)
        case "status" if rule.raw is not None:
            return web.Response(status=rule.status, text=rule.raw, headers=rule.headers)
    return None


def _reset(request: web.Request) -> web.StreamResponse:
    """Break the connection with an RST, not with an orderly end."""
    transport = request.transport
    if transport:
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)  # goes nowhere


@web.middleware
async def local_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse names that only point here: a web page elsewhere must not reach the sandbox by DNS rebinding."""
    if request.host.rpartition(":")[0] not in LOCAL and request.host not in LOCAL:
        raise web.HTTPForbidden(text="ask for 127.0.0.1 or localhost")
    return await handler(request)


async def secure(_request: web.Request, response: web.StreamResponse) -> None:
    """Forbid the page everything that it does not need."""
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)

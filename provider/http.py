"""One pooled asynchronous HTTP client for all adapters, which knows whether a request has left.

No redirects (a gateway that moves is a configuration error, and a redirect leaks the token), no cookies, no proxy
from the environment, answers capped. Whether anything left decides between "try again" and "cannot be told".
"""

import asyncio
import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver

from provider.addresses import Allowed, Forbidden
from schemas.reasons import Rejection

ANSWER_LIMIT: Final = 64 * 1024
CONNECT_TIMEOUT_S: Final = 3.0
# Node servers close idle connections after 5 s. A request written into a connection that is just being closed
# has an unknown outcome, so ours are given up before.
KEEP_ALIVE_S: Final = 3.0
NAMES_S: Final = 10
# What no retry mends: a person has to change the channel, or the operator's allow-list.
CONFIGURATION: Final = frozenset({"address_forbidden", "url", "tls"})


class NotSent(Exception):
    """Nothing left this machine: trying again cannot double anything. `code` is short and free of addresses.

    `kind` is `PERMANENT_CONFIG` where a person has to change something first, else `TRANSIENT`.
    """

    def __init__(self, code: str, kind: Rejection = Rejection.TRANSIENT) -> None:
        super().__init__(code)
        self.code = code
        self.kind = kind


class Lost(Exception):
    """The request (or a part of it) left and no whole answer came; `http` is the status if that much arrived."""

    def __init__(self, code: str, http: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.http = http


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: at most `ANSWER_LIMIT` bytes of body, `truncated` when there were more."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    truncated: bool = False


async def _mark_left(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    progress = context.trace_request_ctx
    if isinstance(progress, _Progress):
        progress.left = True


@dataclass(slots=True)
class _Progress:
    left: bool = False
    status: int | None = None


class HttpClient:
    """A pool of connections, opened at the first request in the running loop (a new loop gets a new pool).

    Args:
        allowed: private networks in which gateways may be; without it only public addresses are connected.
        resolver: how host names become addresses; None is the system's.
        connections: at most so many at once, for all hosts; what waits for one has not left.
        names_s: how long a name's addresses are kept, in seconds.
    """

    def __init__(
        self,
        allowed: Allowed | None = None,
        resolver: AbstractResolver | None = None,
        connections: int = 256,
        names_s: int = NAMES_S,
    ) -> None:
        self._allowed = allowed or Allowed()
        self._resolver = resolver
        self._names_s = names_s
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        timeout_s: float,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request, exactly once, and return its answer whatever the status.

        Args:
            method: an HTTP method.
            url: absolute.
            timeout_s: for everything, from waiting for a connection to the answer's last byte.
            json: the body, as JSON.
            data: the body, as a form (one of both).
            headers: in addition to the usual ones.

        Raises:
            NotSent: no byte of it left.
            Lost: some of it left, and no whole answer came.
        """
        progress = _Progress()
        try:
            return await self._request(progress, method, url, timeout_s, json, data, headers)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            code = _code(error)
            if progress.left:
                raise Lost(code, progress.status) from error
            raise NotSent(code, _kind(code)) from error

    async def close(self) -> None:
        """Close all connections. The client may be used again afterwards."""
        session, self._session = self._session, None
        if session:
            await session.close()

    async def _request(
        self,
        progress: _Progress,
        method: str,
        url: str,
        timeout_s: float,
        json: Any,
        data: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(CONNECT_TIMEOUT_S, timeout_s))
        async with self._pool().request(
            method,
            url,
            json=json,
            data=data,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
            trace_request_ctx=progress,
        ) as response:
            progress.status = response.status
            body = bytearray()
            async for chunk in response.content.iter_chunked(16 * 1024):
                body += chunk
                if len(body) > ANSWER_LIMIT:
                    response.close()  # the rest is not worth the connection
                    break
            return Answer(
                response.status, dict(response.headers), bytes(body[:ANSWER_LIMIT]), len(body) > ANSWER_LIMIT
            )

    def _pool(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.closed or self._loop is not loop:
            self._loop = loop
            traces = aiohttp.TraceConfig()
            # Fired just before the first byte is written: at worst "not sent" is called "cannot be told".
            traces.on_request_headers_sent.append(_mark_left)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections,
                    keepalive_timeout=KEEP_ALIVE_S,
                    resolver=self._resolver,
                    # What is looked at is what is connected; a name is asked for again after a few seconds.
                    ttl_dns_cache=self._names_s,
                    use_dns_cache=self._names_s > 0,
                    socket_factory=self._allowed.open,
                ),
                # Compressed answers could grow beyond the cap while they are unpacked: ask for none, unpack none.
                headers={"Accept-Encoding": "identity", "User-Agent": "recado"},
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                trace_configs=[traces],
            )
        return self._session


def _kind(code: str) -> Rejection:
    return Rejection.PERMANENT_CONFIG if code in CONFIGURATION else Rejection.TRANSIENT


def _code(error: Exception) -> str:
    """Name an error for outcomes and metrics: few values, no host names."""
    match error:
        case asyncio.TimeoutError():
            return "timeout"
        case aiohttp.ClientConnectorDNSError():
            return "dns"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "tls"
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, Forbidden):
            return "address_forbidden"
        case aiohttp.ClientConnectorError():
            return "connect"
        case aiohttp.ServerDisconnectedError():
            return "reset"
        case OSError() if error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
            return "reset"
        case aiohttp.InvalidURL() | ValueError():
            return "url"
        case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError():
            return "protocol"
        case _:
            return "io"

"""One gateway's address with its headers: how adapters ask, and how what the network does becomes a result."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from provider.answers import ErrorTable, decode
from provider.api import Accepted, Health, Rejected, Result, Unknown
from provider.http import Answer, HttpClient, Lost, NotSent
from schemas.reasons import Rejection

T = TypeVar("T")
ASK_TIMEOUT_S: Final = 5.0
ATTEMPT_HEADER: Final = "X-Request-Id"
"""Carries the attempt's id, to be found in a gateway's or proxy's log. No gateway deduplicates by it."""

SILENCE: Final = {
    "dns": "the host name in its address is not known",
    "connect": "nothing listens at that host and port",
    "timeout": "it does not answer in time",
    "reset": "it breaks the connection",
    "protocol": "what answers does not speak HTTP",
}
"""What a person is told of `NotSent` and `Lost`, by their codes."""
_ADDRESS: Final = {
    "tls": "its certificate is not accepted",
    "url": "it is not one of HTTP",
}


class Endpoint:
    """Requests to one gateway.

    Args:
        http: the pool to use.
        url: absolute, without a trailing slash.
        headers: with every request (authentication).
    """

    def __init__(self, http: HttpClient, url: str, headers: Mapping[str, str] | None = None) -> None:
        self._http = http
        self._url = url
        self._headers = dict(headers or {})

    async def request(
        self,
        method: str,
        path: str,
        timeout_s: float = ASK_TIMEOUT_S,
        *,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request. Raises `NotSent` and `Lost` as `HttpClient.request`."""
        return await self._http.request(
            method,
            self._url + path,
            timeout_s=timeout_s,
            json=json,
            data=data,
            headers=self._headers | dict(headers or {}),
        )

    async def send(
        self,
        path: str,
        timeout_s: float,
        table: ErrorTable,
        attempt_id: str,
        *,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Result:
        """POST a message and tell what the answer means. Never raises for what network or gateway do."""
        named = {ATTEMPT_HEADER: attempt_id} | dict(headers or {})
        try:
            answer = await self.request("POST", path, timeout_s, json=json, data=data, headers=named)
        except NotSent as error:
            return Rejected(error.kind, error.code, scope="gateway")
        except Lost as error:
            return Unknown(error.code, error.http)
        result = table.classify(answer)
        if isinstance(result, Accepted) and not result.provider_message_id:
            return replace(result, provider_message_id=attempt_id)
        return result

    async def look(self, path: str, kind: type[T], *, method: str = "GET", json: Any = None) -> T | Health:
        """Ask something that changes nothing; return the answer as `kind`, else why there is none."""
        try:
            answer = await self.request(method, path, json=json)
        except (NotSent, Lost) as error:
            return unreachable(error)
        if answer.status in (401, 403):
            return Health(False, f"the gateway refuses the credentials (status {answer.status})", code="RCD-302")
        if not 200 <= answer.status < 300:
            if answer.status in (404, 405):
                detail = "'url' does not lead to this kind of gateway, or it has no such session"
                return Health(False, f"{detail} (status {answer.status})", code="RCD-306")
            return Health(False, f"the gateway answers with status {answer.status}", code="RCD-311")
        found = None if answer.truncated else decode(answer.body, kind)
        return Health(ok=False, detail="the gateway's answer cannot be read") if found is None else found


def unreachable(error: NotSent | Lost) -> Health:
    """Return what a channel's health is when its gateway gave no answer."""
    if error.code == "address_forbidden":
        detail = "the gateway's address is in a private network that is not allowed"
        return Health(ok=False, detail=detail, code="RCD-307")
    if isinstance(error, NotSent) and error.kind == Rejection.PERMANENT_CONFIG:
        return Health(
            False,
            f"the gateway's address cannot be used ({error.code}): {_ADDRESS.get(error.code, '')}",
            code="RCD-306",
        )
    detail = f"the gateway cannot be reached ({error.code}): {SILENCE.get(error.code, 'it gives no whole answer')}"
    return Health(ok=False, detail=detail, code="RCD-310")

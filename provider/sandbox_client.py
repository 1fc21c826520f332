"""The provider for the sandbox gateway (`provider.sandbox`): for the demo, tests and trying things out."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from provider.api import (
    Abilities,
    Accepted,
    Address,
    ChannelSettings,
    Health,
    ReceiptEvent,
    Rejected,
    Rendered,
    Result,
    Unknown,
)
from provider.http import Answer, HttpClient, Lost, NotSent
from schemas.errors import Invalid
from schemas.reasons import Rejection

T = TypeVar("T")
Scope = Literal["recipient", "sender", "account", "gateway"]
HEALTH_TIMEOUT_S: Final = 5.0
MAX_RETRY_AFTER_S: Final = 24 * 60 * 60


class _Sent(msgspec.Struct):
    id: str
    status: str = ""
    to: str | None = None


class _Problem(msgspec.Struct):
    code: str = ""
    kind: Rejection | None = None
    scope: Scope | None = None


class _Refusal(msgspec.Struct):
    error: _Problem


class _Health(msgspec.Struct):
    ok: bool
    detail: str = ""
    session_number: str | None = None


class _Receipts(msgspec.Struct):
    receipts: list["_ReceiptLine"]


class _ReceiptLine(msgspec.Struct):
    id: str
    status: Literal["server", "delivered", "read", "failed"]
    at_ms: int
    attempt_id: str | None = None
    code: str | None = None


_RANKS: Final = {"server": 1, "delivered": 2, "read": 3, "failed": -1}
# What a status means when the body does not say more.
_BY_STATUS: Final[dict[int, tuple[Rejection, Scope]]] = {
    400: (Rejection.PERMANENT_PAYLOAD, "recipient"),
    401: (Rejection.PERMANENT_CONFIG, "account"),
    403: (Rejection.PERMANENT_CONFIG, "account"),
    404: (Rejection.PERMANENT_CONFIG, "gateway"),
    405: (Rejection.PERMANENT_CONFIG, "gateway"),
    409: (Rejection.SESSION_DOWN, "sender"),
    410: (Rejection.PERMANENT_RECIPIENT, "recipient"),
    413: (Rejection.PERMANENT_PAYLOAD, "recipient"),
    415: (Rejection.PERMANENT_CONFIG, "gateway"),
    422: (Rejection.PERMANENT_PAYLOAD, "recipient"),
    429: (Rejection.THROTTLE_SENDER, "sender"),
}


class SandboxClient:
    """A channel of the sandbox gateway.

    Args:
        settings: `url` (http or https, required) and `token` (optional).
        http: the pool to use.

    Raises:
        Invalid: RCD-306, `url` is missing or no HTTP address.
    """

    abilities = Abilities()

    def __init__(self, settings: ChannelSettings, http: HttpClient) -> None:
        self._channel = settings.channel_id
        self._http = http
        self._url = _base_url(settings)
        token = settings.values.get("token", "")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def send(self, message: Rendered, to: Address, attempt_id: str, timeout_s: float) -> Result:
        """Send once; see `provider.api.Provider.send`."""
        body = {"to": to.value, "body": message.body, "attempt_id": attempt_id, "channel": self._channel}
        try:
            answer = await self._request("POST", "/v1/messages", timeout_s, body)
        except NotSent as error:
            return Rejected(Rejection.TRANSIENT, error.code, scope="gateway")
        except Lost as error:
            return Unknown(error.code, error.http)
        return classify(answer)

    async def health(self) -> Health:
        """Ask whether the channel can send."""
        try:
            answer = await self._request("GET", f"/v1/health/{quote(self._channel, safe='')}", HEALTH_TIMEOUT_S)
            if answer.status != 200 or answer.truncated:
                return Health(ok=False, detail=f"the gateway answers with status {answer.status}")
            found = msgspec.json.decode(answer.body, type=_Health)
        except (NotSent, Lost) as error:
            return Health(ok=False, detail=f"the gateway does not answer ({error.code})")
        except msgspec.MsgspecError:
            return Health(ok=False, detail="the gateway's answer cannot be read")
        return Health(found.ok, found.detail, found.session_number)

    async def exists(self, number: str) -> Address | None:
        """Not offered by the sandbox."""
        message = "the sandbox cannot look numbers up"
        raise NotImplementedError(message)

    def parse_receipt(self, headers: Mapping[str, str], raw: bytes) -> list[ReceiptEvent]:
        """Read the receipts that `GET /v1/receipts` lists.

        Raises:
            Invalid: RCD-306, not of this gateway.
        """
        try:
            found = msgspec.json.decode(raw, type=_Receipts)
        except msgspec.MsgspecError as error:
            detail = f"channel {self._channel}: not a receipt of the sandbox"
            raise Invalid("RCD-306", detail) from error
        return [
            ReceiptEvent(line.id, _RANKS[line.status], line.status, line.at_ms, line.attempt_id, line.code)
            for line in found.receipts
        ]

    async def _request(self, method: str, path: str, timeout_s: float, body: Any = None) -> Answer:
        return await self._http.request(
            method, self._url + path, timeout_s=timeout_s, json=body, headers=self._headers
        )


def classify(answer: Answer) -> Result:
    """Tell what an answer of the sandbox means.

    The body's `kind` wins over the status. A success without a readable id, and a server error that is not the
    gateway's own JSON (a proxy's page), leave open whether it was sent.
    """
    if 200 <= answer.status < 300:
        sent = None if answer.truncated else _decode(answer.body, _Sent)
        if sent is None or not sent.id:
            return Unknown("huge_answer" if answer.truncated else "malformed_answer", answer.status)
        return Accepted(sent.id, answer.status, sent.status, sent.to)
    if answer.status < 400:
        return Rejected(Rejection.PERMANENT_CONFIG, "redirect", answer.status, scope="gateway")
    refusal = None if answer.truncated else _decode(answer.body, _Refusal)
    problem = refusal.error if refusal else _Problem()
    kind, scope = _BY_STATUS.get(answer.status, (Rejection.PERMANENT_PAYLOAD, "gateway"))
    if answer.status >= 500:
        if refusal is None:
            return Unknown(f"http_{answer.status}", answer.status)
        kind, scope = Rejection.TRANSIENT, "gateway"
    return Rejected(
        kind=problem.kind or kind,
        code=problem.code or f"http_{answer.status}",
        http=answer.status,
        retry_after_ms=_retry_after_ms(answer.headers),
        scope=problem.scope or scope,
    )


def _decode(body: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError:
        return None


def _retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """Read `Retry-After`: seconds, or a date compared with the answer's own `Date` (our clock may differ)."""
    named = {name.casefold(): value for name, value in headers.items()}
    wanted = named.get("retry-after", "").strip()
    if wanted.isascii() and wanted.isdecimal():
        return min(int(wanted), MAX_RETRY_AFTER_S) * 1000
    try:
        seconds = (parsedate_to_datetime(wanted) - parsedate_to_datetime(named.get("date", ""))).total_seconds()
    except (TypeError, ValueError):
        return None
    return int(min(max(seconds, 0), MAX_RETRY_AFTER_S) * 1000)


def _base_url(settings: ChannelSettings) -> str:
    url = settings.values.get("url", "").strip().rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
        usable = usable and not (parts.query or parts.fragment) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        detail = f"channel {settings.channel_id}: 'url' must be like http://127.0.0.1:8099"
        raise Invalid("RCD-306", detail)
    return url

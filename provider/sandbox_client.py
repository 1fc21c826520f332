"""The provider for the sandbox gateway (`provider.sandbox`): for the demo, tests and trying things out."""

from collections.abc import Mapping
from typing import Final, Literal, get_args
from urllib.parse import quote

import msgspec

from provider.answers import ErrorTable, Row, Said, decode, example
from provider.api import (
    Abilities,
    Accepted,
    Address,
    ChannelSettings,
    Health,
    ReceiptEvent,
    Rendered,
    Result,
    Scope,
)
from provider.declaration import Declaration, Setting, base_url
from provider.endpoint import Endpoint
from provider.http import Answer, HttpClient
from schemas.errors import Invalid
from schemas.reasons import Rejection


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


class SandboxClient:
    """A channel of the sandbox gateway.

    Args:
        settings: see `DECLARATION`.
        http: the pool to use.

    Raises:
        Invalid: RCD-306, `url` is missing or no HTTP address.
    """

    abilities = Abilities()

    def __init__(self, settings: ChannelSettings, http: HttpClient) -> None:
        self._channel = settings.channel_id
        token = settings.values.get("token", "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._endpoint = Endpoint(http, base_url(settings), headers)

    async def send(self, message: Rendered, to: Address, attempt_id: str, timeout_s: float) -> Result:
        """Send once; see `provider.api.Provider.send`."""
        body = {"to": to.value, "body": message.body, "attempt_id": attempt_id, "channel": self._channel}
        return await self._endpoint.send("/v1/messages", timeout_s, ERRORS, attempt_id, json=body)

    async def health(self) -> Health:
        """Ask whether the channel can send."""
        found = await self._endpoint.look(f"/v1/health/{quote(self._channel, safe='')}", _Health)
        return found if isinstance(found, Health) else Health(found.ok, found.detail, found.session_number)

    async def exists(self, number: str) -> Address | None:
        """Not offered by the sandbox."""
        message = "the sandbox cannot look numbers up"
        raise NotImplementedError(message)

    def parse_receipt(self, headers: Mapping[str, str], raw: bytes) -> list[ReceiptEvent]:
        """Read the receipts that `GET /v1/receipts` lists.

        Raises:
            Invalid: RCD-306, not of this gateway.
        """
        found = decode(raw, _Receipts)
        if found is None:
            detail = f"channel {self._channel}: not a receipt of the sandbox"
            raise Invalid("RCD-306", detail)
        return [
            ReceiptEvent(line.id, _RANKS[line.status], line.status, line.at_ms, line.attempt_id, line.code)
            for line in found.receipts
        ]


def _accepted(answer: Answer) -> Accepted | None:
    sent = decode(answer.body, _Sent)
    return Accepted(sent.id, answer.status, sent.status, sent.to) if sent and sent.id else None


def _read(answer: Answer) -> Said | None:
    refusal = decode(answer.body, _Refusal)
    if refusal is None:
        return None
    problem = refusal.error
    return Said(problem.code, f"{problem.kind or ''}/{problem.scope or ''}")


_SCOPES: Final[dict[Rejection, Scope]] = {
    Rejection.PERMANENT_RECIPIENT: "recipient",
    Rejection.PERMANENT_PAYLOAD: "recipient",
    Rejection.PERMANENT_CONFIG: "account",
    Rejection.THROTTLE_PAIR: "recipient",
    Rejection.THROTTLE_SENDER: "sender",
    Rejection.THROTTLE_APP: "account",
    Rejection.WINDOW_CLOSED: "recipient",
    Rejection.SESSION_DOWN: "sender",
    Rejection.TRANSIENT: "gateway",
    Rejection.RESTRICTED: "sender",
}


def _refusal(kind: Rejection, scope: Scope | None) -> Row:
    """Return the row for a refusal that names its own kind, and perhaps its scope: scripted faults do."""
    body = {"error": {"code": "131047", "kind": kind} | ({"scope": scope} if scope else {})}
    return Row(kind, scope or _SCOPES[kind], text=f"^{kind}/{scope or ''}$", examples=(example(500, body),))


ERRORS: Final = ErrorTable(
    "sandbox",
    _accepted,
    _read,
    tuple(_refusal(kind, scope) for kind in Rejection for scope in (None, *get_args(Scope))),
)

DECLARATION: Final = Declaration(
    "sandbox",
    "Sandbox",
    SandboxClient,
    (
        Setting("url", "Address of the sandbox gateway.", "Endereço do gateway de testes.", required=True),
        Setting("token", "Sent as a bearer token.", "Enviado como token.", secret=True),
    ),
    SandboxClient.abilities,
    (ERRORS,),
)

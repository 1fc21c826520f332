"""The provider for WPPConnect server.

Two of its habits decide this adapter: a session that is down is a 404, and a number that it believes not to exist
is a 400 *after which it goes on and may send*. So that 400 alone proves nothing: the number is looked up again.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from provider.answers import UNKNOWN, ErrorTable, Row, Said, decode, example
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
    digits,
)
from provider.declaration import Declaration, Setting, base_url, refused
from provider.endpoint import Endpoint
from provider.http import Answer, HttpClient
from schemas.reasons import Rejection

DOUBTFUL: Final = "number_doubtful"


class _Id(msgspec.Struct):
    serialized: str = msgspec.field(name="_serialized", default="")


class _Sent(msgspec.Struct):
    id: str | _Id


class _Taken(msgspec.Struct):
    response: list[_Sent]
    status: str = ""


class _Refusal(msgspec.Struct):
    status: str | bool | None = None
    message: str | None = None
    error: str | None = None


class _Session(msgspec.Struct):
    status: bool
    message: str = ""


class _Number(msgspec.Struct):
    exists: bool = msgspec.field(name="numberExists")
    id: _Id = msgspec.field(default_factory=_Id)


class _Checked(msgspec.Struct):
    response: _Number


class _Ack(msgspec.Struct):
    """A webhook; `t` is epoch seconds."""

    event: str
    session: str = ""
    id: str | _Id = ""
    ack: int | None = None
    t: int = 0


_STATES: Final = {1: "server", 2: "delivered", 3: "read", 4: "played"}


class WppConnect:
    """A session of a WPPConnect server.

    Args:
        settings: see `DECLARATION`.
        http: the pool to use.

    Raises:
        Invalid: RCD-306, `url` is no HTTP address.
    """

    abilities = Abilities(receipts=True, exists_check=True)

    def __init__(self, settings: ChannelSettings, http: HttpClient) -> None:
        self._settings = settings
        self._session = settings.values.get("session", "").strip()
        headers = {"Authorization": f"Bearer {settings.values.get('token', '').strip()}"}
        self._endpoint = Endpoint(http, f"{base_url(settings)}/api/{quote(self._session, safe='')}", headers)

    async def send(self, message: Rendered, to: Address, attempt_id: str, timeout_s: float) -> Result:
        """Send once; see `provider.api.Provider.send`."""
        phone = to.digits
        body = {"phone": phone, "message": message.body, "isGroup": False, "isNewsletter": False, "isLid": False}
        result = await self._endpoint.send("/send-message", timeout_s, ERRORS, attempt_id, json=body)
        if isinstance(result, Unknown) and result.code == DOUBTFUL and await self._missing(phone):
            return Rejected(Rejection.PERMANENT_RECIPIENT, "no_whatsapp", result.http, scope="recipient")
        return result

    async def health(self) -> Health:
        """Ask whether the session is connected."""
        found = await self._endpoint.look("/check-connection-session", _Session)
        if isinstance(found, Health):
            return found
        return Health(found.status, found.message.casefold() or ("connected" if found.status else "disconnected"))

    async def exists(self, number: str) -> Address | None:
        """Ask WhatsApp for a number; the number itself, as E.164, when the gateway cannot tell."""
        found = await self._check(digits(number))
        if found is None:
            return Address(number)
        return Address(digits(found.id.serialized) or digits(number), "lookup") if found.exists else None

    def parse_receipt(self, headers: Mapping[str, str], raw: bytes) -> list[ReceiptEvent]:
        """Read a webhook of this session. It is not signed; its path is the secret.

        Raises:
            Invalid: RCD-306, not of this gateway, or of another session.
        """
        del headers
        found = decode(raw, _Ack)
        if found is None or (found.session and found.session != self._session):
            raise refused(self._settings, "not a webhook of this WPPConnect session")
        name = found.id if isinstance(found.id, str) else found.id.serialized
        if found.event != "onack" or not name or not found.ack:
            return []
        rank = -1 if found.ack < 0 else min(found.ack, 3)
        state = _STATES.get(found.ack, "failed" if rank < 0 else "read")
        return [ReceiptEvent(name, rank, state, found.t * 1000, code=str(found.ack) if rank < 0 else None)]

    async def _check(self, phone: str) -> _Number | None:
        found = await self._endpoint.look(f"/check-number-status/{phone}", _Checked)
        return None if isinstance(found, Health) else found.response

    async def _missing(self, phone: str) -> bool:
        found = await self._check(phone)
        return found is not None and not found.exists


def _accepted(answer: Answer) -> Accepted | None:
    taken = decode(answer.body, _Taken)
    if taken is None or not taken.response:
        return None
    first = taken.response[0].id
    name = first if isinstance(first, str) else first.serialized
    return Accepted(name, answer.status, taken.status) if name else None


def _read(answer: Answer) -> Said | None:
    refusal = decode(answer.body, _Refusal)
    if refusal is None or not (refusal.message or refusal.error):
        return None
    return Said(str(refusal.status or ""), refusal.message or refusal.error or "")


DOWN: Final = {"response": None, "status": "Disconnected", "message": "A sessão do WhatsApp não está ativa."}
ERRORS: Final = ErrorTable(
    "wppconnect",
    _accepted,
    _read,
    (
        Row(
            Rejection.PERMANENT_CONFIG,
            "account",
            "unauthorized",
            statuses=(401,),
            examples=(
                example(401, {"message": "Token is not present. Check your header and try again"}),
                example(401, {"error": "Check that the Session and Token are correct"}),
            ),
        ),
        Row(
            Rejection.SESSION_DOWN,
            "sender",
            "session_down",
            statuses=(404,),
            codes=("Disconnected",),
            examples=(example(404, DOWN),),
        ),
        Row(
            UNKNOWN,
            "recipient",
            DOUBTFUL,
            statuses=(400,),
            codes=("Connected",),
            examples=(
                example(
                    400, {"response": None, "status": "Connected", "message": "O número 5511900000000 não existe."}
                ),
            ),
        ),
        Row(
            UNKNOWN,
            "sender",
            "send_failed",
            statuses=(500,),
            codes=("Error", "error"),
            examples=(example(500, {"status": "Error", "message": "Erro ao enviar a mensagem."}),),
        ),
    ),
)

DECLARATION: Final = Declaration(
    "wppconnect",
    "WPPConnect",
    WppConnect,
    (
        Setting("url", "Address of the server.", "Endereço do servidor.", required=True),
        Setting("session", "Name of the session.", "Nome da sessão.", required=True),
        Setting(
            "token", "Token of the session (generate-token).", "Token da sessão (generate-token).",
            required=True, secret=True,
        ),
    ),
    WppConnect.abilities,
    (ERRORS,),
)  # fmt: skip

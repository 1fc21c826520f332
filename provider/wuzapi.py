"""The provider for WuzAPI, a gateway in Go: the only one whose clients choose the message's id on WhatsApp.

Sending again with the same id is the nearest thing to a key of idempotency that any gateway has: phones show a
message of a known id once. It is not a documented guarantee, so an unknown attempt stays unknown.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from provider.answers import UNKNOWN, ErrorTable, Row, Said, decode, example
from provider.api import (
    Abilities,
    Accepted,
    Address,
    ChannelSettings,
    Health,
    ReceiptEvent,
    Rendered,
    Result,
    digits,
)
from provider.declaration import Declaration, Setting, base_url, refused
from provider.endpoint import Endpoint
from provider.http import Answer, HttpClient
from schemas.reasons import Rejection


class _Sent(msgspec.Struct):
    id: str = msgspec.field(name="Id", default="")
    details: str = msgspec.field(name="Details", default="")


class _Taken(msgspec.Struct):
    data: _Sent
    success: bool = True


class _Refusal(msgspec.Struct):
    error: str
    success: bool = False


class _Session(msgspec.Struct):
    """The status of a session; releases differ in the case of the names."""

    connected: bool = msgspec.field(name="Connected", default=False)
    logged_in: bool = msgspec.field(name="LoggedIn", default=False)
    connected_too: bool = msgspec.field(name="connected", default=False)
    logged_in_too: bool = msgspec.field(name="loggedIn", default=False)
    jid: str = ""


class _Status(msgspec.Struct):
    data: _Session


class _User(msgspec.Struct):
    exists: bool = msgspec.field(name="IsInWhatsapp")
    jid: str = msgspec.field(name="JID", default="")


class _Users(msgspec.Struct):
    users: list[_User] = msgspec.field(name="Users")


class _Found(msgspec.Struct):
    data: _Users


class _Receipt(msgspec.Struct):
    ids: list[str] = msgspec.field(name="MessageIDs")
    at: str = msgspec.field(name="Timestamp", default="")


class _Event(msgspec.Struct):
    type: str
    event: msgspec.Raw = msgspec.Raw(b"null")
    state: str = ""


_RANKS: Final = {"Delivered": 2, "Read": 3}


class WuzApi:
    """A user of a WuzAPI server.

    Args:
        settings: see `DECLARATION`.
        http: the pool to use.

    Raises:
        Invalid: RCD-306, `url` is no HTTP address.
    """

    abilities = Abilities(receipts=True, exists_check=True, client_id=True)

    def __init__(self, settings: ChannelSettings, http: HttpClient) -> None:
        self._settings = settings
        self._endpoint = Endpoint(http, base_url(settings), {"Token": settings.values.get("token", "")})

    async def send(self, message: Rendered, to: Address, attempt_id: str, timeout_s: float) -> Result:
        """Send once; see `provider.api.Provider.send`."""
        body = {"Phone": _phone(to.value), "Body": message.body, "Id": message_id(attempt_id)}
        return await self._endpoint.send("/chat/send/text", timeout_s, ERRORS, attempt_id, json=body)

    def message_id(self, attempt_id: str) -> str:
        """Return the id that an attempt has on WhatsApp: the same for each time that it is sent."""
        return message_id(attempt_id)

    async def health(self) -> Health:
        """Ask whether the session is connected and logged in."""
        found = await self._endpoint.look("/session/status", _Status)
        if isinstance(found, Health):
            return found
        session = found.data
        number = "+" + _digits(session.jid) if _digits(session.jid) else None
        if not (session.connected or session.connected_too):
            return Health(ok=False, detail="the session is not connected", session_number=number)
        if not (session.logged_in or session.logged_in_too):
            return Health(ok=False, detail="the session waits for its QR code", session_number=number)
        return Health(ok=True, detail="connected", session_number=number)

    async def exists(self, number: str) -> Address | None:
        """Ask WhatsApp for a number; the number itself, as E.164, when the gateway cannot tell."""
        asked = {"Phone": [_phone(number)]}
        found = await self._endpoint.look("/user/check", _Found, method="POST", json=asked)
        if isinstance(found, Health) or not found.data.users:
            return Address(number)
        user = found.data.users[0]
        return Address(_digits(user.jid) or _digits(number), "lookup") if user.exists else None

    def parse_receipt(self, headers: Mapping[str, str], raw: bytes) -> list[ReceiptEvent]:
        """Read a webhook: JSON, or a form whose `jsonData` is JSON. It is not signed; its path is the secret.

        Raises:
            Invalid: RCD-306, not of this gateway.
        """
        event = decode(_json_of(headers, raw), _Event)
        if event is None:
            raise refused(self._settings, "not a webhook of WuzAPI")
        rank = _RANKS.get(event.state)
        receipt = decode(bytes(event.event), _Receipt) if event.type == "ReadReceipt" and rank else None
        if receipt is None or rank is None:
            return []
        return [ReceiptEvent(each, rank, event.state.casefold(), _at_ms(receipt.at)) for each in receipt.ids]


def message_id(attempt_id: str) -> str:
    """Return the id that an attempt has on WhatsApp: the same for each time that it is sent."""
    return "3EB0" + hashlib.sha256(attempt_id.encode()).hexdigest()[:18].upper()


def _json_of(headers: Mapping[str, str], raw: bytes) -> bytes:
    kind = next((value for name, value in headers.items() if name.casefold() == "content-type"), "")
    if "form" not in kind:
        return raw
    try:
        fields: dict[str, Any] = parse_qs(raw.decode(), max_num_fields=8)
    except ValueError:
        return b""
    return str(fields.get("jsonData", [""])[0]).encode()


def _at_ms(time: str) -> int:
    """Return a time of the gateway's as epoch ms; 0 (older than anything) when it cannot be read."""
    try:
        return int(datetime.fromisoformat(time).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0


def _digits(number: str) -> str:
    """Return a number's digits; a jid's may be followed by the number of the device."""
    return digits(number.partition(":")[0])


def _phone(address: str) -> str:
    """Return an address as the gateway wants it: a jid as it is, else digits."""
    return address if "@" in address else _digits(address)


def _accepted(answer: Answer) -> Accepted | None:
    taken = decode(answer.body, _Taken)
    if taken is None or not taken.success or not taken.data.id:
        return None
    return Accepted(taken.data.id, answer.status, taken.data.details)


def _read(answer: Answer) -> Said | None:
    refusal = decode(answer.body, _Refusal)
    return Said(text=refusal.error) if refusal is not None and not refusal.success else None


def _says(status: int, error: str) -> Answer:
    return example(status, {"code": status, "success": False, "error": error})


ERRORS: Final = ErrorTable(
    "wuzapi",
    _accepted,
    _read,
    (
        Row(
            Rejection.PERMANENT_CONFIG,
            "account",
            "unauthorized",
            statuses=(401, 403),
            examples=(_says(401, "Unauthorized"),),
        ),
        Row(
            Rejection.RESTRICTED,
            "sender",
            "463",
            text=r"error:? 463",
            examples=(_says(500, "Error sending message: server returned error 463"),),
        ),
        Row(
            Rejection.THROTTLE_SENDER,
            "sender",
            "429",
            text=r"error:? 429|rate.?overlimit",
            examples=(_says(500, "Error sending message: server returned error 429"),),
        ),
        Row(
            Rejection.SESSION_DOWN,
            "sender",
            "session_down",
            text=r"no session|not connected|not logged in|device JID",
            examples=(
                _says(500, "No session"),
                _says(500, "Error sending message: websocket not connected"),
                _says(500, "Error sending message: the store doesn't contain a device JID"),
            ),
        ),
        Row(
            Rejection.PERMANENT_RECIPIENT,
            "recipient",
            "no_whatsapp",
            text=r"could not parse phone|not (registered|on whatsapp)",
            examples=(_says(400, "Could not parse Phone"),),
        ),
        Row(
            Rejection.PERMANENT_PAYLOAD,
            "recipient",
            "payload",
            statuses=(400,),
            examples=(_says(400, "Missing Phone in Payload"), _says(400, "Could not decode Payload")),
        ),
        # It fails on the way to WhatsApp or on the way back; nothing tells which.
        Row(
            UNKNOWN,
            "sender",
            "send_failed",
            text=r"^error sending message",
            examples=(_says(500, "Error sending message: context deadline exceeded"),),
        ),
    ),
)

DECLARATION: Final = Declaration(
    "wuzapi",
    "WuzAPI",
    WuzApi,
    (
        Setting("url", "Address of the WuzAPI server.", "Endereço do servidor WuzAPI.", required=True),
        Setting("token", "Token of the WuzAPI user.", "Token do usuário do WuzAPI.", required=True, secret=True),
    ),
    WuzApi.abilities,
    (ERRORS,),
)

"""The provider for Z-API, a hosted gateway with a queue of its own.

It takes messages while its phone is offline and lets them all go when the phone is back, so what it accepts is only
queued, and its health asks for the phone too. Answers are those of its documentation; its errors are known by their
words alone.
"""

from collections.abc import Mapping
from typing import Final
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
    digits,
)
from provider.declaration import Declaration, Setting, base_url, refused
from provider.endpoint import Endpoint
from provider.http import Answer, HttpClient
from schemas.reasons import Rejection


class _Taken(msgspec.Struct):
    message_id: str = msgspec.field(name="messageId", default="")
    zaap_id: str = msgspec.field(name="zaapId", default="")


class _Refusal(msgspec.Struct):
    error: str | bool = ""
    message: str = ""


class _Status(msgspec.Struct):
    connected: bool
    smartphone: bool = msgspec.field(name="smartphoneConnected", default=True)
    error: str | None = None


class _Exists(msgspec.Struct):
    exists: bool | str
    phone: str = ""


class _Callback(msgspec.Struct):
    """A status; `momment` (sic) is epoch ms."""

    type: str
    status: str = ""
    ids: list[str] = []
    momment: int = 0
    instance: str = msgspec.field(name="instanceId", default="")


_RANKS: Final = {"SENT": 1, "RECEIVED": 2, "READ": 3, "PLAYED": 3}


class ZApi:
    """An instance of Z-API.

    Args:
        settings: see `DECLARATION`.
        http: the pool to use.

    Raises:
        Invalid: RCD-306, `url` is no HTTP address.
    """

    abilities = Abilities(receipts=True, exists_check=True)

    def __init__(self, settings: ChannelSettings, http: HttpClient) -> None:
        self._settings = settings
        self._instance = settings.values.get("instance", "").strip()
        token = settings.values.get("token", "").strip()
        account = settings.values.get("client_token", "").strip()
        url = base_url(settings, default=DEFAULT_URL)
        self._endpoint = Endpoint(
            http,
            f"{url}/instances/{quote(self._instance, safe='')}/token/{quote(token, safe='')}",
            {"Client-Token": account} if account else {},
        )

    async def send(self, message: Rendered, to: Address, attempt_id: str, timeout_s: float) -> Result:
        """Send once; see `provider.api.Provider.send`."""
        body = {"phone": to.digits, "message": message.body}
        return await self._endpoint.send("/send-text", timeout_s, ERRORS, attempt_id, json=body)

    async def health(self) -> Health:
        """Ask whether the session is connected, and its phone too: without it messages only pile up."""
        found = await self._endpoint.look("/status", _Status)
        if isinstance(found, Health):
            return found
        if not found.connected:
            return Health(ok=False, detail="the session is not connected")
        if not found.smartphone:
            return Health(
                ok=False, detail="the phone is offline; Z-API would keep messages and send them all later"
            )
        return Health(ok=True, detail="connected")

    async def exists(self, number: str) -> Address | None:
        """Ask WhatsApp for a number; the number itself, as E.164, when the gateway cannot tell."""
        found = await self._endpoint.look(f"/phone-exists/{digits(number)}", _Exists)
        if isinstance(found, Health):
            return Address(number)
        if str(found.exists).casefold() != "true":
            return None
        return Address(digits(found.phone) or digits(number), "lookup")

    def parse_receipt(self, headers: Mapping[str, str], raw: bytes) -> list[ReceiptEvent]:
        """Read a webhook of this instance. It is not signed; its path is the secret.

        Raises:
            Invalid: RCD-306, not of this gateway, or of another instance.
        """
        del headers
        found = decode(raw, _Callback)
        if found is None or (found.instance and found.instance != self._instance):
            raise refused(self._settings, "not a webhook of this Z-API instance")
        rank = _RANKS.get(found.status)
        if found.type != "MessageStatusCallback" or rank is None:
            return []
        return [ReceiptEvent(each, rank, found.status.casefold(), found.momment) for each in found.ids]

    async def purge(self) -> Health:
        """Empty the gateway's own queue, so that a phone that returns does not send what is stale."""
        found = await self._endpoint.look("/queue", msgspec.Raw, method="DELETE")
        return found if isinstance(found, Health) else Health(ok=True, detail="the gateway's queue is empty")


def _accepted(answer: Answer) -> Accepted | None:
    taken = decode(answer.body, _Taken)
    return Accepted(taken.message_id, answer.status, "queued") if taken and taken.message_id else None


def _read(answer: Answer) -> Said | None:
    refusal = decode(answer.body, _Refusal)
    if refusal is None or not (refusal.error or refusal.message):
        return None
    return Said(text=f"{refusal.error} {refusal.message}")


def _says(status: int, error: str, message: str = "") -> Answer:
    return example(status, {"error": error} | ({"message": message} if message else {}))


DEFAULT_URL: Final = "https://api.z-api.io"
ERRORS: Final = ErrorTable(
    "zapi",
    _accepted,
    _read,
    (
        Row(
            Rejection.PERMANENT_CONFIG,
            "account",
            "credentials",
            text=r"client-?token|instance not found|unauthorized|not allowed",
            examples=(
                _says(403, "Client-Token not allowed"),
                _says(400, "NOT_FOUND", "Instance not found"),
                _says(401, "Unauthorized"),
            ),
        ),
        Row(
            Rejection.SESSION_DOWN,
            "sender",
            "session_down",
            text=r"need to be connected|not connected|disconnected",
            examples=(_says(400, "You need to be connected"), _says(500, "Instance is disconnected")),
        ),
        Row(
            Rejection.PERMANENT_RECIPIENT,
            "recipient",
            "no_whatsapp",
            text=r"phone.*(not|n't) exist",
            examples=(_says(400, "Phone number does not exist"),),
        ),
    ),
)

DECLARATION: Final = Declaration(
    "zapi",
    "Z-API",
    ZApi,
    (
        Setting(
            "url", "Address, when it is not Z-API's own.", "Endereço, se não for o da Z-API.", default=DEFAULT_URL
        ),
        Setting("instance", "Id of the instance.", "ID da instância.", required=True),
        Setting("token", "Token of the instance.", "Token da instância.", required=True, secret=True),
        Setting(
            "client_token",
            "Security token of the account.",
            "Token de segurança da conta (Client-Token).",
            secret=True,
        ),
    ),
    ZApi.abilities,
    (ERRORS,),
)

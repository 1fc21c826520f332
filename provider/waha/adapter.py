"""A session of WAHA as a provider."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from provider.answers import decode
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
)
from provider.declaration import Declaration, Setting, base_url, refused
from provider.endpoint import ASK_TIMEOUT_S, Endpoint
from provider.http import HttpClient, Lost, NotSent
from provider.waha import errors, webhooks
from schemas.clock import Clock, SystemClock
from schemas.reasons import Rejection

KNOWN_FOR_MS: Final = 24 * 60 * 60 * 1000
"""How long a number's address is remembered: WhatsApp frowns on numbers that look up much."""
MOST_KNOWN: Final = 10_000


class _Existing(msgspec.Struct):
    numberExists: bool
    chatId: str | None = None


class _Me(msgspec.Struct):
    id: str = ""


class _Session(msgspec.Struct):
    status: str
    me: _Me | None = None


class Waha:
    """A session. Before a number's first message its address is looked up, because NOWEB never checks a number.

    Args:
        settings: see `DECLARATION`.
        http: the pool to use.
        clock: how long an address is remembered.

    Raises:
        Invalid: RCD-306, `url` is no HTTP address.
    """

    abilities = Abilities(receipts=True, exists_check=True)

    def __init__(self, settings: ChannelSettings, http: HttpClient, clock: Clock | None = None) -> None:
        self._settings = settings
        self._session = DECLARATION.value(settings, "session")
        self._check = DECLARATION.value(settings, "check") == "yes"
        self._key = DECLARATION.value(settings, "webhook_key")
        token = DECLARATION.value(settings, "token")
        self._endpoint = Endpoint(http, base_url(settings), {"X-Api-Key": token} if token else {})
        self._clock = clock or SystemClock()
        self._known: dict[str, tuple[str, int]] = {}
        self.abilities = replace(type(self).abilities, receipts=bool(self._key))

    async def send(self, message: Rendered, to: Address, attempt_id: str, timeout_s: float) -> Result:
        """Send once; see `provider.api.Provider.send`. Looking up leaves nothing unknown."""
        deadline = time.monotonic() + timeout_s
        chat_id = await self._address(to, timeout_s)
        if isinstance(chat_id, Rejected):
            return chat_id
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return Rejected(Rejection.TRANSIENT, "lookup_timeout", scope="gateway")
        body = {"session": self._session, "chatId": chat_id, "text": message.body, "linkPreview": False}
        result = await self._endpoint.send("/api/sendText", left_s, errors.ERRORS, attempt_id, json=body)
        return replace(result, address_used=chat_id) if isinstance(result, Accepted) else result

    async def health(self) -> Health:
        """Ask for the session's state. WORKING is known to lie; the receipts tell."""
        found = await self._endpoint.look(f"/api/sessions/{quote(self._session, safe='')}", _Session)
        if isinstance(found, Health):
            return found
        number = found.me.id.partition("@")[0].partition(":")[0] if found.me else ""
        session_number = f"+{number}" if number.isascii() and number.isdecimal() else None
        if found.status != "WORKING":
            return Health(False, f"session {self._session!r} is {found.status}", session_number)
        warnings = () if self._key else ("without 'webhook_key' no receipts are read",)
        return Health(True, f"session {self._session!r} works", session_number, warnings)

    async def exists(self, number: str) -> Address | None:
        """Look a number up; the number itself, as E.164, when the gateway cannot tell."""
        found = await self._look_up(Address(number).digits, ASK_TIMEOUT_S)
        if isinstance(found, Rejected):
            return None if found.kind == Rejection.PERMANENT_RECIPIENT else Address(number)
        return Address(found, "lookup")

    def parse_receipt(self, headers: Mapping[str, str], raw: bytes) -> list[ReceiptEvent]:
        """Read a webhook; events that are no acknowledgement of this session are an empty list.

        Raises:
            Invalid: RCD-306, no `webhook_key` is set, the signature is wrong, or it is no event of WAHA.
        """
        if not self._key:
            raise refused(self._settings, "a webhook came, but 'webhook_key' is not set")
        if not webhooks.signed(headers, raw, self._key):
            raise refused(self._settings, "a webhook's signature is wrong")
        found = webhooks.acks(raw, self._session)
        if found is None:
            raise refused(self._settings, "not a webhook of WAHA")
        return found

    async def _address(self, to: Address, timeout_s: float) -> str | Rejected:
        """Return the chat to send to; a jid, or an address that was looked up before, is taken as it is."""
        if "@" in to.value:
            return to.value
        plain = f"{to.digits}@c.us"
        if to.source != "e164" or not self._check:
            return plain
        known = self._known.get(to.digits)
        if known is not None and known[1] > self._clock.now_ms():
            return known[0]
        found = await self._look_up(to.digits, timeout_s)
        if isinstance(found, str):
            if len(self._known) >= MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[to.digits] = (found, self._clock.now_ms() + KNOWN_FOR_MS)
        return found

    async def _look_up(self, digits: str, timeout_s: float) -> str | Rejected:
        """Ask WhatsApp for a number's chat. Nothing is sent, so no failure leaves anything unknown."""
        query = urlencode({"phone": digits, "session": self._session})
        try:
            answer = await self._endpoint.request("GET", f"/api/contacts/check-exists?{query}", timeout_s)
        except NotSent as error:
            return Rejected(error.kind, error.code, scope="gateway")
        except Lost as error:
            return Rejected(Rejection.TRANSIENT, f"lookup_{error.code}", error.http, scope="gateway")
        found = decode(answer.body, _Existing) if answer.status == 200 and not answer.truncated else None
        if found is None:
            result = errors.ERRORS.classify(answer)
            if isinstance(result, Rejected) and result.kind != Rejection.PERMANENT_PAYLOAD:
                return result
            return Rejected(Rejection.TRANSIENT, f"lookup_http_{answer.status}", answer.status, scope="gateway")
        if not found.numberExists:
            return Rejected(Rejection.PERMANENT_RECIPIENT, "no_whatsapp", answer.status, scope="recipient")
        return found.chatId or f"{digits}@c.us"


DECLARATION: Final = Declaration(
    "waha",
    "WAHA",
    Waha,
    (
        Setting("url", "Address of the gateway.", "Endereço do gateway.", required=True),
        Setting("token", "API key (X-Api-Key).", "Chave da API (X-Api-Key).", secret=True),
        Setting("session", "Name of the session.", "Nome da sessão.", default="default"),
        Setting(
            "check",
            "Look a number up before its first message; without it a dead number goes unnoticed.",
            "Consultar o número antes da primeira mensagem; sem isso, um número inexistente passa despercebido.",
            default="yes",
            choices=("yes", "no"),
        ),
        Setting(
            "webhook_key",
            "The key (hmac.key) that signs the session's webhooks; without it no receipts are read.",
            "A chave (hmac.key) que assina os webhooks da sessão; sem ela não há confirmações.",
            secret=True,
        ),
    ),
    Waha.abilities,
    (errors.ERRORS,),
    signs=True,
)

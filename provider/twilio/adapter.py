"""A WhatsApp sender of Twilio as a provider."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import quote

import msgspec

from provider.api import (
    Abilities,
    Address,
    ChannelSettings,
    Health,
    Opening,
    ReceiptEvent,
    Rejected,
    Rendered,
    Result,
)
from provider.declaration import Declaration, Setting, base_url, refused
from provider.endpoint import Endpoint
from provider.http import HttpClient
from provider.openings import fitting, within
from provider.twilio import callbacks, errors
from schemas.clock import Clock, SystemClock
from schemas.reasons import Rejection

URL: Final = "https://api.twilio.com"
VALIDITY_S: Final = 4 * 60 * 60
"""As long as a notice may be held for technical reasons: an older one is not worth a phone's sound."""
MOST_VALIDITY_S: Final = 36_000
MOST_BODY: Final = 1_600
"""A longer text is refused (21617); a notice that ends early still says who waits."""


class _Account(msgspec.Struct):
    status: str
    friendly_name: str = ""


class Twilio:
    """A sender. It reports receipts only with `status_callback` and the token that signs them.

    Args:
        settings: see `DECLARATION`.
        http: the pool to use.
        clock: the time of receipts, which callbacks do not carry.

    Raises:
        Invalid: RCD-306, a setting that Twilio would not take.
    """

    abilities = Abilities(receipts=True, templates=True)

    def __init__(self, settings: ChannelSettings, http: HttpClient, clock: Clock | None = None) -> None:
        value = {each.name: DECLARATION.value(settings, each.name) for each in DECLARATION.settings}
        self._settings = settings
        self._account = value["account_sid"]
        self._sender = _sender(settings, value["sender"])
        self._content = value["content_sid"]
        if self._content and not self._content.startswith("HX"):
            raise refused(settings, "'content_sid' begins with HX")
        self._validity_s = _validity(settings, value["validity_s"])
        self._callback = base_url(settings, "status_callback") if value["status_callback"] else ""
        self._auth_token = value["auth_token"] or ("" if value["key_sid"] else value["token"])
        self._clock = clock or SystemClock()
        user = value["key_sid"] or self._account
        basic = b64encode(f"{user}:{value['token']}".encode()).decode()
        self._endpoint = Endpoint(http, base_url(settings, default=URL), {"Authorization": f"Basic {basic}"})
        self._path = f"/2010-04-01/Accounts/{quote(self._account, safe='')}"
        self.abilities = replace(type(self).abilities, receipts=bool(self._callback and self._auth_token))

    async def send(self, message: Rendered, to: Address, attempt_id: str, timeout_s: float) -> Result:
        """Send once; see `provider.api.Provider.send`. An opening without a template leaves as the channel's."""
        content: dict[str, str] = {"Body": within(message.body, MOST_BODY)}
        if message.opening is not None:
            sid = message.opening.template or self._content
            if not sid:
                return Rejected(Rejection.PERMANENT_CONFIG, "no_template", scope="sender")
            content = {"ContentSid": sid, "ContentVariables": _variables(message.opening)}
        form = {"To": f"whatsapp:+{to.digits}", **self._sender, **content, "ValidityPeriod": str(self._validity_s)}
        if self._callback:
            form["StatusCallback"] = callbacks.address(self._callback, attempt_id)
        return await self._endpoint.send(
            f"{self._path}/Messages.json", timeout_s, errors.ERRORS, attempt_id, data=form
        )

    async def health(self) -> Health:
        """Ask for the account's state. Whether the sender may send shows only when it does."""
        found = await self._endpoint.look(f"{self._path}.json", _Account)
        if isinstance(found, Health):
            return found
        if found.status != "active":
            return Health(False, f"the account is {found.status}", code="RCD-306")
        warnings: tuple[str, ...] = ()
        if not self._content:
            warnings += ("no 'content_sid': outside the 24-hour window nothing can be sent",)
        if not self.abilities.receipts:
            warnings += ("without 'status_callback' no receipts come: a failure of WhatsApp stays unseen",)
        number = self._sender.get("From", "").removeprefix("whatsapp:") or None
        return Health(True, "the account is active", number, warnings)

    async def exists(self, number: str) -> Address | None:
        """Not offered for WhatsApp: it shows later, as error 63024."""
        message = "Twilio cannot look WhatsApp numbers up"
        raise NotImplementedError(message)

    def parse_receipt(self, headers: Mapping[str, str], raw: bytes) -> list[ReceiptEvent]:
        """Read a status callback; `headers` has its query under `provider.api.QUERY_HEADER`.

        Raises:
            Invalid: RCD-306, callbacks are not set up, the signature is wrong, or it is no callback.
        """
        if not self.abilities.receipts:
            raise refused(self._settings, "a callback came, but 'status_callback' or 'auth_token' is not set")
        form = callbacks.form_of(raw)
        if form is None:
            raise refused(self._settings, "not a callback of Twilio")
        attempt_id = callbacks.attempt_of(headers)
        url = self._callback if attempt_id is None else callbacks.address(self._callback, attempt_id)
        if not callbacks.signed(headers, form, url, self._auth_token):
            raise refused(
                self._settings, "a callback's signature is wrong, or 'status_callback' is another address"
            )
        found = callbacks.event(form, attempt_id, self._clock.now_ms())
        return [found] if found else []


def _sender(settings: ChannelSettings, value: str) -> dict[str, str]:
    if value.startswith("MG"):
        return {"MessagingServiceSid": value}
    number = value.removeprefix("whatsapp:")
    if not (number.startswith("+") and number[1:].isascii() and number[1:].isdecimal()):
        raise refused(settings, "'sender' must be like +14155238886, or a messaging service's id (MG…)")
    return {"From": f"whatsapp:{number}"}


def _validity(settings: ChannelSettings, value: str) -> int:
    seconds = int(value) if value.isascii() and value.isdecimal() else 0
    if not 1 <= seconds <= MOST_VALIDITY_S:
        raise refused(settings, f"'validity_s' must be between 1 and {MOST_VALIDITY_S}")
    return seconds


def _variables(opening: Opening) -> str:
    """Return the placeholders in order; the link button's, if there is one, comes last."""
    values = [*fitting(opening.parameters), *([opening.url_suffix] if opening.url_suffix else [])]
    return msgspec.json.encode({str(n): value for n, value in enumerate(values, 1)}).decode()


DECLARATION: Final = Declaration(
    "twilio",
    "Twilio",
    Twilio,
    (
        Setting("account_sid", "The account's SID (AC…).", "O SID da conta (AC…).", required=True),
        Setting(
            "token",
            "The account's auth token, or the secret of the API key in 'key_sid'.",
            "O auth token da conta, ou o segredo da chave de API em 'key_sid'.",
            required=True,
            secret=True,
        ),
        Setting(
            "sender",
            "The WhatsApp sender's number, or a messaging service's SID (MG…).",
            "O número que envia pelo WhatsApp, ou o SID de um messaging service (MG…).",
            required=True,
        ),
        Setting("key_sid", "SID of an API key (SK…), instead of the auth token.", "SID de uma chave de API (SK…)."),
        Setting(
            "content_sid",
            "Approved content (HX…) with one variable: opens conversations outside the 24-hour window.",
            "Conteúdo aprovado (HX…) com uma variável: abre conversas fora da janela de 24 horas.",
        ),
        Setting(
            "status_callback",
            "Public address of this channel's webhook, exactly as Twilio shall ask for it.",
            "Endereço público do webhook deste canal, exatamente como a Twilio deve chamá-lo.",
        ),
        Setting(
            "auth_token",
            "The auth token, which signs callbacks; needed beside 'key_sid' only.",
            "O auth token, que assina as confirmações; necessário só junto de 'key_sid'.",
            secret=True,
        ),
        Setting(
            "validity_s",
            "Seconds after which Twilio gives up a message that it could not send yet.",
            "Segundos após os quais a Twilio desiste de uma mensagem ainda não enviada.",
            default=str(VALIDITY_S),
        ),
        Setting("url", "Address of Twilio's API.", "Endereço da API da Twilio.", default=URL),
    ),
    Twilio.abilities,
    (errors.ERRORS,),
    signs=True,
)

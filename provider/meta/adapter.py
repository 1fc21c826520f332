"""A sending number of the Cloud API as a provider."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from provider.answers import decode
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
from provider.declaration import CODE, Declaration, Setting, base_url, refused
from provider.endpoint import Endpoint, unreachable
from provider.http import HttpClient, Lost, NotSent
from provider.meta import errors, health, requests, versions, webhooks
from provider.openings import fitting, shorter
from schemas.clock import Clock, SystemClock
from schemas.errors import Invalid
from schemas.reasons import Rejection

T = TypeVar("T")
URL: Final = "https://graph.facebook.com"
LANGUAGE: Final = "pt_BR"


class MetaCloud:
    """A channel of the Cloud API. It reports receipts only with `app_secret`: unsigned webhooks are not believed.

    Args:
        settings: see `DECLARATION`.
        http: the pool to use.
        clock: tells when the API's version is about to end.

    Raises:
        Invalid: RCD-306, a number's id or a version of another form.
    """

    abilities = Abilities(receipts=True, templates=True)

    def __init__(self, settings: ChannelSettings, http: HttpClient, clock: Clock | None = None) -> None:
        value = {each.name: DECLARATION.value(settings, each.name) for each in DECLARATION.settings}
        for name in ("phone_number_id", "waba_id"):
            if value[name] and not (value[name].isascii() and value[name].isdecimal()):
                raise refused(settings, f"{name!r} is a number that Meta gave, not a phone number")
        if not versions.is_version(value["version"]):
            raise refused(settings, f"'version' must be like {versions.DEFAULT}")
        self._channel = settings.channel_id
        self._number, self._waba = value["phone_number_id"], value["waba_id"]
        self._template = value["template"]
        listed = tuple(each.strip() for each in value["template_languages"].split(",") if each.strip())
        self._languages = listed or (LANGUAGE,)
        self._version = value["version"]
        self._app_secret, self._verify_token = value["app_secret"], value["verify_token"]
        self._clock = clock or SystemClock()
        url = f"{base_url(settings, default=URL)}/{self._version}"
        self._endpoint = Endpoint(http, url, {"Authorization": f"Bearer {value['token']}"})
        self.abilities = replace(type(self).abilities, receipts=bool(self._app_secret))

    async def send(self, message: Rendered, to: Address, attempt_id: str, timeout_s: float) -> Result:
        """Send once; see `provider.api.Provider.send`.

        An opening leaves as its template, or as the channel's where it names none. One that Graph refuses as too
        long leaves once more, shorter: that refusal proves that nothing was sent.
        """
        if message.opening is None:
            return await self._post(requests.text(to.digits, message.body, attempt_id), attempt_id, timeout_s)
        opening = self._opening(message.opening)
        if not opening.template:
            return Rejected(Rejection.PERMANENT_CONFIG, "no_template", scope="sender")
        deadline = time.monotonic() + timeout_s  # both requests share the attempt's time
        result = await self._post(requests.template(to.digits, opening, attempt_id), attempt_id, timeout_s)
        left_s = deadline - time.monotonic()
        if isinstance(result, Rejected) and result.code == errors.TOO_LONG and left_s > 0:
            opening = replace(opening, parameters=shorter(opening.parameters))
            result = await self._post(requests.template(to.digits, opening, attempt_id), attempt_id, left_s)
        return result

    async def health(self) -> Health:
        """Ask for the number's health and the template's, and warn of the version's end."""
        found = await self._ask(f"/{self._number}", {"fields": health.FIELDS}, health.Number)
        told = found if isinstance(found, Health) else health.of_number(found)
        if not told.ok:
            return told
        today = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).date()
        ending = versions.warning(self._version, today)
        warnings = (*((ending,) if ending else ()), *told.warnings)
        if not self._template:
            warnings += ("no template: outside the 24-hour window nothing can be sent",)
        elif not self._waba:
            warnings += ("without 'waba_id' the template cannot be checked",)
        elif fault := await self._fault_of_template():
            return replace(fault, session_number=told.session_number, warnings=warnings)
        if not self._app_secret:
            warnings += ("without 'app_secret' no receipts are read: an unknown attempt stays unknown",)
        return replace(told, warnings=warnings)

    async def exists(self, number: str) -> Address | None:
        """Not offered by Meta: it shows later, as a failed status 131026."""
        message = "the Cloud API cannot look numbers up"
        raise NotImplementedError(message)

    def parse_receipt(self, headers: Mapping[str, str], raw: bytes) -> list[ReceiptEvent]:
        """Read a webhook; statuses of other numbers of the same app are left out.

        Raises:
            Invalid: RCD-306, no `app_secret` is set, the signature is wrong, or it is no webhook of WhatsApp.
        """
        if not self._app_secret:
            raise _invalid(self._channel, "a webhook came, but 'app_secret' is not set")
        if not webhooks.signed(headers, raw, self._app_secret):
            raise _invalid(self._channel, "a webhook's signature is wrong")
        found = webhooks.statuses(raw, self._number)
        if found is None:
            raise _invalid(self._channel, "not a webhook of WhatsApp")
        return found

    def challenge(self, query: Mapping[str, str]) -> str:
        """Return what answers the `GET` by which Meta verifies the webhook's address.

        Raises:
            Invalid: RCD-306, `verify_token` is not set, or another one came.
        """
        answer = webhooks.challenge(query, self._verify_token) if self._verify_token else None
        if answer is None:
            raise _invalid(self._channel, "the webhook's verification does not carry our 'verify_token'")
        return answer

    def _opening(self, opening: Opening) -> Opening:
        """Complete an opening: the channel's template, in the agent's language where that is approved."""
        approved = opening.template or opening.language in self._languages
        return replace(
            opening,
            template=opening.template or self._template,
            language=opening.language if approved else self._languages[0],
            parameters=fitting(opening.parameters),
        )

    async def _post(self, body: dict[str, Any], attempt_id: str, timeout_s: float) -> Result:
        return await self._endpoint.send(
            f"/{self._number}/messages", timeout_s, errors.ERRORS, attempt_id, json=body
        )

    async def _fault_of_template(self) -> Health | None:
        query = {"name": self._template, "fields": health.TEMPLATE_FIELDS, "limit": "100"}
        found = await self._ask(f"/{self._waba}/message_templates", query, health.Templates)
        if isinstance(found, Health):
            return replace(found, detail=f"the template cannot be checked: {found.detail}")
        faults = (health.fault_of_template(found, self._template, language) for language in self._languages)
        fault = next((each for each in faults if each), None)
        return Health(False, fault, code="RCD-304") if fault else None

    async def _ask(self, path: str, query: Mapping[str, str], kind: type[T]) -> T | Health:
        """Ask Graph; where it refuses, its own code is worth more than the HTTP status."""
        try:
            answer = await self._endpoint.request("GET", f"{path}?{urlencode(query)}")
        except (NotSent, Lost) as error:
            return unreachable(error)
        refusal = decode(answer.body, errors.Refusal)
        if refusal is not None:
            return _refused(refusal.error)
        found = None if answer.truncated or answer.status != 200 else decode(answer.body, kind)
        return (
            Health(False, f"what answers at 'url' is not Graph (status {answer.status})", code="RCD-306")
            if found is None
            else found
        )


def _invalid(channel_id: str, detail: str) -> Invalid:
    return Invalid(CODE, f"channel {channel_id}: {detail}")


def _refused(error: errors.GraphError) -> Health:
    """Return the health of a number that Graph does not tell of; where it may pass, without a code to act on."""
    meaning = {0: "it does not accept the token", 190: "the token has expired or was revoked"}
    meaning |= dict.fromkeys((33, 100), "'phone_number_id' or 'waba_id' is wrong, or the token may not see it")
    detail = f"Graph refuses with code {error.code}"
    if error.code in meaning:
        detail += f": {meaning[error.code]}"
    code = "RCD-306" if error.code in (33, 100) else None
    if errors.kind_of(error) == Rejection.PERMANENT_CONFIG and code is None:
        code = "RCD-302"
    return Health(False, detail, code=code)


DECLARATION: Final = Declaration(
    "meta",
    "Meta WhatsApp Cloud API",
    MetaCloud,
    (
        Setting(
            "phone_number_id",
            "Id of the sending number (not the number itself), from the app's WhatsApp page.",
            "Id do número que envia (não o próprio número), na página do WhatsApp do app.",
            required=True,
        ),
        Setting(
            "token",
            "Token of a system user with whatsapp_business_messaging.",
            "Token de um usuário do sistema com whatsapp_business_messaging.",
            required=True,
            secret=True,
        ),
        Setting(
            "template",
            "Name of an approved template with one placeholder: opens conversations outside the 24-hour window.",
            "Nome de um modelo aprovado com uma variável: abre conversas fora da janela de 24 horas.",
        ),
        Setting(
            "template_languages",
            "Languages in which the template is approved, with commas; the first is for agents of another one.",
            "Idiomas em que o modelo foi aprovado, com vírgulas; o primeiro vale para atendentes de outro.",
            default=LANGUAGE,
        ),
        Setting(
            "waba_id",
            "Id of the WhatsApp Business account: lets the template be checked.",
            "Id da conta do WhatsApp Business: permite conferir o modelo.",
        ),
        Setting(
            "app_secret",
            "Secret of the app: checks the signature of webhooks; without it no receipts are read.",
            "Chave secreta do app: confere a assinatura dos webhooks; sem ela não há confirmações.",
            secret=True,
        ),
        Setting(
            "verify_token",
            "A word of your choice, the same as in the app's webhook settings.",
            "Uma palavra à sua escolha, igual à da configuração de webhooks do app.",
            secret=True,
        ),
        Setting(
            "version",
            "Version of the Graph API.",
            "Versão da Graph API.",
            default=versions.DEFAULT,
        ),
        Setting("url", "Address of Graph.", "Endereço da Graph API.", default=URL),
    ),
    MetaCloud.abilities,
    (errors.ERRORS,),
    signs=True,
)

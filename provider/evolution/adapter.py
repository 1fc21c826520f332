"""An instance of Evolution API v2 as a provider."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

import msgspec

from provider.answers import decode
from provider.api import Abilities, Address, ChannelSettings, Health, ReceiptEvent, Rendered, Result
from provider.declaration import CODE, Declaration, Setting, base_url, refused
from provider.endpoint import Endpoint
from provider.evolution import errors, webhooks
from provider.http import HttpClient, Lost, NotSent
from schemas.clock import Clock, SystemClock


class _Instance(msgspec.Struct):
    state: str = ""


class _State(msgspec.Struct):
    instance: _Instance


class _Webhook(msgspec.Struct):
    enabled: bool = False
    headers: dict[str, Any] | None = None


class _Found(msgspec.Struct):
    exists: bool
    jid: str = ""


class Evolution:
    """A channel of Evolution. It reports receipts only with `webhook_secret`: others are not believed.

    Args:
        settings: see `DECLARATION`.
        http: the pool to use.
        clock: the time of receipts, and what their tokens are judged by.

    Raises:
        Invalid: RCD-306, `url` is no HTTP address.
    """

    abilities = Abilities(receipts=True, exists_check=True)

    def __init__(self, settings: ChannelSettings, http: HttpClient, clock: Clock | None = None) -> None:
        self._settings = settings
        self._instance = settings.values["instance"].strip()
        self._secret = settings.values.get("webhook_secret", "")
        self._clock = clock or SystemClock()
        self._endpoint = Endpoint(http, base_url(settings), {"apikey": settings.values["api_key"]})
        self.abilities = replace(type(self).abilities, receipts=bool(self._secret))

    async def send(self, message: Rendered, to: Address, attempt_id: str, timeout_s: float) -> Result:
        """Send once; see `provider.api.Provider.send`.

        An address that a look-up gave goes as the jid it is: of bare digits Evolution makes a jid by a rule about
        the ninth digit that is wrong both ways. No `delay`: the request would stay open for it.
        """
        number = to.value if "@" in to.value else to.digits
        body = {"number": number, "text": message.body, "linkPreview": False}
        return await self._endpoint.send(
            self._path("/message/sendText"), timeout_s, errors.ERRORS, attempt_id, json=body
        )

    async def health(self) -> Health:
        """Ask for the instance's state. `open` is known to lie; anything else is true."""
        found = await self._endpoint.look(self._path("/instance/connectionState"), _State)
        if isinstance(found, Health):
            if found.detail.endswith("(status 404)"):
                return replace(
                    found, detail="there is no such instance, or 'url' is not Evolution's address", code=CODE
                )
            return found
        state = found.instance.state or "not loaded"
        warnings = await self._webhook_faults() if self._secret else ()
        return Health(ok=state == "open", detail=f"the instance is {state}", warnings=warnings)

    async def exists(self, number: str) -> Address | None:
        """Ask WhatsApp for a number; the number itself, as E.164, when the gateway cannot tell."""
        asked: Any = {"numbers": [Address(number).digits]}
        path = self._path("/chat/whatsappNumbers")
        found = await self._endpoint.look(path, list[_Found], method="POST", json=asked)
        if isinstance(found, Health) or not found:
            return Address(number)
        first = found[0]
        if not first.exists:
            return None
        return Address(first.jid, "lookup") if first.jid else Address(number)

    def parse_receipt(self, headers: Mapping[str, str], raw: bytes) -> list[ReceiptEvent]:
        """Read a webhook; events that are no status of our messages are an empty list.

        Raises:
            Invalid: RCD-306, no `webhook_secret` is set, its token is wrong or old, or it is of another instance.
        """
        if not self._secret:
            raise refused(self._settings, "a webhook came, but 'webhook_secret' is not set")
        now_ms = self._clock.now_ms()
        if not webhooks.is_ours(headers, self._secret, now_ms):
            raise refused(self._settings, "a webhook's token is wrong or has run out")
        found = webhooks.receipts(raw, self._instance, now_ms)
        if found is None:
            raise refused(self._settings, "not a webhook of this Evolution instance")
        return found

    async def _webhook_faults(self) -> tuple[str, ...]:
        """Tell why no receipts will come. An instance keeps one webhook; somebody else's is not replaced."""
        try:
            answer = await self._endpoint.request("GET", self._path("/webhook/find"))
        except (NotSent, Lost):
            return ()
        found = decode(answer.body, _Webhook)
        if answer.status == 200 and (answer.body.strip() == b"null" or (found and not found.enabled)):
            return ("the instance has no webhook: nothing tells whether notices arrive",)
        if answer.status == 200 and found and (found.headers or {}).get("jwt_key") != self._secret:
            return ("RCD-305: the instance's webhook is somebody else's; it is not replaced, no receipts come",)
        return ()

    def _path(self, route: str) -> str:
        return f"{route}/{quote(self._instance, safe='')}"


DECLARATION: Final = Declaration(
    "evolution",
    "Evolution API v2",
    Evolution,
    (
        Setting(
            "url",
            "Address of Evolution, for example http://evolution:8080.",
            "Endereço da Evolution, por exemplo http://evolution:8080.",
            required=True,
        ),
        Setting(
            "instance", "Name of the instance (not its id).", "Nome da instância (não o id dela).", required=True
        ),
        Setting(
            "api_key",
            "The instance's token, or the global API key.",
            "O token da instância, ou a chave global da API.",
            required=True,
            secret=True,
        ),
        Setting(
            "webhook_secret",
            "The webhook's headers.jwt_key: without it no receipts are read.",
            "O headers.jwt_key do webhook: sem ele não há confirmações.",
            secret=True,
        ),
    ),
    Evolution.abilities,
    (errors.ERRORS,),
    signs=True,
)

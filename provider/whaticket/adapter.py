"""A Whaticket connection as a provider: one class for all forks, each with its `Fork`."""

import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from provider.answers import decode
from provider.api import (
    Abilities,
    Address,
    ChannelSettings,
    Health,
    ReceiptEvent,
    Rejected,
    Rendered,
    Result,
)
from provider.declaration import CODE, Declaration, Setting, base_url, refused
from provider.endpoint import ASK_TIMEOUT_S, Endpoint, unreachable
from provider.http import HttpClient, Lost, NotSent
from provider.whaticket.forks import FORKS, Fork
from schemas.clock import Clock, SystemClock
from schemas.errors import Invalid
from schemas.reasons import Rejection

MARK: Final = "\u200e"
"""Whaticket drops its own rows that begin with it."""
BLIND: Final = "address and token are right; whether the session is connected only shows when something is sent"
IDS: Final = ("connection", "user_id", "queue_id")


def safe(text: str) -> str:
    """Return the text as these interfaces may have it; what the formatter has made is not changed.

    It begins with U+200E, and no `{{` is left: the forks run the text through a template language, where a
    customer's `{{#x` makes the sending fail and `{{name}}` is replaced.
    """
    while "{{" in text:
        text = text.replace("{{", "{\u200d{")
    return text if text.startswith(MARK) else MARK + text


class WhaticketApi:
    """A channel of a Whaticket fork.

    Args:
        fork: how it is asked.
        settings: see `DECLARATIONS`.
        http: the pool to use.
        clock: the time of statuses, which name none.

    Raises:
        Invalid: RCD-306, no HTTP address, or an id that is not a number.
    """

    def __init__(self, fork: Fork, settings: ChannelSettings, http: HttpClient, clock: Clock | None = None) -> None:
        self._fork = fork
        self._values = {name: value.strip() for name, value in settings.values.items()}
        for name in IDS:
            given = self._values.get(name, "")
            if given and not (given.isascii() and given.isdecimal()):
                raise refused(settings, f"{name!r} is a number, as Whaticket's database has it")
        self._channel = settings.channel_id
        self._clock = clock or SystemClock()
        self._endpoint = Endpoint(http, base_url(settings), fork.headers(self._values))
        reports = fork.receipts and bool(self._values.get("webhook_token"))
        self.abilities = Abilities(receipts=reports, side_effects=fork.leaves_tickets)

    async def send(self, message: Rendered, to: Address, attempt_id: str, timeout_s: float) -> Result:
        """Send once; see `provider.api.Provider.send`."""
        body = self._fork.body(self._values, to.digits, safe(message.body), attempt_id)
        path = self._fork.path(self._values)
        return await self._endpoint.send(path, timeout_s, self._fork.errors, attempt_id, json=body)

    async def health(self) -> Health:
        """Ask for something that is refused after the token was looked at: nothing is sent, address and token show.

        None of the forks tells an API token whether its session is connected.
        """
        try:
            answer = await self._endpoint.request(
                "POST", self._fork.path(self._values), ASK_TIMEOUT_S, json=dict(self._fork.probe)
            )
        except (NotSent, Lost) as error:
            return unreachable(error)
        found = self._fork.errors.classify(answer)
        own = self._fork.errors.row(answer) is not None
        if isinstance(found, Rejected) and found.kind == Rejection.PERMANENT_CONFIG:
            code = "RCD-302" if answer.status in (401, 403) else CODE
            detail = f"Whaticket refuses the channel's settings ({found.code})"
            if answer.status in (404, 405):
                detail = f"'url' does not lead to this Whaticket's backend (status {answer.status})"
            return Health(ok=False, detail=detail, code=code)
        if own and answer.status in (400, 500):
            return Health(ok=True, detail=BLIND)
        detail = f"that is not Whaticket's send interface (status {answer.status})"
        return Health(ok=False, detail=detail, code=CODE)

    async def exists(self, number: str) -> Address | None:
        """Not offered: the forks look a number up only while they send."""
        message = "Whaticket's interface cannot look numbers up"
        raise NotImplementedError(message)

    def parse_receipt(self, headers: Mapping[str, str], raw: bytes) -> list[ReceiptEvent]:
        """Read a status of izing. A session that is down is none: izing goes on trying by itself.

        Raises:
            Invalid: RCD-306, this fork has no webhooks, its token is wrong, or it is none.
        """
        token = self._values.get("webhook_token", "")
        named = {name.casefold(): value for name, value in headers.items()}
        given = named.get("authorization", "").removeprefix("Bearer ")
        if not self.abilities.receipts or not hmac.compare_digest(given.encode(), token.encode()):
            raise Invalid(CODE, f"channel {self._channel}: a webhook that is not this channel's")
        found = decode(raw, _Status)
        if found is None or found.type != "hookMessageStatus":
            raise Invalid(CODE, f"channel {self._channel}: not a webhook of izing")
        status = _STATUSES.get(found.ack)
        if status is None or not found.external_key:
            return []
        rank, name, code, kind = status
        key = found.external_key
        return [ReceiptEvent(key, rank, name, self._clock.now_ms(), key, code, kind)]


class _Status(msgspec.Struct):
    ack: int
    type: str
    external_key: str = msgspec.field(default="", name="externalKey")


_STATUSES: Final[dict[int, tuple[int, str, str | None, Rejection | None]]] = {
    1: (1, "server", None, None),
    2: (2, "delivered", None, None),
    3: (3, "read", None, None),
    4: (3, "read", None, None),
    -1: (-1, "failed", "no_whatsapp", Rejection.PERMANENT_RECIPIENT),
}


def _build(fork: Fork) -> Callable[[ChannelSettings, HttpClient], WhaticketApi]:
    def build(settings: ChannelSettings, http: HttpClient) -> WhaticketApi:
        return WhaticketApi(fork, settings, http)

    return build


def _declaration(fork: Fork) -> Declaration:
    abilities = Abilities(receipts=fork.receipts, side_effects=fork.leaves_tickets)
    settings: tuple[Setting, ...] = fork.settings
    name: Any = f"whaticket-{fork.name}"
    return Declaration(name, fork.title, _build(fork), settings, abilities, (fork.errors,), signs=fork.receipts)


DECLARATIONS: Final = tuple(map(_declaration, FORKS))

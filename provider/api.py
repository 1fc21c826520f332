"""The interface of all providers. HTTP status alone never says "sent" or "failed": each adapter classifies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, runtime_checkable

from schemas.reasons import Rejection

QUERY_HEADER: Final = "recado-query"
"""Among the headers of a webhook: the query of the address that was asked for (put there by the listener)."""
Scope = Literal["recipient", "sender", "account", "gateway"]
"""Whose breaker or limiter reacts to a refusal."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a provider can do, declared rather than discovered."""

    receipts: bool = False
    templates: bool = False
    exists_check: bool = False
    side_effects: bool = False
    client_id: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """A message by an approved template: what may be sent while no conversation is open (Meta, Twilio).

    `parameters` fill the body's placeholders in order, each one line; `url_suffix` completes its link
    button, if it has one.
    """

    template: str
    language: str = "pt_BR"
    parameters: tuple[str, ...] = ()
    url_suffix: str | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text ready to leave. `template_id` names what it was rendered from; the same bytes leave on a resend.

    With `opening` the provider sends that instead of `body` (which stays for those who read the attempt).
    """

    body: str
    template_id: str = ""
    language: str = "pt_BR"
    opening: Opening | None = None


def digits(number: str) -> str:
    """Return the digits of a number or WhatsApp id, which name the phone, without what a jid has behind them."""
    return "".join(char for char in number.partition("@")[0] if char.isascii() and char.isdecimal())


@dataclass(frozen=True, slots=True)
class Address:
    """Where to send. `value` is what the provider wants (digits, or a jid); `source` who said so."""

    value: str
    source: Literal["e164", "lookup", "meta_wa_id", "manual"] = "e164"

    @property
    def digits(self) -> str:
        """The digits that name the phone, without what a jid has behind them."""
        return digits(self.value)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it. Acceptance is not delivery."""

    provider_message_id: str
    http: int = 200
    raw_status: str = ""
    address_used: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider refused, and nothing was sent. `scope` decides which breaker or limiter reacts."""

    kind: Rejection
    code: str
    http: int | None = None
    retry_after_ms: int | None = None
    scope: Scope = "sender"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Sent or not cannot be told: the request left and no usable answer came."""

    code: str
    http: int | None = None


Result = Accepted | Rejected | Unknown


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a channel can send now, with one sentence for a person. `warnings`: what will stop it one day.

    `code` names what is to be mended when it is not the session (an RCD code).
    """

    ok: bool
    detail: str
    session_number: str | None = None
    warnings: tuple[str, ...] = ()
    code: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiptEvent:
    """One status from a webhook. `rank`: 1 server, 2 delivered, 3 read, -1 failed.

    `kind` says what a failure means, where the adapter knows its code.
    """

    provider_message_id: str
    rank: int
    status: str
    at_ms: int
    attempt_id: str | None = None
    code: str | None = None
    kind: Rejection | None = None


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """A channel as an adapter sees it: settings with references (`env:`, `file:`) already resolved."""

    channel_id: str
    provider: str
    values: Mapping[str, str] = field(default_factory=dict)


class Provider(Protocol):
    """A provider bound to one channel."""

    abilities: Abilities

    async def send(self, message: Rendered, to: Address, attempt_id: str, timeout_s: float) -> Result:
        """Send once. Never raises for anything the network or the provider does.

        A connect error is `Rejected(TRANSIENT)`; any error after the first byte left is `Unknown`.
        """
        ...

    async def health(self) -> Health:
        """Ask whether the channel can send."""
        ...

    async def exists(self, number: str) -> Address | None:
        """Look a number up; None when the provider says that it has no WhatsApp.

        The number itself, with the source `e164`, when the provider cannot tell just now. Never raises for that.

        Raises:
            NotImplementedError: the provider has no such check (see `abilities.exists_check`).
        """
        ...

    def parse_receipt(self, headers: Mapping[str, str], raw: bytes) -> list[ReceiptEvent]:
        """Read a webhook.

        Raises:
            Invalid: not of this provider, or its signature is wrong.
        """
        ...


@runtime_checkable
class ChoosesIds(Protocol):
    """A provider (`abilities.client_id`) whose caller chooses the message's id: a receipt leads to its attempt."""

    def message_id(self, attempt_id: str) -> str:
        """Return the id that an attempt's message has, the same for each time that it is sent."""
        ...

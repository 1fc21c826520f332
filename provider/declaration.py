"""What a provider declares: settings with help in two languages, abilities, error tables, how it is made.

The command line, the factory, the documentation and the tests read this; nothing about a provider is said twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from provider.answers import ErrorTable
from provider.api import Abilities, ChannelSettings, Provider
from provider.http import HttpClient
from schemas.errors import Fatal, Invalid

CODE = "RCD-306"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a channel. A `secret` is accepted as `env:` or `file:` reference only.

    `en` and `pt` are one sentence each, for those who fill it in. With `choices` nothing else is accepted.
    """

    name: str
    en: str
    pt: str
    required: bool = False
    secret: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()


HOOK_SECRET = Setting(
    "hook_secret",
    "Last part of the webhook's address, 22 characters or more at random (openssl rand -hex 16).",
    "Última parte do endereço do webhook, 22 caracteres aleatórios ou mais (openssl rand -hex 16).",
    secret=True,
)
"""Every channel whose gateway reports may have one; a gateway that does not sign must."""
HOOK_SECRET_MIN = 22
"""128 bits in the densest alphabet that an address takes."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A kind of gateway. `build` binds it to one channel and opens no connection.

    `signs`: its webhooks prove who sent them, and `parse_receipt` checks that.
    """

    name: str
    title: str
    build: Callable[[ChannelSettings, HttpClient], Provider]
    settings: tuple[Setting, ...]
    abilities: Abilities
    errors: tuple[ErrorTable, ...] = ()
    signs: bool = False

    @property
    def accepts(self) -> tuple[Setting, ...]:
        """The settings, with the one that every gateway has that reports."""
        return (*self.settings, HOOK_SECRET) if self.abilities.receipts else self.settings

    def check(self, settings: ChannelSettings) -> None:
        """See that settings can be right: none missing, none unknown, none out of its choices.

        Values are never repeated: they may be secrets that were typed into the wrong place.

        Raises:
            Invalid: RCD-306, naming the setting and what it is.
            Fatal: RCD-308, sending through it leaves tickets, and nobody has accepted that.
        """
        known = {each.name: each for each in self.accepts}
        if unknown := sorted(settings.values.keys() - known.keys()):
            detail = f"{self.name} has no setting {unknown[0]!r}; known: {', '.join(known)}"
            raise refused(settings, f"{detail} (see recado channel providers {self.name})")
        missing = [
            each for each in self.accepts if each.required and not settings.values.get(each.name, "").strip()
        ]
        if missing:
            raise refused(settings, "; ".join(map(_wanted, missing)))
        for each in self.accepts:
            value = settings.values.get(each.name, "").strip()
            if value and each.choices and value not in each.choices:
                raise refused(settings, f"{each.name!r} must be one of: {', '.join(each.choices)}")
        if self.abilities.side_effects and "accept_agent_tickets" in known and not accepts_tickets(settings):
            detail = f"{self.title} keeps a contact and a ticket for every agent that it sends to"
            raise Fatal("RCD-308", f"channel {settings.channel_id}: {detail}")

    def value(self, settings: ChannelSettings, name: str) -> str:
        """Return a setting, or its default."""
        default = next(each.default for each in self.settings if each.name == name)
        return settings.values.get(name, "").strip() or default


def accepts_tickets(settings: ChannelSettings) -> bool:
    """Tell whether an operator has accepted that sending leaves a contact and a ticket for every agent."""
    return settings.values.get("accept_agent_tickets", "").strip() == "yes"


def base_url(settings: ChannelSettings, name: str = "url", default: str = "") -> str:
    """Return an absolute HTTP address without a trailing slash.

    Raises:
        Invalid: RCD-306. The value is not repeated: it may contain a password.
    """
    url = (settings.values.get(name, "").strip() or default).rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
        usable = usable and not (parts.query or parts.fragment) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(char.isspace() or not char.isprintable() for char in url):
        raise refused(settings, f"{name!r} must be like http://127.0.0.1:8099, without user, password, ? and #")
    return url


def _wanted(missing: Setting) -> str:
    form = "env:NAME or file:/path" if missing.secret else "…"
    return f"{missing.name!r} is missing: {missing.en.rstrip('.')} (-s {missing.name}={form})"


def refused(settings: ChannelSettings, detail: str) -> Invalid:
    """Return the error for a channel whose settings cannot work."""
    return Invalid(CODE, f"channel {settings.channel_id}: {detail}")

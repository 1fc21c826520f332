"""What a provider declares: settings with help in two languages, abilities, error tables, how it is made.

The command line, the factory, the documentation and the tests read this; nothing about a provider is said twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from provider.answers import ErrorTable
from provider.api import Abilities, ChannelSettings, Provider
from provider.http import HttpClient
from schemas.errors import Invalid

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


@dataclass(frozen=True, slots=True)
class Declaration:
    """A kind of gateway. `build` binds it to one channel and opens no connection."""

    name: str
    title: str
    build: Callable[[ChannelSettings, HttpClient], Provider]
    settings: tuple[Setting, ...]
    abilities: Abilities
    errors: tuple[ErrorTable, ...] = ()

    def check(self, settings: ChannelSettings) -> None:
        """See that settings can be right: none missing, none unknown, none out of its choices.

        Values are never repeated: they may be secrets that were typed into the wrong place.

        Raises:
            Invalid: RCD-306, naming the setting and what it is.
        """
        known = {each.name: each for each in self.settings}
        if unknown := sorted(settings.values.keys() - known.keys()):
            detail = f"{self.name} has no setting {unknown[0]!r}; known: {', '.join(known)}"
            raise refused(settings, detail)
        for each in self.settings:
            value = settings.values.get(each.name, "").strip()
            if each.required and not value:
                raise refused(settings, f"{each.name!r} is missing: {each.en}")
            if value and each.choices and value not in each.choices:
                raise refused(settings, f"{each.name!r} must be one of: {', '.join(each.choices)}")

    def value(self, settings: ChannelSettings, name: str) -> str:
        """Return a setting, or its default."""
        default = next(each.default for each in self.settings if each.name == name)
        return settings.values.get(name, "").strip() or default


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
        raise refused(settings, f"{name!r} must be like http://127.0.0.1:8099")
    return url


def refused(settings: ChannelSettings, detail: str) -> Invalid:
    """Return the error for a channel whose settings cannot work."""
    return Invalid(CODE, f"channel {settings.channel_id}: {detail}")

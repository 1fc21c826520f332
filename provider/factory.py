"""From a channel's settings to its provider. A new adapter is one line here."""

from typing import Final

from provider import apprise_api, evolution, meta, sandbox_client, twilio, waha, whaticket, wppconnect, wuzapi, zapi
from provider.addresses import Allowed
from provider.api import ChannelSettings, Provider
from provider.declaration import Declaration
from provider.http import HttpClient
from schemas.errors import Invalid

REGISTRY: Final[dict[str, Declaration]] = {
    each.name: each
    for each in (
        sandbox_client.DECLARATION,
        meta.DECLARATION,
        evolution.DECLARATION,
        wppconnect.DECLARATION,
        wuzapi.DECLARATION,
        zapi.DECLARATION,
        waha.DECLARATION,
        *whaticket.DECLARATIONS,
        twilio.DECLARATION,
        apprise_api.DECLARATION,
        # a new provider's declaration goes here
    )
}

_shared = HttpClient()


def make(settings: ChannelSettings, http: HttpClient | None = None) -> Provider:
    """Return the provider of a channel. Opens no connection; cheap enough to call at each change of settings.

    Args:
        settings: with references already resolved.
        http: the pool to use; by default one that all channels of the process share (`close` ends it).

    Raises:
        Invalid: RCD-306, an unknown provider or settings that it cannot work with.
    """
    declared = declaration(settings.provider, f"channel {settings.channel_id}: ")
    declared.check(settings)
    return declared.build(settings, http or _shared)


def declaration(provider: str, said: str = "") -> Declaration:
    """Return what a provider declares.

    Raises:
        Invalid: RCD-306, an unknown provider.
    """
    found = REGISTRY.get(provider)
    if found is None:
        detail = f"{said}no provider {provider!r}; known: {', '.join(sorted(REGISTRY))}"
        raise Invalid("RCD-306", detail)
    return found


def allow(networks: Allowed) -> None:
    """Say in which private networks the gateways of this process may be; once, before the first `make`."""
    global _shared  # noqa: PLW0603 - the pool that all channels of a process share
    _shared = HttpClient(networks)


async def close() -> None:
    """Close the connections that all channels share."""
    await _shared.close()

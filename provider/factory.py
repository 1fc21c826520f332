"""From a channel's settings to its provider. A new adapter is one line here."""

from collections.abc import Callable
from typing import Final

from provider.api import ChannelSettings, Provider
from provider.http import HttpClient
from provider.sandbox_client import SandboxClient
from schemas.errors import Invalid

REGISTRY: Final[dict[str, Callable[[ChannelSettings, HttpClient], Provider]]] = {
    "sandbox": SandboxClient,
}

_shared: Final = HttpClient()


def make(settings: ChannelSettings, http: HttpClient | None = None) -> Provider:
    """Return the provider of a channel. Opens no connection; cheap enough to call at each change of settings.

    Args:
        settings: with references already resolved.
        http: the pool to use; by default one that all channels of the process share (`close` ends it).

    Raises:
        Invalid: RCD-306, an unknown provider or settings that it cannot work with.
    """
    build = REGISTRY.get(settings.provider)
    if build is None:
        known = ", ".join(sorted(REGISTRY))
        detail = f"channel {settings.channel_id}: no provider {settings.provider!r}; known: {known}"
        raise Invalid("RCD-306", detail)
    return build(settings, http or _shared)


async def close() -> None:
    """Close the connections that all channels share."""
    await _shared.close()

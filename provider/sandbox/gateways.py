"""All emulators by their names. A new one is one line here."""

from typing import Final

from provider.sandbox.emulator import Emulator
from provider.sandbox.gateway import Gateway
from provider.sandbox.graph import Graph

EMULATORS: Final[dict[str, type[Emulator]]] = {
    each.name: each
    for each in (
        Gateway,
        Graph,
        # a new emulator's class goes here
    )
}

"""The flavours that we know, in the order in which they are tried: the more particular before the more general."""

from cdc.flavours.api import Flavour
from cdc.flavours.canove import Canove
from cdc.flavours.ticketz import Ticketz
from schemas.errors import Invalid

FLAVOURS: tuple[Flavour, ...] = (Ticketz(), Canove())

_by_name = {flavour.name: flavour for flavour in FLAVOURS}


def flavour(name: str) -> Flavour:
    """Return the flavour called `name`.

    Raises:
        Invalid: RCD-112, there is none of that name.
    """
    found = _by_name.get(name)
    if found is None:
        raise Invalid("RCD-112", f"no flavour is called {name!r}; known: {', '.join(_by_name)}")
    return found

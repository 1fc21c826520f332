"""What the sender must know of a source's flavour. An unknown one gets the careful answer: tell, do not hide."""

from typing import NamedTuple

from cdc.flavours import registry
from schemas.config import ConfigView
from schemas.errors import Invalid


class Traits(NamedTuple):
    """`has_bot_flag`: `chatbot` covers the first menu; `read_means_person`: a bot never sets `read`."""

    has_bot_flag: bool = False
    read_means_person: bool = False


def traits(config: ConfigView, source: str) -> Traits:
    """Return the traits of the source's flavour."""
    found = config.source(source)
    if found is None:
        return Traits()
    try:
        flavour = registry.flavour(found.flavour)
    except Invalid:
        return Traits()
    return Traits(flavour.has_bot_flag, flavour.read_means_person)

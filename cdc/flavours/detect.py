"""Which flavour a database is, from its schema alone."""

from cdc.flavours.api import Flavour, Shape
from cdc.flavours.registry import FLAVOURS
from cdc.flavours.shape import read_shape
from schemas.errors import Invalid

__all__ = ["detect", "read_shape"]

_SHOWN = 12


def detect(shape: Shape) -> Flavour:
    """Return the first flavour that fits.

    Raises:
        Invalid: RCD-112, with what the schema lacks of the flavour that is nearest to it.
    """
    matches = [(candidate, candidate.detect(shape)) for candidate in FLAVOURS]
    for candidate, match in matches:
        if match.fits:
            return candidate
    if not shape:
        raise Invalid("RCD-112", "the database has no tables")
    nearest, match = min(matches, key=lambda pair: len(pair[1].missing))
    more = f" and {len(match.missing) - _SHOWN} more" if len(match.missing) > _SHOWN else ""
    raise Invalid("RCD-112", f"nearest is {nearest.name}, which lacks: {', '.join(match.missing[:_SHOWN])}{more}")

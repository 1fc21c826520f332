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
        Invalid: RCD-112, with how the schema differs from the flavour that is nearest to it.
    """
    matches = [(candidate, candidate.detect(shape)) for candidate in FLAVOURS]
    for candidate, match in matches:
        if match.fits:
            return candidate
    if not shape:
        raise Invalid("RCD-112", "the database has no tables")
    nearest, match = min(matches, key=lambda pair: pair[1].differences)
    words = [_listed("lacks", match.missing), _listed("has besides", match.foreign)]
    raise Invalid("RCD-112", f"nearest is {nearest.name}; this schema {'; '.join(filter(None, words))}")


def _listed(what: str, names: tuple[str, ...]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{what}: {', '.join(names[:_SHOWN])}{more}"

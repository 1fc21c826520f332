"""Quiet hours as they are stored: weekly ranges in a zone. Their meaning in time is the sender's. Pure."""

import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from schemas.errors import Invalid

_DAYS = {
    name: number
    for number, names in enumerate(
        [
            ("mon", "seg"),
            ("tue", "ter"),
            ("wed", "qua"),
            ("thu", "qui"),
            ("fri", "sex"),
            ("sat", "sab"),
            ("sun", "dom"),
        ]
    )
    for name in names
}
_RANGE = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?\s+)?"
    r"(?P<start>(?:[01]\d|2[0-3]):[0-5]\d)-(?P<end>(?:[01]\d|2[0-3]):[0-5]\d|24:00)"
)
ALL_DAYS = (0, 1, 2, 3, 4, 5, 6)


class QuietRange(msgspec.Struct, frozen=True):
    """From `start` to `end` ("HH:MM"), on the days (Monday 0) on which it starts; an earlier end is a day later."""

    start: str
    end: str
    days: tuple[int, ...] = ALL_DAYS


class QuietHours(msgspec.Struct, frozen=True):
    """An agent's weekly ranges. Without a zone they are in the tenant's."""

    ranges: tuple[QuietRange, ...]
    zone: str | None = None


def parse(text: str, zone: str | None = None) -> QuietHours | None:
    """Read `20:00-08:00`, or `seg-sex 20:00-08:00, sab 00:00-24:00`; `none` gives None.

    Args:
        text: ranges parted by commas, each with an optional day or span of days, in English or Portuguese.
        zone: IANA name.

    Raises:
        Invalid: RCD-405, naming the part that is not understood.
    """
    if text.strip().lower() in {"none", "off", "-"}:
        return None
    return QuietHours(tuple(_range(part) for part in text.lower().split(",")), zone and valid_zone(zone))


def stored(hours: QuietHours | None) -> Any:
    """Return the form for the database's JSON column."""
    return None if hours is None else msgspec.to_builtins(hours)


def valid_zone(name: str) -> str:
    """Return `name` when it is an IANA time zone.

    Raises:
        Invalid: RCD-405.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid("RCD-405", f"{name!r} is no time zone; give one like America/Sao_Paulo") from error
    return name


def _range(part: str) -> QuietRange:
    found = _RANGE.fullmatch(part.strip())
    first, last = (found["first"], found["last"]) if found else (None, None)
    if found is None or any(day is not None and day not in _DAYS for day in (first, last)):
        raise Invalid("RCD-405", f"quiet hours {part.strip()!r}: give 20:00-08:00 or seg-sex 20:00-08:00")
    if found["start"] == found["end"]:
        raise Invalid("RCD-405", f"quiet hours {part.strip()!r} are empty; a whole day is 00:00-24:00")
    return QuietRange(found["start"], found["end"], _span(first, last))


def _span(first: str | None, last: str | None) -> tuple[int, ...]:
    if first is None:
        return ALL_DAYS
    begin, end = _DAYS[first], _DAYS[last or first]
    return tuple(sorted((begin + step) % 7 for step in range((end - begin) % 7 + 1)))

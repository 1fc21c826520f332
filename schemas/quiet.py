"""Quiet hours and holidays as people write them and as they are stored. Their meaning is the sender's. Pure."""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from schemas.errors import Invalid

CODE = "RCD-408"
DAY = 24 * 60
WEEK = 7 * DAY
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
_TIMES = r"(?P<start>(?:[01]\d|2[0-3]):[0-5]\d)-(?P<end>(?:[01]\d|2[0-3]):[0-5]\d|24:00)"
_RANGE = re.compile(r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?\s+)?" + _TIMES)
_HOLIDAY = re.compile(r"(?P<day>(?:\d{4}-)?\d\d-\d\d)(?:\.\.(?P<last>(?:\d{4}-)?\d\d-\d\d))?(?:\s+" + _TIMES + ")?")
_LEAP = 2024
ALL_DAYS = (0, 1, 2, 3, 4, 5, 6)


class QuietRange(msgspec.Struct, frozen=True):
    """From `start` to `end` ("HH:MM"), on the days (Monday 0) on which it starts; an earlier end is a day later."""

    start: str
    end: str
    days: tuple[int, ...] = ALL_DAYS


class QuietHours(msgspec.Struct, frozen=True):
    """Weekly ranges; none at all means never quiet. Without a zone they are in the tenant's."""

    ranges: tuple[QuietRange, ...]
    zone: str | None = None


class Holiday(msgspec.Struct, frozen=True):
    """Days that are quiet as a whole: from `day` to `last`, both `YYYY-MM-DD`, or `MM-DD` for each year.

    With `start` and `end` people work between these on each of the days, and only then.
    """

    day: str
    last: str
    start: str | None = None
    end: str | None = None


def parse(text: str, zone: str | None = None) -> QuietHours | None:
    """Read `20:00-08:00`, or `seg-sex 20:00-08:00, sab 00:00-24:00`.

    Args:
        text: ranges parted by commas, each with an optional day or span of days, in English or Portuguese; `none`
            for never quiet, `default` for no hours of one's own (None is returned).
        zone: IANA name.

    Raises:
        Invalid: RCD-408, naming the part that is not understood, empty, or overlaps another.
    """
    word = text.strip().lower()
    if word == "default":
        return None
    parts = [] if word in {"none", "off", "-"} else text.lower().split(",")
    return checked(QuietHours(tuple(_range(part) for part in parts), zone and valid_zone(zone)))


def checked(hours: QuietHours) -> QuietHours:
    """Return `hours` when no two of its ranges that start on the same day overlap, and some of the week is left.

    A night may run into the next day's ranges (`seg-sex 20:00-08:00, sab 00:00-24:00`): they are one stretch.

    Raises:
        Invalid: RCD-408.
    """
    spans = sorted((span for entry in hours.ranges for span in _spans(entry)), key=lambda span: span[:2])
    for (begin, end, one), (start, _, other) in pairwise(spans):
        if start < end and begin // DAY == start // DAY:
            raise Invalid(CODE, f"quiet hours {shown(one)!r} and {shown(other)!r} overlap; make one range of them")
    if len({minute % WEEK for start, end, _ in spans for minute in range(start, end)}) == WEEK:
        raise Invalid(CODE, "these hours leave no time of the week; switch notices off instead (--no-notify)")
    return hours


def parse_holidays(text: str) -> tuple[Holiday, ...]:
    """Read `12-25, 2026-12-24..2027-01-03, 2026-12-31 08:00-12:00`; `none` gives none.

    Raises:
        Invalid: RCD-408, naming the part that is not understood.
    """
    if text.strip().lower() in {"none", "-"}:
        return ()
    holidays = tuple(_holiday(part.strip()) for part in text.split(","))
    for number, each in enumerate(holidays):
        if any((each.day, each.last) == (other.day, other.last) for other in holidays[:number]):
            raise Invalid(CODE, f"holiday {each.day!r} is given twice")
    return holidays


def stored(hours: QuietHours | None) -> Any:
    """Return the form for the database's JSON column."""
    return None if hours is None else msgspec.to_builtins(hours)


def stored_holidays(holidays: Iterable[Holiday]) -> Any:
    """Return the form for the database's JSON column."""
    return [msgspec.to_builtins(holiday) for holiday in holidays]


def shown(entry: QuietRange) -> str:
    """Return a range as a person writes it."""
    names = list(_DAYS)[::2]
    days = "" if entry.days == ALL_DAYS else "+".join(names[day] for day in entry.days) + " "
    return f"{days}{entry.start}-{entry.end}"


def valid_zone(name: str) -> str:
    """Return `name` when it is an IANA time zone.

    Raises:
        Invalid: RCD-408.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(CODE, f"{name!r} is no time zone; give one like America/Sao_Paulo") from error
    return name


def minutes(text: str) -> int:
    """Return the minute of the day of `HH:MM`."""
    hours, _, rest = text.partition(":")
    return int(hours) * 60 + int(rest)


def written(minute: int) -> str:
    """Return `HH:MM` of a minute of the day, 24:00 for the last."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def outside(open_spans: Sequence[tuple[int, int]], zone: str | None = None) -> QuietHours:
    """Return the hours that are quiet when people work in `open_spans`: minutes of the week, Monday 00:00 is 0.

    Raises:
        Invalid: RCD-408, they never work.
    """
    worked = set()
    for start, end in open_spans:
        worked |= {minute % WEEK for minute in range(start, end)}
    if not worked:
        raise Invalid(CODE, "these hours leave no time of the week in which anybody works")
    days: dict[tuple[str, str], list[int]] = {}
    for day in ALL_DAYS:
        quiet = [minute for minute in range(DAY) if day * DAY + minute not in worked]
        for start, end in _runs(quiet):
            days.setdefault((written(start), written(end)), []).append(day)
    return QuietHours(tuple(QuietRange(start, end, tuple(on)) for (start, end), on in days.items()), zone)


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return the unbroken runs of ascending numbers, ends exclusive."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return runs


def _spans(entry: QuietRange) -> list[tuple[int, int, QuietRange]]:
    start, end = minutes(entry.start), minutes(entry.end)
    length = end - start if end > start else end - start + DAY
    return [(day * DAY + start, day * DAY + start + length, entry) for day in entry.days]


def _range(part: str) -> QuietRange:
    found = _RANGE.fullmatch(part.strip())
    first, last = (found["first"], found["last"]) if found else (None, None)
    if found is None or any(day is not None and day not in _DAYS for day in (first, last)):
        raise Invalid(CODE, f"quiet hours {part.strip()!r}: give 20:00-08:00 or seg-sex 20:00-08:00")
    if found["start"] == found["end"]:
        raise Invalid(CODE, f"quiet hours {part.strip()!r} are empty; a whole day is 00:00-24:00")
    return QuietRange(found["start"], found["end"], _span(first, last))


def _span(first: str | None, last: str | None) -> tuple[int, ...]:
    if first is None:
        return ALL_DAYS
    begin, end = _DAYS[first], _DAYS[last or first]
    return tuple(sorted((begin + step) % 7 for step in range((end - begin) % 7 + 1)))


def _holiday(part: str) -> Holiday:
    found = _HOLIDAY.fullmatch(part)
    if found is None:
        raise Invalid(CODE, f"holiday {part!r}: give 12-25, 2026-12-25, 2026-12-24..2027-01-03, or one with hours")
    holiday = Holiday(found["day"], found["last"] or found["day"], found["start"], found["end"])
    days = [_date(text, part) for text in (holiday.day, holiday.last)]
    if len(holiday.day) != len(holiday.last) or days[0] > days[1]:
        raise Invalid(CODE, f"holiday {part!r}: the last day must not be before the first")
    if holiday.start is not None and holiday.end is not None and minutes(holiday.start) >= minutes(holiday.end):
        raise Invalid(CODE, f"holiday {part!r}: work must end after it begins, on the same day")
    return holiday


def _date(text: str, part: str) -> date:
    try:
        return date.fromisoformat(text if len(text) == 10 else f"{_LEAP}-{text}")
    except ValueError as error:
        raise Invalid(CODE, f"holiday {part!r}: {text} is no day of the calendar") from error

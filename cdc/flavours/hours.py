"""Working hours as forks of Whaticket store them, turned into quiet hours. Pure.

Three shapes: ticketz' weekdays (`Companies.schedules`, `Queues.schedules`, also maurilio's), ticketz' newer rules
with exceptions and a zone, and press' one span for every day (`Users` and `Queues`: `startWork`, `endWork`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from schemas.errors import Invalid
from schemas.quiet import CODE, DAY, Holiday, QuietHours, checked, minutes, outside, valid_zone, written

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?|24:00")
_PAIRS = (("startTime", "endTime"), ("startTimeA", "endTimeA"), ("startTimeB", "endTimeB"))
_LAST_MINUTE = 23 * 60 + 59


class Imported(NamedTuple):
    """What was read. `left_out` says in words what quiet hours cannot express."""

    hours: QuietHours
    holidays: tuple[Holiday, ...] = ()
    left_out: tuple[str, ...] = ()


def read(stored: Any) -> Imported:
    """Return the hours outside of these working hours.

    Args:
        stored: the column's value as JSON gives it: a list of weekdays, an object with `weeklyRules`, or one with
            `startWork` and `endWork`.

    Raises:
        Invalid: RCD-408, another shape, a time that is none, or hours in which nobody ever works.
    """
    if isinstance(stored, list):
        return Imported(_quiet(_weekdays(stored), None))
    if isinstance(stored, Mapping) and "weeklyRules" in stored:
        return _rules(stored)
    if isinstance(stored, Mapping) and {"startWork", "endWork"} <= set(stored):
        span = _span(stored["startWork"], stored["endWork"])
        return Imported(_quiet([(day * DAY + span[0], day * DAY + span[1]) for day in range(7)], None))
    raise Invalid(CODE, "these are no working hours of ticketz (schedules) or press (startWork, endWork)")


def _quiet(worked: Sequence[tuple[int, int]], zone: str | None) -> QuietHours:
    return checked(outside(worked, zone))


def _weekdays(rows: Sequence[Any]) -> list[tuple[int, int]]:
    worked = []
    for row in rows:
        name = str(row.get("weekdayEn", "")).lower() if isinstance(row, Mapping) else ""
        if name not in _WEEKDAYS:
            raise Invalid(CODE, f"a day without a name we know: {name!r}")
        day = _WEEKDAYS.index(name) * DAY
        for first, last in _PAIRS:
            # A span of which one end is empty is not worked: the form was left half filled.
            if row.get(first) and row.get(last):
                start, end = _span(row[first], row[last])
                worked.append((day + start, day + end))
    return worked


class _Hours(msgspec.Struct):
    start: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")


class _Rule(msgspec.Struct):
    days: list[str] = []
    hours: list[_Hours] = []


class _Override(msgspec.Struct):
    date: str
    repeat: str | None = None
    closed: bool = False
    hours: list[_Hours] | None = None


class _Rules(msgspec.Struct):
    weekly: list[_Rule] = msgspec.field(name="weeklyRules", default=[])
    overrides: list[_Override] = []
    timezone: str | None = None


def _rules(stored: Mapping[str, Any]) -> Imported:
    try:
        rules = msgspec.convert(stored, _Rules)
    except msgspec.ValidationError as error:
        raise Invalid(CODE, f"rules of another form: {error}") from error
    worked = []
    for rule in rules.weekly:
        for name in rule.days:
            day = next((n for n, full in enumerate(_WEEKDAYS) if full[:3] == name.lower()[:3]), None)
            if day is None:
                raise Invalid(CODE, f"a day without a name we know: {name!r}")
            for hours in rule.hours:
                start, end = _span(hours.start, hours.end)
                if end <= DAY:  # ticketz never works across midnight: such a rule is never open
                    worked.append((day * DAY + start, day * DAY + end))
    holidays, left_out = [], []
    for override in rules.overrides:
        holiday, notes = _override(override)
        holidays += [holiday] if holiday is not None else []
        left_out += notes
    zone = valid_zone(rules.timezone) if rules.timezone else None
    return Imported(_quiet(worked, zone), tuple(holidays), tuple(left_out))


def _override(override: _Override) -> tuple[Holiday | None, list[str]]:
    date = override.date[:10]
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", date):
        raise Invalid(CODE, f"an exception without a date: {date!r}")
    day = date[5:] if override.repeat == "yearly" else date
    spans = [_span(hours.start, hours.end) for hours in override.hours or ()]
    if override.closed or not spans:
        return Holiday(day, day), []
    start, end = min(span[0] for span in spans), max(span[1] for span in spans)
    if end > DAY:
        return None, [f"{day}: work across midnight"]
    notes = [] if len(spans) == 1 else [f"{day}: the break between {len(spans)} spans of work"]
    notes.append(f"{day}: work outside of the week's hours, if any")
    return Holiday(day, day, written(start), written(end)), notes


def _span(first: Any, last: Any) -> tuple[int, int]:
    """Return start and end in minutes; an earlier end is on the next day, 23:59 is the whole day's last minute."""
    for text in (first, last):
        if not isinstance(text, str) or not _CLOCK.fullmatch(text):
            raise Invalid(CODE, f"{text!r} is no time of the day")
    start, end = minutes(first[:5].rjust(5, "0")), minutes(last[:5].rjust(5, "0"))
    end = DAY if end == _LAST_MINUTE else end
    return (start, end) if end > start else (start, end + DAY)


def spans(imported: Imported) -> Iterator[str]:
    """Yield each quiet range in words, for a person who looks before applying."""
    names = [name[:3] for name in _WEEKDAYS]
    for entry in imported.hours.ranges:
        yield f"{'+'.join(names[day] for day in entry.days)} {entry.start}-{entry.end}"

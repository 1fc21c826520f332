"""Quiet hours and holidays in time: wall clocks become instants, instants are compared. Rows S9, S10. Pure.

A range belongs to the local day on which it starts. Its start is the first instant with that wall-clock time, its
end the last one; a time that a clock change leaves out stands for the first instant after the gap. Start inclusive,
end exclusive. So a night with a clock change in it is one stretch, longer or shorter, never one with a hole.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec
import structlog

from schemas.config import AgentConfig, TenantConfig
from schemas.errors import Invalid
from schemas.quiet import Holiday, QuietHours, valid_zone

log = structlog.get_logger(__name__)

NEVER_ENDS = 253_402_300_799_000
"""The end of a quiet stretch that has none: the last second of the year 9999."""
_HORIZON = timedelta(days=400)
_ONE = timedelta(days=1)
_BACK = timedelta(days=2)
"""A range starts at most so long before an instant that it holds: its length, and a clock change on top."""
_NO_HOURS = QuietHours(())


def quiet_end(agent: AgentConfig, tenant: TenantConfig, now_ms: int) -> int | None:
    """Return when the agent's present quiet stretch ends, None when it is not quiet now.

    Ranges and holidays that touch or overlap are one stretch. `NEVER_ENDS` when it does not end within 400 days.
    """
    return _calendar(agent.quiet_hours or tenant.quiet_hours, tenant.zone, tenant.holidays).quiet_end(now_ms)


def zone_of(agent: AgentConfig, tenant: TenantConfig) -> str:
    """Return the zone by whose clock the agent lives: that of the quiet hours, else the tenant's."""
    return _calendar(agent.quiet_hours or tenant.quiet_hours, tenant.zone, tenant.holidays).zone


class Calendar:
    """One set of hours and holidays in one zone. Remembers its last answer for as long as that one holds."""

    def __init__(self, hours: QuietHours, holidays: tuple[Holiday, ...], zone: str) -> None:
        self.zone = zone
        self._zone = ZoneInfo(zone)
        self._ranges = [(_clock(r.start), _clock(r.end), frozenset(r.days)) for r in hours.ranges]
        self._holidays = holidays
        self._from_ms = self._to_ms = 0
        self._end_ms: int | None = None

    def quiet_end(self, now_ms: int) -> int | None:
        """Return when the stretch that holds `now_ms` ends, None when it is not quiet then."""
        if not self._ranges and not self._holidays:
            return None
        if not self._from_ms <= now_ms < self._to_ms:
            self._look(now_ms)
        return self._end_ms

    def stretches(self, first: date, last: date) -> list[tuple[int, int]]:
        """Return the quiet stretches that begin on these local days, joined where they touch, in order."""
        found: list[tuple[int, int]] = []
        for start, end in sorted(span for day in _days(first, last) for span in self._of(day)):
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], max(found[-1][1], end))
            elif start < end:
                found.append((start, end))
        return found

    def _look(self, now_ms: int) -> None:
        today = _local(self._zone, now_ms).date()
        last = today + _BACK
        spans = self.stretches(today - _BACK, last)
        at = bisect_right(spans, (now_ms, NEVER_ENDS + 1)) - 1
        if at < 0 or spans[at][1] <= now_ms:
            self._from_ms, self._end_ms = now_ms, None
            self._to_ms = spans[at + 1][0] if at + 1 < len(spans) else now_ms + 3_600_000
            return
        # The stretch may go on beyond the days that were looked at.
        while spans[at][1] >= _ms(_first(self._zone, datetime.combine(last, time()))):
            if last - today > _HORIZON:
                spans[at] = (spans[at][0], NEVER_ENDS)
                break
            last += _HORIZON / 8
            spans = self.stretches(today - _BACK, last)
            at = bisect_right(spans, (now_ms, NEVER_ENDS + 1)) - 1
        # Its start was looked for two days back only; before that nothing is claimed.
        self._from_ms, self._to_ms = now_ms, spans[at][1]
        self._end_ms = spans[at][1]

    def _of(self, day: date) -> Iterator[tuple[int, int]]:
        for start, end, days in self._ranges:
            if day.weekday() in days:
                yield self._span(day, start, end)
        for holiday in self._holidays:
            if not _falls_on(holiday, day):
                continue
            if holiday.start is None or holiday.end is None:
                yield self._span(day, 0, 1440)
            else:
                yield self._span(day, 0, _clock(holiday.start)) if _clock(holiday.start) else (0, 0)
                if _clock(holiday.end) < 1440:
                    yield self._span(day, _clock(holiday.end), 1440)

    def _span(self, day: date, start: int, end: int) -> tuple[int, int]:
        midnight = datetime.combine(day, time())
        ends = midnight + timedelta(minutes=end if end > start else end + 1440)
        starts = midnight + timedelta(minutes=start)
        return _ms(_first(self._zone, starts)), _ms(_last(self._zone, ends))


def _first(zone: ZoneInfo, wall: datetime) -> datetime:
    """Return the first instant at which clocks show `wall`, else the first after the gap that leaves it out."""
    return _instant(zone, wall, fold=0)


def _last(zone: ZoneInfo, wall: datetime) -> datetime:
    """Return the last instant at which clocks show `wall`, else the first after the gap that leaves it out."""
    return _instant(zone, wall, fold=1)


def _instant(zone: ZoneInfo, wall: datetime, fold: int) -> datetime:
    found = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return found
    # In a gap: the change of the offset lies between the two readings of the wall clock.
    low, high = (wall.replace(tzinfo=zone, fold=f).astimezone(UTC) for f in (1, 0))
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _clock(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000


def _local(zone: ZoneInfo, now_ms: int) -> datetime:
    return datetime.fromtimestamp(now_ms / 1000, zone)


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += _ONE


def _falls_on(holiday: Holiday, day: date) -> bool:
    text = day.isoformat()
    return holiday.day <= (text if len(holiday.day) == 10 else text[5:]) <= holiday.last


@lru_cache(maxsize=4_096)
def _calendar(hours: str | None, zone: str, holidays: tuple[Holiday, ...]) -> Calendar:
    """Our commands store only what is valid. What was spoilt by hand must not stop a partition: it is not quiet."""
    try:
        found = msgspec.json.decode(hours, type=QuietHours) if hours else _NO_HOURS
        return Calendar(found, holidays, valid_zone(found.zone or zone))
    except (msgspec.DecodeError, Invalid, ValueError) as error:
        log.error("quiet hours ignored", code="RCD-408", reason=str(error))
        return Calendar(_NO_HOURS, (), "UTC")

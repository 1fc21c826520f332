"""Quiet hours in time: golden rows, examples, and instants computed another way over many zones and years."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import msgspec
import pytest

from consumers.sender.quiet import NEVER_ENDS, Calendar, quiet_end
from schemas.config import HOUR, MINUTE, SECOND
from schemas.quiet import QuietHours, QuietRange, parse, parse_holidays, written
from tests.consumers.sender.world import agent_config, snapshot

TENANT = snapshot().tenants[0]


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000


def calendar(hours: str, zone: str = "America/Sao_Paulo", holidays: str = "none") -> Calendar:
    return Calendar(parse(hours) or QuietHours(()), parse_holidays(holidays), zone)


@pytest.mark.parametrize(
    ("zone", "day", "hours", "start", "end"),
    [
        ("America/New_York", "2026-03-07", "22:00-08:00", "2026-03-08T03:00Z", "2026-03-08T12:00Z"),
        ("America/New_York", "2026-03-08", "02:30-06:00", "2026-03-08T07:00Z", "2026-03-08T10:00Z"),
        ("America/New_York", "2026-10-31", "22:00-01:30", "2026-11-01T02:00Z", "2026-11-01T06:30Z"),
        ("America/Sao_Paulo", "2026-11-21", "22:00-08:00", "2026-11-22T01:00Z", "2026-11-22T11:00Z"),
        ("America/Sao_Paulo", "2018-11-04", "00:00-08:00", "2018-11-04T03:00Z", "2018-11-04T10:00Z"),
        ("Europe/Lisbon", "2026-03-28", "23:00-01:30", "2026-03-28T23:00Z", "2026-03-29T01:00Z"),
    ],
)
def test_a_night_with_a_clock_change_is_one_stretch(zone: str, day: str, hours: str, start: str, end: str) -> None:
    on = date.fromisoformat(day)
    night = calendar(hours, zone)
    assert night.stretches(on, on) == [(ms(start), ms(end))]
    for at_ms in range(ms(start), ms(end), 10 * MINUTE):
        assert night.quiet_end(at_ms) == ms(end)
    assert night.quiet_end(ms(start) - 1) is None
    assert night.quiet_end(ms(end) - 1) == ms(end)
    assert night.quiet_end(ms(end)) is None


def test_a_range_belongs_to_the_day_on_which_it_starts() -> None:
    friday_night = calendar("sex 22:00-08:00")
    assert friday_night.quiet_end(ms("2026-11-21T02:00-03:00")) == ms("2026-11-21T08:00-03:00")
    assert friday_night.quiet_end(ms("2026-11-21T23:00-03:00")) is None
    assert friday_night.quiet_end(ms("2026-11-20T02:00-03:00")) is None


def test_ranges_that_touch_are_one_stretch() -> None:
    weekend = calendar(
        "seg-sex 20:00-24:00, ter-sab 00:00-08:00, sab 08:00-24:00, dom 00:00-24:00, seg 00:00-07:30"
    )
    assert weekend.quiet_end(ms("2026-11-20T20:00-03:00")) == ms("2026-11-23T07:30-03:00")
    assert weekend.quiet_end(ms("2026-11-23T12:00-03:00")) is None


def test_a_holiday_is_quiet_as_a_whole_in_the_agents_own_zone_and_joins_the_nights_around_it() -> None:
    christmas = calendar("20:00-08:00", "America/Manaus", "12-25, 2026-12-31 08:00-12:00")
    assert christmas.quiet_end(ms("2026-12-24T20:00-04:00")) == ms("2026-12-26T08:00-04:00")
    assert christmas.quiet_end(ms("2027-12-25T12:00-04:00")) == ms("2027-12-26T08:00-04:00")
    assert christmas.quiet_end(ms("2026-12-31T09:00-04:00")) is None
    assert christmas.quiet_end(ms("2026-12-31T12:00-04:00")) == ms("2027-01-01T08:00-04:00")


def test_holidays_may_last_for_weeks() -> None:
    summer = calendar("none", holidays="2026-12-21..2027-02-28")
    assert summer.quiet_end(ms("2026-12-21T00:00-03:00")) == ms("2027-03-01T00:00-03:00")
    assert summer.quiet_end(ms("2026-12-20T23:59-03:00")) is None


def test_what_is_always_quiet_never_ends() -> None:
    assert Calendar(QuietHours((QuietRange("00:00", "24:00"),)), (), "UTC").quiet_end(0) == NEVER_ENDS


def test_an_answer_is_remembered_only_for_as_long_as_it_holds() -> None:
    night = calendar("20:00-08:00", "UTC")
    at = ms("2026-11-22T12:00Z")
    for hours, end in ((0, None), (8, 20), (19, 20), (20, None), (31, None), (32, 44), (7, None), (8, 20)):
        assert night.quiet_end(at + hours * HOUR) == (None if end is None else at + end * HOUR)


def test_an_agents_own_hours_and_zone_come_before_the_tenants() -> None:
    tenant = msgspec.structs.replace(
        TENANT, quiet_hours=msgspec.json.encode(parse("20:00-08:00")).decode(), zone="America/Manaus"
    )
    night = ms("2026-11-22T22:00-04:00")
    assert quiet_end(agent_config(1), tenant, night) == ms("2026-11-23T08:00-04:00")
    own = msgspec.json.encode(parse("22:00-06:00", "America/Sao_Paulo")).decode()
    assert quiet_end(agent_config(1, quiet_hours=own), tenant, night) == ms("2026-11-23T06:00-03:00")
    never = msgspec.json.encode(parse("none")).decode()
    assert quiet_end(agent_config(1, quiet_hours=never), tenant, night) is None
    assert quiet_end(agent_config(1), TENANT, night) is None


def test_hours_that_were_spoilt_by_hand_hold_nobody() -> None:
    for spoilt in ("[]", '{"ranges":[{"start":"x","end":"y"}]}', '{"ranges":[],"zone":"Nowhere"}'):
        assert quiet_end(agent_config(1, quiet_hours=spoilt), TENANT, 0) is None


# ── another way ───────────────────────────────────────────────────────────────────────────────────────────

ZONE_NAMES = """
    America/Sao_Paulo America/Manaus America/Rio_Branco America/Noronha America/Cuiaba America/Campo_Grande
    America/New_York America/Chicago America/Denver America/Los_Angeles America/Anchorage America/St_Johns
    America/Halifax America/Havana America/Mexico_City America/Tijuana America/Caracas America/Bogota
    America/Santiago America/Asuncion America/Montevideo America/Argentina/Buenos_Aires America/Argentina/San_Luis
    America/Nuuk America/Scoresbysund Atlantic/Azores Europe/Lisbon Europe/London Europe/Dublin Europe/Berlin
    Europe/Athens Europe/Istanbul Europe/Moscow Europe/Samara Africa/Casablanca Africa/Cairo Africa/Windhoek
    Africa/Johannesburg Asia/Amman Asia/Gaza Asia/Jerusalem Asia/Tehran Asia/Kolkata Asia/Kathmandu Asia/Pyongyang
    Australia/Lord_Howe Australia/Adelaide Australia/Sydney Pacific/Apia Pacific/Chatham Antarctica/Troll
"""
ZONES = ZONE_NAMES.split()
FIRST, LAST = datetime(2006, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)


def offset(zone: ZoneInfo, at: datetime) -> timedelta:
    found = at.astimezone(zone).utcoffset()
    assert found is not None
    return found


def changes(zone: ZoneInfo) -> Iterator[datetime]:
    """Yield every instant at which the zone's offset changes: day by day, then halved down to a second."""
    at = FIRST
    while at < LAST:
        after = at + timedelta(days=1)
        low, high = at, after
        if offset(zone, low) != offset(zone, high):
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (middle, high) if offset(zone, middle) == offset(zone, low) else (low, middle)
            yield high
        at = after


def readings(zone: ZoneInfo, change: datetime, wall: datetime) -> list[datetime]:
    """Return every instant near `change` at which clocks show `wall`; where they never do, the change itself.

    Only from instants to clocks: each offset in force around the change gives a candidate, which must show `wall`.
    """
    offsets = {offset(zone, change + timedelta(hours=hours)) for hours in (-72, -1, 0, 72)}
    candidates = [(wall - found).replace(tzinfo=UTC) for found in offsets]
    shown = [at for at in candidates if at.astimezone(zone).replace(tzinfo=None, fold=0) == wall]
    return sorted(shown) or [change]


def test_stretches_agree_with_instants_computed_another_way() -> None:
    chance, seen = Random(1), 0
    for name in ZONES:
        zone = ZoneInfo(name)
        for change in changes(zone):
            seen += 1
            day = (change.astimezone(zone) + timedelta(days=chance.choice((-1, 0, 0)))).date()
            wall = change.astimezone(zone).replace(tzinfo=None)
            near = (wall.hour * 60 + wall.minute + chance.choice((-90, -45, -15, 0, 15, 45))) % 1440
            start, length = chance.choice((near, chance.randrange(1440))), chance.choice((45, 120, 600, 1439))
            start = start if chance.random() < 0.5 else (near - length) % 1440
            end = (start + length) % 1440
            hours = Calendar(QuietHours((QuietRange(written(start), written(end), (day.weekday(),)),)), (), name)
            midnight = datetime.combine(day, datetime.min.time())
            first = readings(zone, change, midnight + timedelta(minutes=start))[0]
            last = readings(zone, change, midnight + timedelta(minutes=end if end > start else end + 1440))[-1]
            expected = [(first, last)] if first < last else []
            got = hours.stretches(day, day)
            assert got == [(int(a.timestamp()) * 1000, int(b.timestamp()) * 1000) for a, b in expected], (
                name, day, written(start), written(end),
            )  # fmt: skip
            for from_ms, to_ms in got:
                assert hours.quiet_end(from_ms) == to_ms
                assert hours.quiet_end(to_ms - SECOND) == to_ms
    assert len(ZONES) >= 50
    assert seen > 1_000


def test_any_set_of_ranges_is_quiet_exactly_inside_its_stretches() -> None:
    chance = Random(2)
    for name in ZONES[::5]:
        for _ in range(6):
            ranges = tuple(
                QuietRange(
                    written(chance.randrange(1440)), written(chance.randrange(1, 1441)), (chance.randrange(7),)
                )
                for _ in range(chance.randrange(1, 6))
            )
            ranges = tuple(r for r in ranges if r.start != r.end)
            one, other = Calendar(QuietHours(ranges), (), name), Calendar(QuietHours(ranges), (), name)
            day = FIRST.date() + timedelta(days=chance.randrange(7_000))
            spans = one.stretches(day - timedelta(days=8), day + timedelta(days=16))
            at_ms = ms(f"{day}T00:00Z")
            for step in range(60):
                now_ms = at_ms + step * 3 * HOUR + chance.randrange(3 * HOUR)
                at = bisect_right(spans, (now_ms, NEVER_ENDS + 1)) - 1
                inside = at >= 0 and now_ms < spans[at][1]
                assert other.quiet_end(now_ms) == (spans[at][1] if inside else None), (name, ranges, now_ms)

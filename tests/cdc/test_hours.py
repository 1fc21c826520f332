"""Working hours of the forks become quiet hours."""

from typing import Any

import pytest

from cdc.flavours.hours import Imported, read
from schemas.errors import Invalid
from schemas.quiet import Holiday, QuietHours, QuietRange

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def rows(**times: str) -> list[dict[str, str]]:
    """ticketz' and maurilio's list: work from Monday to Friday, nothing filled in for the weekend."""
    empty = dict.fromkeys(times, "")
    return [{"weekday": day, "weekdayEn": day, **(times if i < 5 else empty)} for i, day in enumerate(WEEK)]


def test_ticketz_weekdays_with_a_break() -> None:
    stored = rows(startTimeA="08:00", endTimeA="12:00", startTimeB="13:00", endTimeB="18:00")
    workdays = (0, 1, 2, 3, 4)
    assert read(stored) == Imported(
        QuietHours(
            (
                QuietRange("00:00", "08:00", workdays),
                QuietRange("12:00", "13:00", workdays),
                QuietRange("18:00", "24:00", workdays),
                QuietRange("00:00", "24:00", (5, 6)),
            )
        )
    )


def test_the_older_form_has_one_span_a_day_and_a_half_filled_one_is_not_worked() -> None:
    stored = rows(startTime="09:00", endTime="18:00")
    stored[4]["endTime"] = ""
    assert read(stored).hours.ranges[-1] == QuietRange("00:00", "24:00", (4, 5, 6))


def test_ticketz_rules_bring_zone_and_holidays() -> None:
    stored = {
        "timezone": "America/Manaus",
        "weeklyRules": [
            {"days": ["mon", "tue", "wed", "thu", "fri"], "hours": [{"from": "08:00", "to": "18:00"}]},
            {"days": ["sat"], "hours": []},
        ],
        "overrides": [
            {"date": "2026-12-25", "repeat": "yearly", "closed": True, "label": "Natal"},
            {"date": "2026-11-20"},
            {"date": "2026-12-31", "hours": [{"from": "08:00", "to": "12:00"}]},
        ],
    }
    found = read(stored)
    assert found.hours.zone == "America/Manaus"
    assert found.holidays == (
        Holiday("12-25", "12-25"),
        Holiday("2026-11-20", "2026-11-20"),
        Holiday("2026-12-31", "2026-12-31", "08:00", "12:00"),
    )
    assert found.left_out == ("2026-12-31: work outside of the week's hours, if any",)


@pytest.mark.parametrize(
    ("start", "end", "ranges"),
    [
        ("08:00", "18:00", (QuietRange("00:00", "08:00"), QuietRange("18:00", "24:00"))),
        ("22:00", "06:00", (QuietRange("06:00", "22:00"),)),
        ("00:00", "23:59", ()),
    ],
)
def test_press_works_the_same_hours_every_day(start: str, end: str, ranges: tuple[QuietRange, ...]) -> None:
    assert read({"startWork": start, "endWork": end}).hours == QuietHours(ranges)


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "08:00-18:00",
        [],
        [{"weekdayEn": "funday"}],
        [7],
        {"startWork": None, "endWork": None},
        {"startWork": "8 h", "endWork": "18:00"},
        {"weeklyRules": [{"days": ["mon"], "hours": [{"from": "25:00", "to": "26:00"}]}]},
        {"weeklyRules": [{"days": ["x"], "hours": []}]},
        {"weeklyRules": ["mon"]},
        {"weeklyRules": [], "timezone": "Mars/Olympus"},
        {"weeklyRules": [{"days": ["mon"], "hours": [{"from": "08:00", "to": "18:00"}]}], "overrides": [{}]},
    ],
)
def test_anything_else_is_refused(stored: Any) -> None:
    with pytest.raises(Invalid) as refused:
        read(stored)
    assert refused.value.code == "RCD-408"

"""Quiet hours as people write them."""

import pytest

from schemas.errors import Invalid
from schemas.quiet import Holiday, QuietHours, QuietRange, outside, parse, parse_holidays, stored, valid_zone


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("20:00-08:00", QuietHours((QuietRange("20:00", "08:00"),))),
        (
            "seg-sex 20:00-08:00, SAB 00:00-24:00",
            QuietHours((QuietRange("20:00", "08:00", (0, 1, 2, 3, 4)), QuietRange("00:00", "24:00", (5,)))),
        ),
        ("fri-mon 22:30-06:15", QuietHours((QuietRange("22:30", "06:15", (0, 4, 5, 6)),))),
        ("none", QuietHours(())),
        ("default", None),
    ],
)
def test_ranges_are_read_with_their_days(text: str, hours: QuietHours | None) -> None:
    assert parse(text) == hours


def test_the_stored_form_is_plain_json() -> None:
    assert stored(parse("sab 00:00-24:00", "America/Manaus")) == {
        "ranges": ({"start": "00:00", "end": "24:00", "days": (5,)},),
        "zone": "America/Manaus",
    }


@pytest.mark.parametrize(
    "text",
    ["", "8-20", "25:00-08:00", "20:00-08:60", "24:00-08:00", "foo 20:00-08:00", "20:00-20:00", "20:00-08:00,"],
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(text)
    assert refused.value.code == "RCD-408"


def test_a_zone_is_an_iana_name() -> None:
    assert valid_zone("America/Sao_Paulo") == "America/Sao_Paulo"
    for zone in ("Brasilia", "", "../etc/passwd"):
        with pytest.raises(Invalid) as refused:
            valid_zone(zone)
        assert refused.value.code == "RCD-408"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("20:00-08:00, 20:00-08:00", "overlap"),
        ("dom 22:00-08:00, dom 23:00-24:00", "overlap"),
        ("seg 10:00-12:00, seg-sex 11:00-13:00", "overlap"),
        ("00:00-24:00", "no time of the week"),
        ("20:00-08:00, 08:00-20:00", "no time of the week"),
    ],
)
def test_ranges_that_overlap_or_leave_nothing_are_refused(text: str, named: str) -> None:
    with pytest.raises(Invalid, match=named) as refused:
        parse(text)
    assert refused.value.code == "RCD-408"


def test_ranges_may_touch_and_a_night_may_run_into_the_next_day() -> None:
    assert parse("sex 20:00-24:00, sab 00:00-24:00, dom 00:00-08:00") is not None
    assert parse("20:00-08:00, sab-dom 00:00-20:00") is not None


def test_holidays_are_days_spans_of_days_and_short_days() -> None:
    assert parse_holidays("12-25, 2026-12-24..2027-01-03, 2026-12-31 08:00-12:00, 02-29") == (
        Holiday("12-25", "12-25"),
        Holiday("2026-12-24", "2027-01-03"),
        Holiday("2026-12-31", "2026-12-31", "08:00", "12:00"),
        Holiday("02-29", "02-29"),
    )
    assert parse_holidays("none") == ()


@pytest.mark.parametrize(
    "text", ["", "25/12", "2026-02-30", "2027-01-03..2026-12-24", "12-24..2027-01-03", "12-25 12:00-08:00", "13-01"]
)
def test_what_is_no_holiday_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_holidays(text)
    assert refused.value.code == "RCD-408"


def test_outside_of_working_hours_it_is_quiet() -> None:
    day = 24 * 60
    worked = [(d * day + 8 * 60, d * day + 18 * 60) for d in range(5)]
    assert outside(worked, "America/Manaus") == QuietHours(
        (
            QuietRange("00:00", "08:00", (0, 1, 2, 3, 4)),
            QuietRange("18:00", "24:00", (0, 1, 2, 3, 4)),
            QuietRange("00:00", "24:00", (5, 6)),
        ),
        "America/Manaus",
    )
    night_shift = [(6 * day + 22 * 60, 7 * day + 6 * 60)]
    assert outside(night_shift).ranges[0] == QuietRange("06:00", "24:00", (0,))
    with pytest.raises(Invalid):
        outside([])


def test_a_holiday_that_is_given_twice_is_refused_for_one_of_both_would_be_a_mistake() -> None:
    with pytest.raises(Invalid) as refused:
        parse_holidays("12-25, 01-01, 12-25")
    assert str(refused.value) == "RCD-408: holiday '12-25' is given twice"

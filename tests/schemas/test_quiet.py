"""Quiet hours as people write them."""

import pytest

from schemas.errors import Invalid
from schemas.quiet import QuietHours, QuietRange, parse, stored, valid_zone


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("20:00-08:00", QuietHours((QuietRange("20:00", "08:00"),))),
        (
            "seg-sex 20:00-08:00, SAB 00:00-24:00",
            QuietHours((QuietRange("20:00", "08:00", (0, 1, 2, 3, 4)), QuietRange("00:00", "24:00", (5,)))),
        ),
        ("fri-mon 22:30-06:15", QuietHours((QuietRange("22:30", "06:15", (0, 4, 5, 6)),))),
        ("none", None),
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
    assert refused.value.code == "RCD-405"


def test_a_zone_is_an_iana_name() -> None:
    assert valid_zone("America/Sao_Paulo") == "America/Sao_Paulo"
    for zone in ("Brasilia", "", "../etc/passwd"):
        with pytest.raises(Invalid) as refused:
            valid_zone(zone)
        assert refused.value.code == "RCD-405"

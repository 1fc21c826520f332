from datetime import date, timedelta

import pytest

from provider.meta import versions


@pytest.mark.parametrize(
    ("version", "today", "expected"),
    [
        ("v21.0", date(2026, 9, 22), None),
        ("v21.0", date(2026, 9, 23), "Graph API v21.0 ends on 2027-01-21 (in 120 days); use v25.0"),
        ("v21.0", date(2027, 1, 20), "Graph API v21.0 ends on 2027-01-21 (in 1 days); use v25.0"),
        ("v21.0", date(2027, 1, 21), "Graph API v21.0 ended on 2027-01-21; use v25.0"),
        ("v20.0", date(2026, 11, 22), "Graph API v20.0 ended on 2026-09-24; use v25.0"),
        ("v18.0", date(2026, 11, 22), "Graph API v18.0 has ended; use v25.0"),
        ("v25.0", date(2026, 11, 22), None),
        ("v26.0", date(2030, 1, 1), None),
        ("v27.0", date(2026, 11, 22), None),
    ],
)
def test_a_version_is_warned_of_in_time(version: str, today: date, expected: str | None) -> None:
    assert versions.warning(version, today) == expected


def test_the_default_is_the_known_version_that_lives_longest() -> None:
    ends = {version: end for version, end in versions.ENDS.items() if end is not None}
    assert max(ends, key=lambda version: ends[version]) == versions.DEFAULT
    assert versions.warning(versions.DEFAULT, ends[versions.DEFAULT] - versions.NOTICE - timedelta(days=1)) is None


@pytest.mark.parametrize(
    ("text", "expected"), [("v25.0", True), ("25.0", False), ("v25", False), ("v25.0/x", False), ("", False)]
)
def test_a_version_has_a_form(text: str, expected: bool) -> None:
    assert versions.is_version(text) is expected

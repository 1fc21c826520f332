import pytest

from formatter.ages import span
from formatter.languages import translations


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "1 s"),
        (0, "1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (9 * 3600 + 120, "9 h 02"),
        (11 * 3600 + 46 * 60, "11 h 46"),
        (86_400, "1 dia"),
        (3 * 86_400, "3 dias"),
    ],
)
def test_a_span_is_told_in_words(seconds: int, expected: str) -> None:
    assert span(seconds * 1000, translations("pt_BR")) == expected

import pytest
from hypothesis import given
from hypothesis import strategies as st

import formatter.opening
from provider import openings
from provider.openings import BODY_LIMIT, fitting, one_line, shorter, within


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Maria Souza #4821 (6 msgs)", "Maria Souza #4821 (6 msgs)"),
        ("uma\nlinha\r\ne\toutra", "uma linha e outra"),
        ("muitos      espaços", "muitos espaços"),
        ("\u2028separador\u2029", "separador"),
        ("\u200e[Whaticket] aviso", "[Whaticket] aviso"),
        ("\u202eoãçan", "oãçan"),
        ("zero\u200blargura\ufeff", "zerolargura"),
        ("família 👩‍👧‍👦", "família 👩‍👧‍👦"),
        ("", "—"),
        (" \n\t ", "—"),
        ("\u200b", "—"),
        ("nulo\x00fim", "nulo fim"),
    ],
)
def test_a_parameter_is_one_line(text: str, expected: str) -> None:
    assert one_line(text) == expected


def test_a_parameter_is_cut_between_graphemes() -> None:
    assert one_line("👩‍👧‍👦" * 5, limit=3) == "👩‍👧‍👦" * 2 + "…"
    assert one_line("abc", limit=3) == "abc"


def test_the_longest_parameters_give_way_until_all_fit_together() -> None:
    found = fitting(["a" * 700, "b" * 600, "c" * 10])
    assert [len(each) for each in found] == [414, 600, 10]
    assert (found[0][-1], found[1], found[2]) == ("…", "b" * 600, "c" * 10)


def test_a_body_that_was_refused_as_too_long_is_halved_where_it_is_longest() -> None:
    assert shorter(("curto", "x" * 100)) == ("curto", "x" * 49 + "…")
    assert shorter(()) == ()


@pytest.mark.parametrize(
    ("text", "room", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("👍👍", 4, "👍👍"),
        ("👍👍👍", 4, "👍…"),
        ("👩‍👧‍👦", 3, "…"),
        ("a b", 2, "a…"),
    ],
)
def test_a_text_is_cut_between_graphemes_by_the_units_that_vendors_count(
    text: str, room: int, expected: str
) -> None:
    assert within(text, room) == expected


def test_openings_have_as_many_placeholders_as_templates_are_checked_for() -> None:
    assert openings.PARAMETERS == formatter.opening.PARAMETERS


@given(st.lists(st.text(max_size=2_000), max_size=4))
def test_whatever_the_text_whatsapp_would_take_it(parameters: list[str]) -> None:
    found = fitting(parameters)
    assert len(found) == len(parameters)
    assert sum(map(len, found)) <= BODY_LIMIT
    for each in found:
        assert each
        assert not set(each) & set("\n\r\t\x00\u2028\u2029\u200e\u202e")
        assert "  " not in each
    assert fitting(found) == found

import pytest

from formatter.plain import graphemes
from formatter.preview import LIMIT, blank, preview
from formatter.redaction import Marks


def test_a_preview_is_one_quoted_line() -> None:
    assert preview("Oi\n\nmeu *pedido*   não chegou ", Marks()) == '"Oi meu *pedido* não chegou"'


@pytest.mark.parametrize(
    "text", [None, "", " \n", "\u200b\u202e", "null", "undefined", "None", "NaN", "[object Object]"]
)
def test_what_shows_nothing_is_blank(text: str | None) -> None:
    assert blank(text)
    assert preview(text, Marks()) is None


def test_a_long_text_is_cut_to_140_graphemes() -> None:
    shown = preview("ação " * 100, Marks())
    assert shown is not None
    assert graphemes(shown[1:-1]) <= LIMIT
    assert shown.endswith('…"')


def test_what_is_hidden_is_hidden_before_the_cut_so_that_no_half_of_it_remains() -> None:
    shown = preview("x" * 133 + " 529.982.247-25", Marks())
    assert shown == '"' + "x" * 133 + ' [dado…"'


def test_a_text_of_a_million_characters_costs_little() -> None:
    assert preview("a1.b@" * 200_000, Marks())

import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from formatter.plain import clean, cut, graphemes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a\n\n\tb\r\nc\u2028d\u00a0e  ", "a b c d e"),
        ("\x1b[31mvermelho\x07\x00\x9f", "[31mvermelho"),
        ("\u202eoãçirav\u202c \u2066x\u2069\u200e\u200f\u061c", "oãçirav x"),
        ("a\u200bb\ufeffc\u00add\u2060e", "abcde"),
        ("\u2800\u3164 \u115f", ""),
        ('diz "oi" “aspas” `x`', "diz 'oi' 'aspas' 'x'"),
        ("👩‍👧‍👦 ❤️ 🇧🇷 👍🏽 1️⃣", "👩‍👧‍👦 ❤️ 🇧🇷 👍🏽 1"),
        ("{\u200d{ a\u200db", "{{ ab"),
        ("Z\u0301\u0301\u0301\u0301\u0301\u0301\u0301", "Ź\u0301\u0301\u0301"),
        ("\ud800x\ue000\U000f0000", "x"),
        ("１２３ ｛｛ ٤٥", "123 {{ 45"),
        ("cafe\u0301", "café"),
    ],
)
def test_a_text_becomes_one_plain_line(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(st.text(st.characters(codec=None)))
def test_cleaning_keeps_its_promises_for_any_text(text: str) -> None:
    line = clean(text)
    assert line == " ".join(line.split())
    assert not [char for char in line if unicodedata.category(char) in ("Cc", "Co", "Cs", "Zl", "Zp")]
    assert not [char for char in line if unicodedata.category(char) == "Cf" and char != "\u200d"]
    assert not regex.search(r"[\"“”`]", line)
    line.encode()


@given(st.text(), st.integers(2, 50))
def test_a_cut_never_exceeds_its_limit_and_shows_that_it_cut(text: str, limit: int) -> None:
    done = cut(text, limit)
    assert graphemes(done) <= limit
    assert done == text or done.endswith("…")


def test_a_cut_never_splits_what_a_reader_sees_as_one() -> None:
    assert cut("👩‍👧‍👦" * 5, 3) == "👩‍👧‍👦👩‍👧‍👦…"


def test_a_grapheme_of_thousands_of_code_points_is_cut() -> None:
    assert len(cut("👩" + "\u200d👩" * 5_000, 10)) < 100

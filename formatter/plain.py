"""Untrusted text becomes one plain line: no control, bidi or invisible characters, no line break. Pure."""

import unicodedata
from typing import Final

import regex

_ELLIPSIS: Final = "…"

# White space in every sense: line and paragraph separators, and letters that are drawn as nothing.
_BLANKS: Final = regex.compile(r"[\s\u0085\u2028\u2029\u115f\u1160\u3164\uffa0\u2800]+")
# C0/C1 controls, format characters (bidi, zero width, soft hyphen, tags), private use, surrogates, and the
# variation selectors that carry no emoji. U+200D and U+FE0F stay for now: emoji are made with them.
_INVISIBLE: Final = regex.compile(
    r"[\p{Cc}\p{Co}\p{Cs}\p{Cn}\ufe00-\ufe0d\U000e0100-\U000e01ef\u034f\ufff9-\ufffd]|(?![\u200d])\p{Cf}"
)
_LOOSE_JOINER: Final = regex.compile(
    r"(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d|\u200d(?!\p{Extended_Pictographic})"
)
_LOOSE_SELECTOR: Final = regex.compile(r"(?<![\p{Emoji}])[\ufe0e\ufe0f]")
_TOO_MANY_MARKS: Final = regex.compile(r"(\p{M}{3})\p{M}+")
_DRESSED_DIGIT: Final = regex.compile(r"(?<=[0-9])\p{M}+")
_QUOTES: Final = str.maketrans(dict.fromkeys('"“”„‟«»‹›〝〞〟`´', "'"))
_GRAPHEME: Final = regex.compile(r"\X")


def _fold(char: str) -> str:
    """Write any script's digit, and full-width ASCII, as ASCII: redaction must see what a person sees."""
    if 0xFF01 <= ord(char) <= 0xFF5E:
        return chr(ord(char) - 0xFEE0)
    digit = unicodedata.digit(char, None) if unicodedata.category(char) == "Nd" else None
    return char if digit is None else str(digit)


def clean(text: str) -> str:
    """Return `text` as one visible line in NFC.

    Guarantees: no C0/C1 control, bidi control, zero-width or private-use character, no unpaired joiner, no
    run of white space, no double quote or backtick (they become `'`), every digit ASCII, at most three
    combining marks in a row. Emoji sequences survive.
    """
    line = _BLANKS.sub(" ", unicodedata.normalize("NFC", text))
    line = _INVISIBLE.sub("", line)
    if not line.isascii():
        line = "".join(map(_fold, line))
        line = _DRESSED_DIGIT.sub("", _TOO_MANY_MARKS.sub(r"\1", line))
        line = _LOOSE_JOINER.sub("", _LOOSE_SELECTOR.sub("", line))
    return _BLANKS.sub(" ", line.translate(_QUOTES)).strip()


def graphemes(text: str) -> int:
    """Return how many characters a reader sees in `text`."""
    return len(_GRAPHEME.findall(text))


def cut(text: str, limit: int) -> str:
    """Return `text` in at most `limit` graphemes (and 8 code points for each), the last one `…` if it was cut."""
    found = _GRAPHEME.findall(text[: limit * 8 + 1])
    if len(found) <= limit and len(text) <= limit * 8:
        return text
    return "".join(found[: limit - 1]).rstrip() + _ELLIPSIS


def fit(text: str, units: int) -> str:
    """Return `text` in at most `units` UTF-16 code units, cut between graphemes, the last one `…` if it was cut."""
    if _units(text) <= units:
        return text
    kept, used = [], _units(_ELLIPSIS)
    for found in _GRAPHEME.finditer(text):
        used += _units(found.group())
        if used > units:
            break
        kept.append(found.group())
    return "".join(kept).rstrip() + _ELLIPSIS


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2

"""What a template's placeholder may hold on WhatsApp: one line, no tabs, no run of spaces, not empty. Pure.

The rule comes from WhatsApp itself, so it is the same through Meta (errors 100, 132000, 132018) and Twilio (21656).
It is checked before anything is sent: a refused template is a burnt attempt for a fault that is known beforehand.
"""

import re
from collections.abc import Sequence
from typing import Final

import regex

PARAMETERS: Final = 1
"""Placeholders that openings fill, as the formatter renders them (a test keeps both equal)."""
PARAMETER_LIMIT: Final = 700
"""Graphemes of one placeholder; well under the body's limit, and what a phone shows without "read more"."""
BODY_LIMIT: Final = 1024
"""Characters of a template's body after substitution (error 132005)."""
NOTHING: Final = "—"
# Zero-width and bidi controls, not the joiners: those hold emoji families and Indic letters together.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SPACES: Final = re.compile(r"\s+")


def one_line(text: str, limit: int = PARAMETER_LIMIT) -> str:
    """Return `text` as a placeholder may hold it, at most `limit` graphemes; a dash when nothing is left."""
    spaced = _CONTROLS.sub(" ", text)
    line = _SPACES.sub(" ", _INVISIBLE.sub("", spaced)).strip()
    return _cut(line, limit) or NOTHING


def fitting(parameters: Sequence[str], limit: int = BODY_LIMIT) -> tuple[str, ...]:
    """Return the parameters as one line each and together at most `limit` characters: the longest give way.

    The template's own words count too, but only its owner knows how many they are (see `shorter`).
    """
    lines = [one_line(each) for each in parameters]
    while sum(map(len, lines)) > limit:
        longest = max(range(len(lines)), key=lambda index: len(lines[index]))
        excess = sum(map(len, lines)) - limit
        room = max(len(lines[longest]) - excess, len(lines[longest]) // 2, 1)
        lines[longest] = within(lines[longest], room)
    return tuple(lines)


def shorter(parameters: Sequence[str]) -> tuple[str, ...]:
    """Return the parameters with the longest at half its length: for a body that was refused as too long."""
    if not parameters:
        return ()
    longest = max(range(len(parameters)), key=lambda index: len(parameters[index]))
    room = max(len(parameters[longest]) // 2, 1)
    return tuple(within(each, room) if index == longest else each for index, each in enumerate(parameters))


def _cut(line: str, limit: int) -> str:
    graphemes = regex.findall(r"\X", line)
    if len(graphemes) <= limit:
        return line
    return "".join(graphemes[: limit - 1]).rstrip() + "…" if limit > 1 else "…"


def within(text: str, room: int) -> str:
    """Cut to at most `room` characters between graphemes; UTF-16 units are counted, which are never too few."""
    if _units(text) <= room:
        return text
    kept: list[str] = []
    used = 1  # the ellipsis
    for grapheme in regex.findall(r"\X", text):
        used += _units(grapheme)
        if used > room:
            break
        kept.append(grapheme)
    return "".join(kept).rstrip() + "…"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2

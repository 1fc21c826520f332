"""Names of contacts, tenants, queues and agents, made harmless. Pure."""

from typing import Final, Protocol

import regex

from formatter.plain import clean, cut
from formatter.preview import NOTHING
from formatter.redaction import Marks, known_numbers, redact

LIMIT: Final = 40
# WhatsApp's own formatting signs, and what our texts use to separate things.
_SIGNS: Final = regex.compile(r"[*_~\[\]{}<>|\\#:·•\"'\r\n]+")
_WORD: Final = regex.compile(r"[\p{L}\p{Extended_Pictographic}--[0-9#*]]", regex.V1)
_GONE: Final = Marks(hidden=" ", link=" ")


class Translations(Protocol):
    """The part of gettext that names need."""

    def gettext(self, message: str) -> str:
        """Translate one text."""
        ...


def plain_name(name: str | None, known: tuple[str, ...] = (), limit: int = LIMIT) -> str:
    """Return a name without numbers, links, formatting signs or line breaks; '' when nothing is left."""
    line = clean((name or "")[: limit * 40])
    if line in NOTHING:
        return ""
    line = _SIGNS.sub(" ", redact(line, _GONE, known))
    return cut(" ".join(line.split()).strip(" -–,.;/@+()"), limit)


def contact_name(name: str | None, number: str | None, words: Translations) -> str:
    """Return how a customer is called in a text; a name that is only a number becomes `Cliente final 4321`.

    Args:
        name: as stored, untrusted.
        number: the contact's number, of which four digits at most are shown.
        words: the reader's language.
    """
    plain = plain_name(name, known_numbers(number))
    if _WORD.search(plain):
        return plain
    digits = "".join(filter(str.isdecimal, clean(number or ""))) or "".join(
        filter(str.isdecimal, clean(name or ""))
    )
    if len(digits) < 8:
        return words.gettext("Cliente")
    return words.gettext("Cliente final {digits}").replace("{digits}", digits[-4:])

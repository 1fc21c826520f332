"""A customer's text as a preview: one line, redacted, cut, in quotes. Pure."""

from typing import Final

from formatter.plain import clean, cut
from formatter.redaction import Marks, redact

LIMIT: Final = 140
# What JavaScript and Python write when there was nothing to write.
NOTHING: Final = frozenset({"null", "undefined", "None", "NaN", "[object Object]"})


def blank(text: str | None) -> bool:
    """Tell whether a text shows nothing to a reader."""
    line = clean(text or "")
    return not line or line in NOTHING


def preview(text: str | None, marks: Marks, known: tuple[str, ...] = (), limit: int = LIMIT) -> str | None:
    """Return the text as `"one short line"`, None when it is blank.

    Args:
        text: the customer's words, untrusted.
        marks: what stands for hidden parts.
        known: digits that must not appear (`redaction.known_numbers`).
        limit: graphemes between the quotes.
    """
    # A text of a million characters costs no more than a long one; what is cut off here is never shown.
    line = clean((text or "")[: limit * 40])
    if not line or line in NOTHING:
        return None
    return f'"{cut(redact(line, marks, known), limit)}"'

"""What the first characters of a body tell in every flavour: our own notices, automatic texts."""

AUTOMATIC = "\u200e"
"""U+200E, the invisible mark that Whaticket puts before its automatic texts, and we before our notices."""

SHOWN = 16
"""How many UTF-16 units of a body are captured (`Flavour.truncate`); the last can be half a character, dropped."""

MAIN_TYPES = frozenset({"application", "text", "model", "font", "message", "multipart", "chemical"})
"""Main parts of MIME types that forks write as a document's media type."""


def automatic(text: str) -> bool:
    """Tell whether a body starts with the invisible mark."""
    return text.startswith(AUTOMATIC)


def ours(text: str, marker: str) -> bool:
    """Tell whether a customer's body is a notice of ours that came back through another session.

    Args:
        text: the first characters of the body.
        marker: the tenant's first token; what exceeds the captured characters cannot be compared. Empty for none.
    """
    return text.startswith((AUTOMATIC, marker[: SHOWN - 1]) if marker else AUTOMATIC)

"""Media become marks: `[Áudio]`, `[Imagem]`, ... with the customer's caption where there is one. Pure.

Each flavour writes something else into `body` of a media row (a file name, a loudspeaker, base64, a vCard); this
module knows those forms, so that none of them reaches an agent.
"""

from dataclasses import dataclass
from typing import Final

import regex

from formatter.names import Translations
from formatter.plain import clean

_FILE: Final = regex.compile(r"(?i)[^\s/\\][^/\\]{0,200}\.[a-z0-9]{2,5}")
_MACHINE_FILE: Final = regex.compile(r"(?i)(?:[\w-]*\d{10,}[\w-]*|[\w-]{20,})\.[a-z0-9]{2,5}")
_VCARD: Final = regex.compile(r'(?i)^\s*(?:\{\s*"ticketzvCard"|BEGIN:VCARD)')
_PIN: Final = regex.compile(r"^\s*📍")
_PLACE_DATA: Final = regex.compile(r"(?i)^\s*data:image/[^|]*\|")
_MAP: Final = regex.compile(
    r"(?i)https?://(?:\S*\.)?(?:google\.[a-z.]+/maps|maps\.google\.[a-z.]+|maps\.app\.goo\.gl)\S*"
)
_COORDINATES: Final = regex.compile(r"(?i)(?:lat(?:itude)?|lon(?:gitude)?|[:,\s-]|[-+]?\d+(?:\.\d+)?)+")
# What flavours write where a caption would be.
_NO_CAPTION: Final = {
    "audio": frozenset({"🔊", "áudio", "audio", "ptt"}),
    "image": frozenset({"🖼️", "🖼", "imagem", "image"}),
    "video": frozenset({"🎥", "🎬", "vídeo", "video"}),
    "document": frozenset({"📎", "documento", "document"}),
    "sticker": frozenset({"sticker", "figurinha"}),
}


@dataclass(frozen=True, slots=True)
class Content:
    """What a row says: its kind after a look at the body, and the words that the customer wrote, if any."""

    kind: str
    words: str | None


def mark(kind: str, words: Translations) -> str:
    """Return the mark of a kind in the reader's language."""
    match kind:
        case "audio":
            return words.gettext("[Áudio]")
        case "image":
            return words.gettext("[Imagem]")
        case "video":
            return words.gettext("[Vídeo]")
        case "document":
            return words.gettext("[Documento]")
        case "sticker":
            return words.gettext("[Figurinha]")
        case "location":
            return words.gettext("[Localização]")
        case "contact":
            return words.gettext("[Contato]")
        case _:
            return words.gettext("[Mensagem]")


def content(kind: str, body: str | None) -> Content:
    """Split a row's `body` into kind and words.

    Args:
        kind: the normalised kind of `schemas.records.Item`; the body may prove it to be more exact
            (some flavours store locations, contacts and stickers as text or image).
        body: as stored, None when it could not be read.
    """
    text = body or ""
    if kind == "contact" or _VCARD.match(text):
        return Content("contact", None)
    if kind == "location" or _PLACE_DATA.match(text) or (_PIN.match(text) and _MAP.search(text)):
        return Content("location", _place(text))
    if kind in ("text", "other"):
        return Content(kind, body)
    line = clean(text[:400])
    if kind == "image" and (line == "sticker" or (line.endswith(".webp") and _FILE.fullmatch(line))):
        kind = "sticker"
    if line.casefold() in _NO_CAPTION.get(kind, frozenset()) or "base64," in line:
        return Content(kind, None)
    if _FILE.fullmatch(line) and (kind != "document" or _MACHINE_FILE.fullmatch(line)):
        return Content(kind, None)
    return Content(kind, text or None)


def _place(text: str) -> str | None:
    """Return the place's name and address without pin, map URL, thumbnail and coordinates."""
    parts = text.replace("\\n", "\n").replace("|", "\n").replace("📍", "").split("\n")
    lines = [_MAP.sub("", part).strip().strip("*_~").strip() for part in parts]
    named = [line for line in lines if line and not line.startswith("data:") and not _COORDINATES.fullmatch(line)]
    return ", ".join(named) or None

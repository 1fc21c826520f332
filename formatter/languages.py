"""The shipped catalogues as gettext translations: compiled in memory from the `.po` files beside this module."""

import gettext
import io
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

DEFAULT: Final = "pt_BR"
LANGUAGES: Final = ("pt_BR", "en", "es")
LOCALE: Final = Path(__file__).parent / "locale"
DOMAIN: Final = "recado"


def po_file(language: str) -> Path:
    """Return where a language's catalogue lies."""
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def supported(language: str | None) -> str:
    """Return the shipped language nearest to a tag such as `es-MX` or `pt`; Portuguese when there is none."""
    tag = (language or DEFAULT).replace("-", "_").split(".")[0].casefold()
    for candidate in LANGUAGES:
        if tag == candidate.casefold():
            return candidate
    return next((candidate for candidate in LANGUAGES if candidate.split("_")[0] == tag.split("_")[0]), DEFAULT)


@cache
def _load(language: str) -> gettext.GNUTranslations:
    with po_file(language).open("rb") as source:
        catalogue = read_po(source, locale=language, domain=DOMAIN)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def translations(language: str | None) -> gettext.GNUTranslations:
    """Return the texts of a language (see `supported`). Reads a file at the first call for it, never again."""
    return _load(supported(language))

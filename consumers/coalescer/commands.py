"""The words by which agents steer their notices from their own phone. Pure.

Only the first characters of a text travel; the word is among them, the rest is read from the live row.
"""

import unicodedata

WORDS = frozenset({"ATIVAR", "PAUSAR", "VOLTAR", "RESUMO", "STATUS", "SAIR", "AJUDA"})
_MARKS = ".,!?;:"


def command_of(text: str) -> tuple[str, str] | None:
    """Return (word, what is known of its arguments) if `text` begins with a command word, else None.

    Case and accents do not matter; neither does punctuation behind the word.
    """
    word, *rest = text.split(maxsplit=1) or [""]
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    plain = plain.strip(_MARKS).upper()
    return (plain, rest[0].strip() if rest else "") if plain in WORDS else None

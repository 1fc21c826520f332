"""Spans of time in words. Pure."""

from typing import Final, Protocol

from formatter.names import Translations

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


class PluralTranslations(Translations, Protocol):
    """The part of gettext that ages need."""

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Translate by number."""
        ...


def span(ms: int, words: PluralTranslations) -> str:
    """Return a span as `8 s`, `12 min`, `11 h 46` or `3 dias`; rounded down, at least one second."""
    seconds = max(ms // 1000, 1)
    if seconds < _MINUTE:
        return words.gettext("{count} s").replace("{count}", str(seconds))
    if seconds < _HOUR:
        return words.gettext("{count} min").replace("{count}", str(seconds // _MINUTE))
    if seconds < _DAY:
        hours, minutes = divmod(seconds // _MINUTE, 60)
        return f"{hours} h {minutes:02}" if minutes else f"{hours} h"
    days = seconds // _DAY
    return words.ngettext("{count} dia", "{count} dias", days).replace("{count}", str(days))

"""Spans of time and times of day in words. Pure."""

from datetime import UTC, datetime
from typing import Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_skeleton

from formatter.names import Translations

DEFAULT_ZONE: Final = "America/Sao_Paulo"
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_WEEK: Final = 6 * _DAY


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


def local(at_ms: int, zone: str) -> datetime:
    """Return an instant as the wall clock of a zone shows it; an unknown zone is São Paulo's."""
    try:
        found = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        found = ZoneInfo(DEFAULT_ZONE)
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(found)


def time_of_day(at_ms: int, now_ms: int, zone: str, language: str) -> str:
    """Return `20:14`; a day later with the weekday (`sex. 20:14`), a week later with the date."""
    at, ago = local(at_ms, zone), (now_ms - at_ms) // 1000
    clock = f"{at:%H:%M}"
    if ago < _DAY:
        return clock
    day = "EEE" if ago < _WEEK else "MMMd"
    return f"{format_skeleton(day, at, locale=language)} {clock}"

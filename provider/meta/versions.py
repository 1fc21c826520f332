"""Until when a version of the Graph API answers. Pure; the day is given.

Source: developers.facebook.com/docs/graph-api/changelog. A version answers for about two years; afterwards Graph
answers with an older or newer one than was asked for, or not at all.
"""

import re
from datetime import date, timedelta
from typing import Final

DEFAULT: Final = "v25.0"
"""The newest version whose end is announced."""
ENDS: Final[dict[str, date | None]] = {
    "v20.0": date(2026, 9, 24),
    "v21.0": date(2027, 1, 21),
    "v22.0": date(2027, 5, 20),
    "v23.0": date(2027, 10, 8),
    "v24.0": date(2028, 2, 18),
    "v25.0": date(2028, 7, 29),
    "v26.0": None,  # the current one; its end is not announced
}
NOTICE: Final = timedelta(days=120)
"""How long before its end a version is worth a warning."""
_FORM: Final = re.compile(r"v(\d{1,3})\.0")


def is_version(text: str) -> bool:
    """Tell whether `text` has the form of a version, for example `v25.0`."""
    return _FORM.fullmatch(text) is not None


def warning(version: str, today: date) -> str | None:
    """Return a sentence when the version has ended, ends within four months, or is older than any that we know."""
    if version not in ENDS:
        number, oldest = _number(version), min(map(_number, ENDS))
        return f"Graph API {version} has ended; use {DEFAULT}" if number < oldest else None
    end = ENDS[version]
    if end is None or end - today > NOTICE:
        return None
    if end <= today:
        return f"Graph API {version} ended on {end.isoformat()}; use {DEFAULT}"
    return f"Graph API {version} ends on {end.isoformat()} (in {(end - today).days} days); use {DEFAULT}"


def _number(version: str) -> int:
    found = _FORM.fullmatch(version)
    return int(found[1]) if found else 0

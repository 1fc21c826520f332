"""Templates with whitelisted placeholders. Never `str.format`: `{a.__class__}` stays what it is. Pure."""

from collections.abc import Mapping
from typing import Final

import regex

from schemas.errors import Invalid

PLACEHOLDERS: Final = frozenset(
    {"contactName", "ticketNumber", "preview", "tenantName", "queueName", "agentName", "count", "link"}
)
"""What a tenant's own template may contain."""
NAMED: Final = ("plan", "compact")
"""The templates that are shipped; anything with a placeholder is a tenant's own."""
LIMIT: Final = 600
_PLACEHOLDER: Final = regex.compile(r"\{([A-Za-z]+)\}")
_BRACE: Final = regex.compile(r"\{[^{}]*\}?|\}")


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace each `{name}` that `values` has, in one pass: a value is never read as a template."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)


def own(template: str) -> bool:
    """Tell whether a setting is a tenant's own template and no shipped one's name."""
    return template not in NAMED and "{preview}" in template


def validate(template: str) -> None:
    """Check a tenant's setting before it is stored.

    Raises:
        Invalid: RCD-601; names the unknown placeholder, or what is missing.
    """
    if template in NAMED:
        return
    unknown = [brace for brace in _BRACE.findall(template) if brace[1:-1] not in PLACEHOLDERS or brace[-1:] != "}"]
    if unknown:
        known = ", ".join(sorted(PLACEHOLDERS))
        detail = f"the template contains {unknown[0]!r}; allowed placeholders: {known}"
        raise Invalid("RCD-601", detail)
    if "{preview}" not in template or "{ticketNumber}" not in template:
        detail = "a template is 'plan', 'compact', or a text with {ticketNumber} and {preview}"
        raise Invalid("RCD-601", detail)
    if len(template) > LIMIT:
        detail = f"a template has at most {LIMIT} characters, this one has {len(template)}"
        raise Invalid("RCD-601", detail)

"""Templates with whitelisted placeholders. Never `str.format`: `{a.__class__}` stays what it is. Pure."""

from collections.abc import Mapping
from typing import Final

import regex

from schemas.errors import Invalid

PLACEHOLDERS: Final = frozenset(
    {"contactName", "ticketNumber", "preview", "tenantName", "queueName", "agentName", "count", "link"}
)
"""What a tenant's own template may contain."""
CODE: Final = "RCD-603"
NAMED: Final = ("plan", "compact")
"""The templates that are shipped; anything with a placeholder is a tenant's own."""
LIMIT: Final = 600
LINES: Final = 8
_PLACEHOLDER: Final = regex.compile(r"\{([A-Za-z]+)\}")
_STRANGE: Final = regex.compile(r"[\p{Cc}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}--\n]|(?!\u200d)\p{Cf}", regex.V1)
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
        Invalid: RCD-603; names the unknown placeholder, or what is missing.
    """
    if template in NAMED:
        return
    unknown = [brace for brace in _BRACE.findall(template) if brace[1:-1] not in PLACEHOLDERS or brace[-1:] != "}"]
    if unknown:
        known = ", ".join(sorted(PLACEHOLDERS))
        detail = f"the template contains {unknown[0]!r}; allowed placeholders: {known}"
        raise Invalid(CODE, detail)
    if "{preview}" not in template or "{ticketNumber}" not in template:
        detail = "a template is 'plan', 'compact', or a text with {ticketNumber} and {preview}"
        raise Invalid(CODE, detail)
    if len(template) > LIMIT or template.count("\n") >= LINES:
        lines = template.count("\n") + 1
        detail = f"a template has at most {LIMIT} characters in {LINES} lines; this one: {len(template)} in {lines}"
        raise Invalid(CODE, detail)
    strange = _STRANGE.search(template)
    if strange:
        detail = f"the template contains the invisible character U+{ord(strange.group()):04X}"
        raise Invalid(CODE, detail)

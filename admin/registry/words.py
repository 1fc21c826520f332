"""Checks of words that people give, shared by the registry's things. Each refusal names the form that is wanted."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from schemas.errors import Invalid
from schemas.identity import AgentId, TenantId
from schemas.secrets import is_reference

_TEXT_LIMIT = 200


def tenant_id(text: str) -> TenantId:
    """Parse `source/company`. Raises `Invalid` RCD-405."""
    try:
        found = TenantId.parse(text)
    except ValueError as error:
        raise Invalid("RCD-405", f"{text!r} is no tenant; give source/company, for example shop/1") from error
    if found.company == "?":
        raise Invalid("RCD-405", "a tenant has a number; give source/0 where the flavour has no companies")
    return TenantId(found.source, str(int(found.company)))


def agent_id(text: str) -> AgentId:
    """Parse `source/company/user`. Raises `Invalid` RCD-405."""
    try:
        found = AgentId.parse(text)
    except ValueError as error:
        raise Invalid("RCD-405", f"{text!r} is no agent; give source/company/user, for example shop/1/7") from error
    owner = tenant_id(str(found.tenant))
    return AgentId(owner.source, owner.company, found.user)


def named(text: str, pattern: str, what: str, example: str) -> str:
    """Return `text` when it has the form of an identifier. Raises `Invalid` RCD-405."""
    if not re.fullmatch(pattern, text):
        raise Invalid("RCD-405", f"{text!r} is no {what}; give {pattern}, for example {example}")
    return text


def one_of(text: str, known: Iterable[str], what: str) -> str:
    """Return `text` when it is one of the known words. Raises `Invalid` RCD-405."""
    words = list(known)
    if text not in words:
        raise Invalid("RCD-405", f"{text!r} is no {what}; known: {', '.join(words)}")
    return text


def line(text: str, what: str, *, limit: int = _TEXT_LIMIT, required: bool = False) -> str:
    """Return one line of text without control characters. Raises `Invalid` RCD-405."""
    cleaned = text.strip()
    if required and not cleaned:
        raise Invalid("RCD-405", f"{what} must not be empty")
    if len(cleaned) > limit or not cleaned.isprintable():
        raise Invalid("RCD-405", f"{what} must be one line of at most {limit} characters")
    return cleaned


def url(text: str, what: str) -> str:
    """Return an http(s) address without the last `/`; empty stays empty. Raises `Invalid` RCD-405."""
    cleaned = text.strip().rstrip("/")
    try:
        parts = urlsplit(cleaned)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        usable = False
    if cleaned and not (usable and cleaned.isprintable() and " " not in cleaned):
        raise Invalid("RCD-405", f"{what} must be an address like https://desk.example.com")
    return cleaned


def reference(text: str, what: str) -> str:
    """Return a secret's reference. Raises `Invalid` RCD-602 (and does not repeat what may be a secret)."""
    if not is_reference(text):
        raise Invalid("RCD-602", f"{what}: give it as env:NAME or file:/absolute/path, never the secret itself")
    return text

"""Status callbacks: a form, signed with HMAC-SHA1 over the address that was asked for and its parameters. Pure.

The attempt's id is part of the address that each message names, so the signature vouches for it too.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

from provider.api import QUERY_HEADER, ReceiptEvent
from provider.twilio.errors import kind_of
from schemas.reasons import Rejection

SIGNATURE: Final = "x-twilio-signature"
RANKS: Final = {"sent": 1, "delivered": 2, "read": 3, "undelivered": -1, "failed": -1, "canceled": -1}
ATTEMPT: Final = "attempt"

Form = Mapping[str, list[str]]


def address(callback: str, attempt_id: str) -> str:
    """Return where Twilio reports on an attempt."""
    return f"{callback}{'&' if '?' in callback else '?'}{ATTEMPT}={quote(attempt_id, safe='')}"


def form_of(raw: bytes) -> Form | None:
    """Return a callback's parameters; None when it is no form."""
    try:
        return parse_qs(raw.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=200)
    except ValueError:
        return None


def attempt_of(headers: Mapping[str, str]) -> str | None:
    """Return the attempt that a callback's address names. Only believed once the signature fits."""
    named = {name.casefold(): value for name, value in headers.items()}
    found = parse_qs(named.get(QUERY_HEADER, "")).get(ATTEMPT, [])
    return found[0] if len(found) == 1 else None


def signature(url: str, form: Form, auth_token: str) -> str:
    """Return Twilio's signature of a callback to `url`; each value of a repeated parameter counts once."""
    signed = url + "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    return base64.b64encode(hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def signed(headers: Mapping[str, str], form: Form, url: str, auth_token: str) -> bool:
    """Tell whether a callback to `url` carries a signature that only the account's token could have made.

    Twilio signs with the port or without it, whichever its own way to the address has.
    """
    found = next((value for name, value in headers.items() if name.casefold() == SIGNATURE), "")
    given = found.encode("utf-8", "replace")
    return any(hmac.compare_digest(signature(each, form, auth_token).encode(), given) for each in _ports(url))


def _ports(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts._replace(netloc=f"{host}:{port}").geturl(), parts._replace(netloc=f"{host}").geturl()


def event(form: Form, attempt_id: str | None, now_ms: int) -> ReceiptEvent | None:
    """Return what a callback reports; None for states of Twilio's own queue. Its time is ours: it carries none."""
    sid, status = _first(form, "MessageSid"), _first(form, "MessageStatus")
    if not sid or status not in RANKS:
        return None
    rank = RANKS[status]
    if rank > 0:
        return ReceiptEvent(sid, rank, status, now_ms, attempt_id)
    code = _first(form, "ErrorCode")
    kind = kind_of(code) if code else Rejection.TRANSIENT
    return ReceiptEvent(sid, rank, status, now_ms, attempt_id, code or status, kind)


def _first(form: Form, name: str) -> str:
    return form.get(name, [""])[0]

"""Webhooks of WAHA: `message.ack`, signed with HMAC-SHA512 over the raw body. Pure."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import msgspec

from provider.answers import decode
from provider.api import ReceiptEvent
from provider.waha.errors import bare_id
from schemas.reasons import Rejection

SIGNATURE: Final = "x-webhook-hmac"
ALGORITHM: Final = "x-webhook-hmac-algorithm"
RANKS: Final = {-1: -1, 1: 1, 2: 2, 3: 3, 4: 3}
"""WhatsApp's acknowledgements; 0 is "pending", which says nothing."""
LAST_MS: Final = 2**53
STATUSES: Final = {-1: "failed", 1: "server", 2: "delivered", 3: "read"}


class _Error(msgspec.Struct):
    code: str | None = None
    blocked: bool = False


class _Ack(msgspec.Struct):
    id: str
    ack: int
    fromMe: bool = True
    error: _Error | None = None


class _Event(msgspec.Struct):
    event: str
    session: str = ""
    timestamp: int | float = 0
    payload: msgspec.Raw = msgspec.Raw(b"null")


def signed(headers: Mapping[str, str], raw: bytes, key: str) -> bool:
    """Tell whether `raw` carries a signature that only the webhook's key could have made."""
    named = {name.casefold(): value for name, value in headers.items()}
    if named.get(ALGORITHM, "sha512").casefold() != "sha512":
        return False
    expected = hmac.new(key.encode(), raw, hashlib.sha512).hexdigest()
    found = named.get(SIGNATURE, "").strip().casefold()
    return hmac.compare_digest(expected.encode(), found.encode("utf-8", "replace"))


def acks(raw: bytes, session: str) -> list[ReceiptEvent] | None:
    """Return what an event says about messages of the session; None when it is no event of WAHA."""
    event = decode(raw, _Event)
    if event is None:
        return None
    ack = decode(bytes(event.payload), _Ack) if event.event == "message.ack" and event.session == session else None
    if ack is None or not ack.fromMe or not ack.id or ack.ack not in RANKS:
        return []
    rank = RANKS[ack.ack]
    at_ms = int(min(max(event.timestamp, 0), LAST_MS))
    code, kind = None, None
    if rank < 0:
        code = (ack.error.code if ack.error else None) or "ack_error"
        restricted = code == "463" or bool(ack.error and ack.error.blocked)
        kind = Rejection.RESTRICTED if restricted else Rejection.TRANSIENT
    return [ReceiptEvent(bare_id(ack.id), rank, STATUSES[rank], at_ms, code=code, kind=kind)]

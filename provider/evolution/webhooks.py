"""Evolution's webhooks: a JWT in the header instead of a signature of the body, statuses in two vocabularies. Pure.

The token says that the sender knows the key, not that the body is what it wrote: what comes is believed as far as a
receipt goes, which only advances an attempt that is known. The body holds the gateway's own `apikey`: never log it.
"""

from collections.abc import Mapping
from typing import Any, Final

import jwt
import msgspec

from provider.answers import decode
from provider.api import ReceiptEvent

LEEWAY_S: Final = 60
STATUSES: Final = {
    "SERVER_ACK": 1, "DELIVERY_ACK": 2, "READ": 3, "PLAYED": 3, "ERROR": -1,  # a phone's session
    "SENT": 1, "DELIVERED": 2, "FAILED": -1,  # the Cloud API
}  # fmt: skip


class _Update(msgspec.Struct):
    key_id: str = msgspec.field(name="keyId")
    status: str
    from_me: bool = msgspec.field(default=True, name="fromMe")


class _Envelope(msgspec.Struct):
    event: str
    instance: str
    data: msgspec.Raw


def is_ours(headers: Mapping[str, str], key: str, now_ms: int) -> bool:
    """Tell whether a webhook carries a token that was made with `key` and has not run out."""
    named = {name.casefold(): value for name, value in headers.items()}
    scheme, _, token = named.get("authorization", "").partition(" ")
    if scheme.casefold() != "bearer":
        return False
    try:
        # Time is compared here, with our own clock; the library has its own.
        options: Any = {"require": ["exp"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}
        found = jwt.decode(token.strip(), key, algorithms=["HS256"], options=options)
    except (jwt.InvalidTokenError, ValueError):
        return False
    expires = found["exp"]
    return isinstance(expires, int | float) and now_ms / 1000 < expires + LEEWAY_S


def receipts(raw: bytes, instance: str, now_ms: int) -> list[ReceiptEvent] | None:
    """Return the statuses of our messages; None when it is no webhook of this instance.

    Other events, and statuses that say nothing new, are an empty list. The event's own time is the server's wall
    time without a zone, so that the time of arrival is taken.
    """
    found = decode(raw, _Envelope)
    if found is None or found.instance != instance:
        return None
    if found.event.casefold().replace("_", ".") != "messages.update":
        return []
    data = bytes(found.data)
    update = decode(data, _Update)
    updates = [update] if update is not None else decode(data, list[_Update]) or []
    return [
        ReceiptEvent(each.key_id, STATUSES[each.status], each.status, now_ms)
        for each in updates
        if each.from_me and each.key_id and each.status in STATUSES
    ]

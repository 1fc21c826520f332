"""Webhooks of the Cloud API: the handshake, the signature, statuses. Pure.

Graph retries for up to seven days, in any order, more than once: ranks are monotone and attempts are named.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import msgspec

from provider.answers import decode
from provider.api import ReceiptEvent
from provider.meta.errors import GraphError, kind_of

SIGNATURE: Final = "x-hub-signature-256"
RANKS: Final = {"sent": 1, "delivered": 2, "read": 3, "played": 3, "failed": -1}


class _Status(msgspec.Struct):
    id: str
    status: str
    timestamp: str = ""
    biz_opaque_callback_data: str | None = None
    errors: list[GraphError] = []


class _Metadata(msgspec.Struct):
    phone_number_id: str = ""


class _Value(msgspec.Struct):
    metadata: _Metadata | None = None
    statuses: list[_Status] = []


class _Change(msgspec.Struct):
    value: msgspec.Raw
    field: str = ""


class _Entry(msgspec.Struct):
    changes: list[_Change] = []


class _Payload(msgspec.Struct):
    object: str
    entry: list[_Entry] = []


def signed(headers: Mapping[str, str], raw: bytes, app_secret: str) -> bool:
    """Tell whether `raw` carries a signature that only the app's secret could have made."""
    named = {name.casefold(): value for name, value in headers.items()}
    expected = "sha256=" + hmac.new(app_secret.encode(), raw, hashlib.sha256).hexdigest()
    # Bytes: a header may hold anything, and comparing text that is not ASCII raises.
    return hmac.compare_digest(expected.encode(), named.get(SIGNATURE, "").encode("utf-8", "replace"))


def challenge(query: Mapping[str, str], verify_token: str) -> str | None:
    """Return what answers Graph's `GET` when the webhook is set up, None when the token is not ours."""
    token = query.get("hub.verify_token", "")
    ours = hmac.compare_digest(token.encode("utf-8", "replace"), verify_token.encode())
    return query.get("hub.challenge") if ours and query.get("hub.mode") == "subscribe" else None


def statuses(raw: bytes, phone_number_id: str) -> list[ReceiptEvent] | None:
    """Return the statuses that concern one sending number; None when it is no webhook of WhatsApp at all.

    Messages from people, template reviews and whatever else a subscription brings are no statuses: an empty list.
    """
    payload = decode(raw, _Payload)
    if payload is None or payload.object != "whatsapp_business_account":
        return None
    values = [
        value
        for entry in payload.entry
        for change in entry.changes
        if change.field == "messages" and (value := decode(bytes(change.value), _Value)) is not None
    ]
    return [
        _event(status)
        for value in values
        if value.metadata is None or value.metadata.phone_number_id in ("", phone_number_id)
        for status in value.statuses
        if status.status in RANKS
    ]


def _event(status: _Status) -> ReceiptEvent:
    error = status.errors[0] if status.errors else None
    at_s = int(status.timestamp) if status.timestamp.isascii() and status.timestamp.isdecimal() else 0
    return ReceiptEvent(
        provider_message_id=status.id,
        rank=RANKS[status.status],
        status=status.status,
        at_ms=min(at_s, 2**40) * 1000,
        attempt_id=status.biz_opaque_callback_data,
        code=str(error.code) if error else None,
        kind=kind_of(error) if error else None,
    )

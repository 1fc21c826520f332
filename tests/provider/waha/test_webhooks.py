import hashlib
import hmac
from typing import Any

import msgspec
import pytest

from provider.api import ChannelSettings, ReceiptEvent
from provider.http import HttpClient
from provider.waha import Waha
from schemas.errors import Invalid
from schemas.reasons import Rejection

KEY = "wh-key"
AT = 1_795_000_000_123


def channel(key: str = KEY) -> Waha:
    values = {"url": "http://127.0.0.1:1", "session": "loja", "webhook_key": key}
    return Waha(ChannelSettings("loja", "waha", values), HttpClient())


def event(ack: int, session: str = "loja", kind: str = "message.ack", **more: Any) -> bytes:
    payload = {"id": "true_5511987654321@c.us_3EB0AA", "ack": ack, "ackName": "X", "fromMe": True} | more
    return msgspec.json.encode({"event": kind, "session": session, "timestamp": AT, "payload": payload})


def signature(raw: bytes, key: str = KEY) -> dict[str, str]:
    signed = hmac.new(key.encode(), raw, hashlib.sha512).hexdigest()
    return {"X-Webhook-Hmac": signed, "X-Webhook-Hmac-Algorithm": "sha512"}


def read(raw: bytes) -> list[ReceiptEvent]:
    return channel().parse_receipt(signature(raw), raw)


@pytest.mark.parametrize(
    ("ack", "rank", "status"), [(1, 1, "server"), (2, 2, "delivered"), (3, 3, "read"), (4, 3, "read")]
)
def test_an_acknowledgement_becomes_a_receipt(ack: int, rank: int, status: str) -> None:
    assert read(event(ack)) == [ReceiptEvent("3EB0AA", rank, status, AT)]


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        ({"code": "463", "blocked": True, "reason": "account_restricted"}, "463", Rejection.RESTRICTED),
        ({"code": None, "blocked": True}, "ack_error", Rejection.RESTRICTED),
        ({"code": "479", "blocked": False}, "479", Rejection.TRANSIENT),
        (None, "ack_error", Rejection.TRANSIENT),
    ],
)
def test_an_error_says_whether_whatsapp_restricts_the_sender(error: Any, code: str, kind: Rejection) -> None:
    assert read(event(-1, error=error)) == [ReceiptEvent("3EB0AA", -1, "failed", AT, None, code, kind)]


@pytest.mark.parametrize(
    "raw",
    [
        event(0),
        event(9),
        event(2, session="outra"),
        event(2, kind="session.status"),
        event(2, fromMe=False),
        event(2, id=""),
        b'{"event":"message.ack","session":"loja","payload":"odd"}',
        b'{"event":"session.status","session":"loja","payload":{"status":"FAILED"}}',
    ],
    ids=["pending", "unknown", "another-session", "another-event", "not-ours", "no-id", "no-object", "status"],
)
def test_what_is_no_acknowledgement_of_this_session_is_taken_and_means_nothing(raw: bytes) -> None:
    assert read(raw) == []


@pytest.mark.parametrize("stamp", ["1e300", "-5", "1e999", "99999999999999999999999", "0.5", '"soon"', "null"])
def test_a_time_that_makes_no_sense_breaks_nothing(stamp: str) -> None:
    raw = event(3).replace(str(AT).encode(), stamp.encode())
    try:
        found = read(raw)
    except Invalid:
        return
    assert [0 <= each.at_ms <= 2**53 for each in found] == [True]


RAW = event(3)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Webhook-Hmac": ""},
        {"X-Webhook-Hmac": "é\udce9"},
        signature(RAW, "another"),
        signature(RAW + b" "),
        signature(RAW) | {"X-Webhook-Hmac-Algorithm": "sha1"},
        {"X-Webhook-Hmac": hmac.new(KEY.encode(), RAW, hashlib.sha256).hexdigest()},
    ],
)
def test_a_forged_or_altered_webhook_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="RCD-306: channel loja: a webhook's signature is wrong"):
        channel().parse_receipt(headers, RAW)


def test_without_a_key_no_webhook_is_believed_and_no_receipts_are_promised() -> None:
    assert (channel().abilities.receipts, channel("").abilities.receipts) == (True, False)
    with pytest.raises(Invalid, match="'webhook_key' is not set"):
        channel("").parse_receipt(signature(RAW, ""), RAW)


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b'{"session":"loja"}', b"{" * 9_000])
def test_what_is_signed_but_no_event_is_refused(raw: bytes) -> None:
    with pytest.raises(Invalid, match="not a webhook of WAHA"):
        read(raw)

from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from provider.api import QUERY_HEADER, ChannelSettings, ReceiptEvent
from provider.http import HttpClient
from provider.twilio import Twilio, callbacks
from schemas.clock import ManualClock
from schemas.errors import Invalid
from schemas.reasons import Rejection

TOKEN = "auth-t0ken"
CALLBACK = "https://hooks.example/hooks/loja/0123456789abcdef"
NOW = 1_795_000_000_000


def channel(**more: str) -> Twilio:
    values = {"account_sid": "AC1", "token": TOKEN, "sender": "+14155238886", "status_callback": CALLBACK} | more
    return Twilio(ChannelSettings("loja", "twilio", values), HttpClient(), ManualClock(NOW))


def callback(status: str, **more: str) -> dict[str, str]:
    return {"MessageSid": "SM1", "MessageStatus": status, "To": "whatsapp:+5511987654321", "Extra": ""} | more


def signed(form: dict[str, str], url: str, token: str = TOKEN) -> dict[str, str]:
    """Sign with Twilio's own library."""
    found = {"X-Twilio-Signature": RequestValidator(token).compute_signature(url, form)}
    return found | {QUERY_HEADER: url.partition("?")[2]}


def read(form: dict[str, str], attempt: str | None = "a1") -> list[ReceiptEvent]:
    url = CALLBACK if attempt is None else f"{CALLBACK}?attempt={attempt}"
    return channel().parse_receipt(signed(form, url), urlencode(form).encode())


@pytest.mark.parametrize(("status", "rank"), [("sent", 1), ("delivered", 2), ("read", 3)])
def test_a_callback_becomes_a_receipt_of_its_attempt(status: str, rank: int) -> None:
    assert read(callback(status)) == [ReceiptEvent("SM1", rank, status, NOW, "a1")]


def test_a_callback_without_an_attempt_is_a_receipt_all_the_same() -> None:
    assert read(callback("sent"), None) == [ReceiptEvent("SM1", 1, "sent", NOW)]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("63016", Rejection.WINDOW_CLOSED),
        ("63024", Rejection.PERMANENT_RECIPIENT),
        ("63018", Rejection.THROTTLE_SENDER),
        ("30036", Rejection.TRANSIENT),
        ("20500", None),
        ("99999", None),
    ],
)
@pytest.mark.parametrize("status", ["undelivered", "failed"])
def test_a_failure_says_what_it_means(status: str, code: str, kind: Rejection | None) -> None:
    assert read(callback(status, ErrorCode=code)) == [ReceiptEvent("SM1", -1, status, NOW, "a1", code, kind)]


def test_a_failure_without_a_code_is_tried_again() -> None:
    expected = [ReceiptEvent("SM1", -1, "canceled", NOW, "a1", "canceled", Rejection.TRANSIENT)]
    assert read(callback("canceled")) == expected


@pytest.mark.parametrize("status", ["accepted", "queued", "sending", "scheduled", "receiving", ""])
def test_what_happens_in_twilios_own_queue_means_nothing(status: str) -> None:
    assert read(callback(status)) == []


FORM = callback("read")
RAW = urlencode(FORM).encode()
URL = f"{CALLBACK}?attempt=a1"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Twilio-Signature": "", QUERY_HEADER: "attempt=a1"},
        {"X-Twilio-Signature": "é\udce9", QUERY_HEADER: "attempt=a1"},
        signed(FORM, URL, "another"),
        signed(FORM, "https://elsewhere.example/?attempt=a1"),
        signed(FORM | {"MessageStatus": "sent"}, URL),
        signed(FORM, URL) | {QUERY_HEADER: "attempt=a2"},
        signed(FORM, URL) | {QUERY_HEADER: ""},
        signed(FORM, URL) | {QUERY_HEADER: "attempt=a1&attempt=a1"},
    ],
)
def test_a_forged_or_altered_callback_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="RCD-306: channel loja: a callback's signature is wrong"):
        channel().parse_receipt(headers, RAW)


@pytest.mark.parametrize(
    "url",
    ["https://hooks.example:443/hooks/loja", "https://hooks.example/hooks/loja", "https://[2001:db8::1]:443/h"],
)
@pytest.mark.parametrize("ours", ["https://hooks.example/hooks/loja", "https://[2001:db8::1]/h"])
def test_a_port_in_the_signed_address_makes_no_difference(url: str, ours: str) -> None:
    form = {name: [value] for name, value in FORM.items()}
    headers = {"X-Twilio-Signature": callbacks.signature(url, form, TOKEN)}
    same_host = url.replace(":443", "") == ours
    assert callbacks.signed(headers, form, ours, TOKEN) is same_host


@pytest.mark.parametrize("raw", [b"{}", b"\xff", b"&" * 9_000])
def test_what_is_no_form_is_refused(raw: bytes) -> None:
    with pytest.raises(Invalid, match="RCD-306"):
        channel().parse_receipt(signed({}, URL), raw)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, True),
        ({"status_callback": ""}, False),
        ({"key_sid": "SK1"}, False),
        ({"key_sid": "SK1", "auth_token": TOKEN}, True),
    ],
)
def test_receipts_are_promised_only_where_they_can_be_believed(values: dict[str, str], expected: bool) -> None:
    found = channel(**values)
    assert found.abilities.receipts is expected
    if not expected:
        with pytest.raises(Invalid, match="'status_callback' or 'auth_token' is not set"):
            found.parse_receipt(signed(FORM, URL), RAW)


def test_the_address_of_an_attempt_keeps_what_it_had() -> None:
    assert callbacks.address("https://h.example/x?y=1", "a/b c") == "https://h.example/x?y=1&attempt=a%2Fb%20c"

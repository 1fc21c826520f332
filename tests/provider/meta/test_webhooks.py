import hashlib
import hmac
from typing import Any

import msgspec
import pytest

from provider.api import ChannelSettings, ReceiptEvent
from provider.http import HttpClient
from provider.meta import MetaCloud, webhooks
from schemas.errors import Invalid
from schemas.reasons import Rejection

NUMBER = "106540352242922"
SECRET = "app-secret"


def channel(**more: str) -> MetaCloud:
    values = {"phone_number_id": NUMBER, "token": "t0ken", "app_secret": SECRET, "verify_token": "palavra"} | more
    return MetaCloud(ChannelSettings("loja", "meta", values), HttpClient())


def payload(*statuses: dict[str, Any], number: str = NUMBER, field: str = "messages") -> bytes:
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": number}, "statuses": list(statuses)}
    entry = {"id": "102", "changes": [{"field": field, "value": value}]}
    return msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})


def signature(raw: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()}


def status(word: str, **more: Any) -> dict[str, Any]:
    return {"id": "wamid.1", "status": word, "timestamp": "1795000000", "recipient_id": "553188887777"} | more


def read(raw: bytes) -> list[ReceiptEvent]:
    return channel().parse_receipt(signature(raw), raw)


@pytest.mark.parametrize(("word", "rank"), [("sent", 1), ("delivered", 2), ("read", 3), ("failed", -1)])
def test_a_status_becomes_a_receipt_of_its_attempt(word: str, rank: int) -> None:
    raw = payload(status(word, biz_opaque_callback_data="a1b2"))
    assert read(raw) == [ReceiptEvent("wamid.1", rank, word, 1_795_000_000_000, "a1b2")]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (131026, Rejection.PERMANENT_RECIPIENT),
        (131047, Rejection.WINDOW_CLOSED),
        (131049, Rejection.PERMANENT_PAYLOAD),
        (131042, Rejection.PERMANENT_CONFIG),
        (987654, None),
    ],
)
def test_a_failure_says_what_it_means(code: int, kind: Rejection | None) -> None:
    error = {"code": code, "title": "t", "message": "m", "error_data": {"details": "d"}, "href": "h"}
    assert read(payload(status("failed", errors=[error]))) == [
        ReceiptEvent("wamid.1", -1, "failed", 1_795_000_000_000, None, str(code), kind)
    ]


def test_several_statuses_of_several_changes_are_all_read() -> None:
    one = {"metadata": {"phone_number_id": NUMBER}, "statuses": [status("sent"), status("read", id="wamid.2")]}
    other = {"metadata": {"phone_number_id": NUMBER}, "statuses": [status("delivered", id="wamid.3")]}
    entries = [{"id": "1", "changes": [{"field": "messages", "value": value}]} for value in (one, other)]
    raw = msgspec.json.encode({"object": "whatsapp_business_account", "entry": entries})
    assert [(each.provider_message_id, each.rank) for each in read(raw)] == [
        ("wamid.1", 1),
        ("wamid.2", 3),
        ("wamid.3", 2),
    ]


@pytest.mark.parametrize(
    "raw",
    [
        payload(status("sent"), number="999"),
        payload(status("sent"), field="message_template_status_update"),
        payload(status("warning")),
        payload(),
        b'{"object":"whatsapp_business_account"}',
        b'{"object":"whatsapp_business_account","entry":[{"changes":[{"field":"messages","value":7}]}]}',
        b'{"object":"whatsapp_business_account","entry":[{"changes":[{"field":"messages","value":'
        b'{"messages":[{"from":"5511987654321","type":"text","text":{"body":"oi"}}]}}]}]}',
    ],
    ids=["another-number", "a-template's", "unknown-word", "none", "empty", "no-object", "a-message"],
)
def test_what_is_no_status_of_this_number_is_taken_and_means_nothing(raw: bytes) -> None:
    assert read(raw) == []


@pytest.mark.parametrize("raw", [b'{"object":"page"}', b"[]", b"", b"\xff", b"{" * 9_000, b'{"entry":[]}'])
def test_what_is_signed_but_no_webhook_of_whatsapp_is_refused(raw: bytes) -> None:
    with pytest.raises(Invalid, match="RCD-306: channel loja: not a webhook of WhatsApp"):
        read(raw)


RAW = payload(status("read"))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": "sha256=é\udce9"},
        {"X-Hub-Signature-256": signature(RAW)["X-Hub-Signature-256"][7:]},
        {"X-Hub-Signature": signature(RAW)["X-Hub-Signature-256"]},
        signature(RAW, "another"),
        signature(RAW + b" "),
        signature(b""),
    ],
)
def test_a_forged_or_altered_webhook_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="RCD-306: channel loja: a webhook's signature is wrong"):
        channel().parse_receipt(headers, RAW)


def test_header_names_come_in_any_case() -> None:
    headers = {name.lower(): value for name, value in signature(RAW).items()}
    assert len(channel().parse_receipt(headers, RAW)) == 1


def test_without_a_secret_no_webhook_is_believed_and_no_receipts_are_promised() -> None:
    blind = channel(app_secret="")
    assert (channel().abilities.receipts, blind.abilities.receipts) == (True, False)
    with pytest.raises(Invalid, match="'app_secret' is not set"):
        blind.parse_receipt(signature(RAW, ""), RAW)


QUERY = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "palavra"}


def test_the_handshake_answers_the_challenge() -> None:
    assert channel().challenge(QUERY) == "1158201444"


@pytest.mark.parametrize(
    "query",
    [
        {},
        QUERY | {"hub.verify_token": "outra"},
        QUERY | {"hub.mode": "unsubscribe"},
        {name: value for name, value in QUERY.items() if name != "hub.challenge"},
    ],
)
def test_a_stranger_gets_no_answer(query: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="RCD-306"):
        channel().challenge(query)


def test_without_a_word_of_ours_nobody_gets_an_answer() -> None:
    with pytest.raises(Invalid, match="RCD-306"):
        channel(verify_token="").challenge(QUERY | {"hub.verify_token": ""})


@pytest.mark.parametrize("stamp", ["", "soon", "-1", "99999999999999999999999999", "²"])
def test_a_time_that_makes_no_sense_breaks_nothing(stamp: str) -> None:
    found = webhooks.statuses(payload(status("sent", timestamp=stamp)), NUMBER)
    assert found is not None
    assert 0 <= found[0].at_ms < 2**63

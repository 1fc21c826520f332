"""What is particular to WPPConnect, WuzAPI and Z-API, each beside its emulator; the rest is in the contract."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import quote

import msgspec
import pytest

from provider import factory
from provider.addresses import LOOPBACK
from provider.api import (
    Accepted,
    Address,
    ChannelSettings,
    Health,
    Provider,
    ReceiptEvent,
    Rejected,
    Rendered,
    Unknown,
)
from provider.http import HttpClient
from provider.wuzapi import message_id
from provider.zapi import ZApi
from schemas.errors import Invalid
from schemas.reasons import Rejection
from tests.provider.pairs import PAIRS
from tests.provider.sandbox.serving import serving

T = TypeVar("T")
TO = Address("+5511987654321")
VALUES = {pair.provider: dict(pair.settings) for pair in PAIRS}


def use(provider: str, url: str, do: Callable[[Provider], Awaitable[T]]) -> T:
    async def main() -> T:
        http = HttpClient(LOOPBACK)
        try:
            return await do(factory.make(ChannelSettings("loja", provider, VALUES[provider] | {"url": url}), http))
        finally:
            await http.close()

    return asyncio.run(main())


def parse(provider: str, body: object, headers: dict[str, str] | None = None) -> list[ReceiptEvent]:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    values = VALUES[provider] | {"url": "http://127.0.0.1:1"}
    made = factory.make(ChannelSettings("loja", provider, values), HttpClient(LOOPBACK))
    return made.parse_receipt(headers or {}, raw)


def test_wuzapi_gives_an_attempt_the_same_id_each_time_it_is_sent() -> None:
    with serving("wuzapi") as gateway:
        results = [
            use("wuzapi", gateway.address, lambda p: p.send(Rendered("olá"), TO, "a" * 32, 5)) for _ in range(2)
        ]
    wanted = message_id("a" * 32)
    assert wanted != message_id("b" * 32)
    assert [each.provider_message_id for each in results if isinstance(each, Accepted)] == [wanted, wanted]
    assert (wanted[:4], len(wanted)) == ("3EB0", 22)


@pytest.mark.parametrize(
    ("state", "expected"),
    [("Delivered", [(2, "delivered")]), ("Read", [(3, "read")]), ("ReadSelf", []), ("", [])],
)
@pytest.mark.parametrize("form", [False, True])
def test_wuzapi_webhooks_come_as_json_or_as_a_form(state: str, expected: list[tuple[int, str]], form: bool) -> None:
    event = {"MessageIDs": ["3EB0AA"], "Timestamp": "2026-11-22T12:00:00Z", "Chat": "5511987654321@s.whatsapp.net"}
    raw = msgspec.json.encode({"type": "ReadReceipt", "event": event, "state": state})
    headers = {"Content-Type": "application/json"}
    if form:
        raw = b"token=t0ken&jsonData=" + quote(raw).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
    found = parse("wuzapi", raw, headers)
    assert found == [ReceiptEvent("3EB0AA", rank, status, 1_795_348_800_000) for rank, status in expected]


def test_wuzapi_tells_a_session_without_its_qr_code_from_one_that_is_down() -> None:
    with serving("wuzapi") as gateway:
        assert use("wuzapi", gateway.address, lambda p: p.health()) == Health(ok=True, detail="connected")
        gateway.client.put("/v1/health/loja", json={"ok": False})
        down = use("wuzapi", gateway.address, lambda p: p.health())
    assert down == Health(ok=False, detail="the session is not connected")


def test_wppconnect_says_that_a_number_has_no_whatsapp_only_when_a_second_question_confirms_it() -> None:
    with serving("wppconnect") as gateway:
        gateway.client.put("/v1/numbers", json={"numbers": {"5511987654321": None}})
        missing = use("wppconnect", gateway.address, lambda p: p.send(Rendered("olá"), TO, "one", 5))
        gateway.forget()
        gateway.fault(preset="sent_despite_error")
        sent = use("wppconnect", gateway.address, lambda p: p.send(Rendered("olá"), TO, "two", 5))
        seen = [line["attempt_id"] for line in gateway.seen()]
    assert missing == Rejected(Rejection.PERMANENT_RECIPIENT, "no_whatsapp", 400, scope="recipient")
    assert sent == Unknown("number_doubtful", 400)
    assert seen == ["two"]


@pytest.mark.parametrize(
    ("ack", "expected"),
    [(0, []), (1, [(1, "server")]), (2, [(2, "delivered")]), (3, [(3, "read")]), (4, [(3, "played")])],
)
def test_wppconnect_acks_become_ranks(ack: int, expected: list[tuple[int, str]]) -> None:
    body = {"event": "onack", "session": "loja", "id": {"_serialized": "true_x"}, "ack": ack, "t": 1_795_348_800}
    found = parse("wppconnect", body)
    assert found == [ReceiptEvent("true_x", rank, status, 1_795_348_800_000) for rank, status in expected]


def test_wppconnect_reports_a_failed_message_with_its_number() -> None:
    found = parse("wppconnect", {"event": "onack", "session": "loja", "id": "true_x", "ack": -1, "t": 1})
    assert found == [ReceiptEvent("true_x", -1, "failed", 1000, code="-1")]


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("wppconnect", {"event": "onack", "session": "outra", "id": "true_x", "ack": 1}),
        ("zapi", {"type": "MessageStatusCallback", "status": "SENT", "ids": ["1"], "instanceId": "outra"}),
        ("wuzapi", {"event": {}}),
    ],
)
def test_a_webhook_of_another_session_is_refused(provider: str, body: object) -> None:
    with pytest.raises(Invalid, match="RCD-306"):
        parse(provider, body)


@pytest.mark.parametrize(("word", "rank"), [("SENT", 1), ("RECEIVED", 2), ("READ", 3), ("PLAYED", 3)])
def test_zapi_words_become_ranks(word: str, rank: int) -> None:
    body = {"type": "MessageStatusCallback", "status": word, "ids": ["A", "B"], "momment": 7, "instanceId": "loja"}
    assert parse("zapi", body) == [ReceiptEvent(each, rank, word.casefold(), 7) for each in ("A", "B")]
    assert parse("zapi", body | {"status": "READ_BY_ME"}) == []
    assert parse("zapi", body | {"type": "DeliveryCallback"}) == []


def test_zapi_with_its_phone_offline_is_not_well_though_it_accepts_and_its_queue_can_be_emptied() -> None:
    with serving("zapi") as gateway:
        gateway.fault(preset="burst_after_reconnect", times=2)
        taken = [use("zapi", gateway.address, lambda p: p.send(Rendered("olá"), TO, "kept", 5)) for _ in range(2)]
        assert all(isinstance(each, Accepted) for each in taken)
        assert gateway.seen() == []

        async def purge(provider: Provider) -> Health:
            assert isinstance(provider, ZApi)
            return await provider.purge()

        assert use("zapi", gateway.address, purge) == Health(ok=True, detail="the gateway's queue is empty")
        assert gateway.client.post("/v1/reconnect").json() == {"released": 0}
        gateway.client.put("/v1/health/loja", json={"ok": False})
        assert not use("zapi", gateway.address, lambda p: p.health()).ok


def test_a_burst_after_reconnect_shows_what_was_kept() -> None:
    with serving("zapi") as gateway:
        gateway.fault(preset="burst_after_reconnect", times=2)
        for name in ("one", "two"):
            use("zapi", gateway.address, lambda p, name=name: p.send(Rendered(name), TO, name, 5))  # type: ignore[misc]
        assert gateway.seen() == []
        assert gateway.client.post("/v1/reconnect").json() == {"released": 2}
        assert [line["body"] for line in gateway.seen()] == ["one", "two"]

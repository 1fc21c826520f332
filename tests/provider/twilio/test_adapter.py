"""A sender of Twilio against the emulated API: what leaves, in which form, and what a person is told."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from provider.addresses import LOOPBACK
from provider.api import (
    QUERY_HEADER,
    Accepted,
    Address,
    ChannelSettings,
    Health,
    Opening,
    ReceiptEvent,
    Rejected,
    Rendered,
    Result,
)
from provider.http import HttpClient
from provider.twilio import Twilio
from schemas.errors import Invalid
from schemas.reasons import Rejection
from tests.provider.sandbox.receiving import receiving
from tests.provider.sandbox.serving import Served, serving

T = TypeVar("T")
ACCOUNT, CONTENT = "AC" + "1" * 32, "HX" + "0" * 32
AGENT = Address("+5511987654321")


@pytest.fixture(scope="module")
def _api() -> Iterator[Served]:
    with serving("twilio") as api:
        yield api


@pytest.fixture
def api(_api: Served) -> Served:
    """Twilio without faults."""
    _api.forget()
    return _api


def use(api: Served, do: Callable[[Twilio], Awaitable[T]], **values: str) -> T:
    async def main() -> T:
        http = HttpClient(LOOPBACK)
        settings = {"url": api.address, "account_sid": ACCOUNT, "token": "t0ken", "sender": "+14155238886"} | values
        try:
            return await do(Twilio(ChannelSettings("loja", "twilio", settings), http))
        finally:
            await http.close()

    return asyncio.run(main())


def send(api: Served, message: Rendered, attempt_id: str = "a1", **values: str) -> Result:
    return use(api, lambda channel: channel.send(message, AGENT, attempt_id, 5), **values)


def test_a_text_leaves_as_a_form(api: Served) -> None:
    result = send(api, Rendered('*Maria* · #1\n"ação & cia"'), "attempt-7")
    seen = api.seen()[-1]
    assert result == Accepted(seen["id"], 201, "queued")
    assert (seen["to"], seen["body"], seen["attempt_id"], seen["channel"]) == (
        "whatsapp:+5511987654321",
        '*Maria* · #1\n"ação & cia"',
        "attempt-7",
        ACCOUNT,
    )


def test_an_opening_leaves_as_content_with_variables_of_one_line(api: Served) -> None:
    opening = Opening("", parameters=("Maria\nSouza      #4821",))
    assert isinstance(send(api, Rendered("x", opening=opening), content_sid=CONTENT), Accepted)
    assert api.seen()[-1]["body"] == "Recado: Maria Souza #4821"


def test_the_button_of_an_opening_is_its_last_variable(api: Served) -> None:
    assert api.client.put("/v1/contents", json={CONTENT: "{{1}} em /{{2}}"}).status_code == 204
    opening = Opening(CONTENT, parameters=("Maria",), url_suffix="tickets/1")
    assert isinstance(send(api, Rendered("x", opening=opening)), Accepted)
    assert api.seen()[-1]["body"] == "Maria em /tickets/1"
    assert api.client.put("/v1/contents", json={CONTENT: "Recado: {{1}}"}).status_code == 204


def test_without_a_content_an_opening_waits_for_a_person_and_nothing_is_asked(api: Served) -> None:
    before = api.client.get("/healthz").json()["requests"]
    opening = Opening("", parameters=("x",))
    assert send(api, Rendered("x", opening=opening)) == Rejected(Rejection.PERMANENT_CONFIG, "no_template")
    assert api.client.get("/healthz").json()["requests"] == before


def test_a_content_that_is_not_there_holds_the_channel(api: Served) -> None:
    opening = Opening("HX" + "9" * 32, parameters=("x",))
    found = send(api, Rendered("x", opening=opening))
    assert found == Rejected(Rejection.PERMANENT_CONFIG, "21655", 400, scope="sender")


def test_a_text_that_twilio_would_refuse_for_its_length_ends_early(api: Served) -> None:
    assert isinstance(send(api, Rendered("x" * 1_600)), Accepted)
    assert api.seen()[-1]["body"] == "x" * 1_600
    assert isinstance(send(api, Rendered("x" * 1_590 + "👩‍👧‍👦" * 3)), Accepted)
    assert api.seen()[-1]["body"] == "x" * 1_590 + "👩‍👧‍👦" + "…"


def test_an_api_key_and_a_messaging_service_will_do(api: Served) -> None:
    found = send(api, Rendered("olá"), key_sid="SK" + "2" * 32, sender="MG" + "3" * 32)
    assert isinstance(found, Accepted)


def test_callbacks_come_back_as_receipts_of_the_attempt(api: Served) -> None:
    with receiving() as receiver:
        callback = receiver.address + "/hooks/loja"
        hook = {"url": callback, "secret": "t0ken", "statuses": ["server", "delivered", "read"]}
        assert api.client.put("/v1/webhooks", json=hook).status_code == 204
        result = send(api, Rendered("oi"), "attempt-9", status_callback=callback)
        posted = receiver.wait(3)
        api.fault(preset="window_closed")
        later = send(api, Rendered("oi"), "attempt-10", status_callback=callback)
        posted = receiver.wait(4)
    assert isinstance(result, Accepted)
    assert isinstance(later, Accepted)

    async def read(channel: Twilio) -> list[ReceiptEvent]:
        return [
            event
            for each in posted
            for event in channel.parse_receipt(each.headers | {QUERY_HEADER: each.query}, each.raw)
        ]

    found = use(api, read, status_callback=callback)
    assert [(each.provider_message_id, each.rank, each.attempt_id, each.kind) for each in found] == [
        (result.provider_message_id, 1, "attempt-9", None),
        (result.provider_message_id, 2, "attempt-9", None),
        (result.provider_message_id, 3, "attempt-9", None),
        (later.provider_message_id, -1, "attempt-10", Rejection.WINDOW_CLOSED),
    ]


def test_health_tells_the_account_and_what_is_missing(api: Served) -> None:
    whole = {"content_sid": CONTENT, "status_callback": "https://hooks.example/x"}
    well = use(api, lambda channel: channel.health(), **whole)
    assert well == Health(True, "the account is active", "+14155238886")
    assert use(api, lambda channel: channel.health()).warnings == (
        "no 'content_sid': outside the 24-hour window nothing can be sent",
        "without 'status_callback' no receipts come: a failure of WhatsApp stays unseen",
    )
    api.client.put(f"/v1/health/{ACCOUNT}", json={"ok": False})
    assert use(api, lambda channel: channel.health()) == Health(False, "the account is suspended", code="RCD-306")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sender": "14155238886"}, "'sender' must be like"),
        ({"sender": "loja"}, "'sender' must be like"),
        ({"content_sid": "aviso"}, "'content_sid' begins with HX"),
        ({"validity_s": "0"}, "'validity_s' must be between 1 and 36000"),
        ({"validity_s": "4h"}, "'validity_s' must be between 1 and 36000"),
        ({"status_callback": "hooks.example"}, "'status_callback' must be like"),
    ],
)
def test_what_cannot_be_right_is_refused_when_it_is_set(values: dict[str, str], said: str) -> None:
    settings = {"account_sid": ACCOUNT, "token": "t0ken", "sender": "+14155238886"} | values
    with pytest.raises(Invalid, match=f"RCD-306: channel loja: {said}"):
        Twilio(ChannelSettings("loja", "twilio", settings), HttpClient())

"""A channel of the Cloud API against the emulated Graph: what leaves, in which form, and what a person is told."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from aiohttp import web

from provider.addresses import LOOPBACK
from provider.api import (
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
from provider.meta import MetaCloud
from schemas.clock import ManualClock
from schemas.errors import Invalid
from schemas.reasons import Rejection
from tests.provider.sandbox.receiving import receiving
from tests.provider.sandbox.serving import Served, serving

T = TypeVar("T")
NUMBER = "106540352242922"
AGENT = Address("+5511987654321")
WINTER = 1_795_392_000_000  # 2026-11-23
OPENING = Opening("", parameters=("Maria Souza #4821",))
ALL = {"template": "aviso", "waba_id": "102290129340398", "app_secret": "s3cret"}


@pytest.fixture(scope="module")
def _graph() -> Iterator[Served]:
    with serving("meta") as graph:
        yield graph


@pytest.fixture
def graph(_graph: Served) -> Served:
    """Graph without faults, its window open, its templates approved."""
    _graph.forget()
    assert _graph.client.put("/v1/window", json={"open": True}).status_code == 204
    approve(_graph, {"name": "aviso"}, {"name": "aviso", "language": "en"})
    return _graph


def approve(graph: Served, *templates: dict[str, str]) -> None:
    assert graph.client.put("/v1/templates", json=list(templates)).status_code == 204


def use(graph: Served, do: Callable[[MetaCloud], Awaitable[T]], **values: str) -> T:
    async def main() -> T:
        http = HttpClient(LOOPBACK)
        settings = {"url": graph.address, "phone_number_id": NUMBER, "token": "t0ken"} | values
        try:
            return await do(MetaCloud(ChannelSettings("loja", "meta", settings), http, ManualClock(WINTER)))
        finally:
            await http.close()

    return asyncio.run(main())


def send(graph: Served, message: Rendered, attempt_id: str = "a1", to: Address = AGENT, /, **values: str) -> Result:
    return use(graph, lambda channel: channel.send(message, to, attempt_id, 5), **values)


def health(graph: Served, **values: str) -> Health:
    return use(graph, lambda channel: channel.health(), **values)


def last(graph: Served) -> dict[str, Any]:
    return graph.seen()[-1]


def test_inside_the_window_the_text_leaves_as_it_is(graph: Served) -> None:
    result = send(graph, Rendered('*Maria* · #1\n"oi"'), "attempt-7")
    seen = last(graph)
    assert result == Accepted(seen["id"], 200, "accepted", "5511987654321")
    assert (seen["body"], seen["attempt_id"], seen["channel"]) == ('*Maria* · #1\n"oi"', "attempt-7", NUMBER)


def test_the_address_that_whatsapp_used_is_told(graph: Served) -> None:
    graph.client.put("/v1/numbers", json={"numbers": {"5531988887777": "553188887777"}})
    result = send(graph, Rendered("oi"), "a1", Address("+5531988887777"))
    assert isinstance(result, Accepted)
    assert result.address_used == "553188887777"


def test_outside_the_window_a_text_is_refused_and_its_opening_is_taken(graph: Served) -> None:
    graph.client.put("/v1/window", json={"open": False})
    text = Rendered("Maria: oi")
    assert send(graph, text) == Rejected(Rejection.WINDOW_CLOSED, "131047", 400, scope="recipient")
    assert isinstance(send(graph, replace(text, opening=OPENING), template="aviso"), Accepted)
    assert last(graph)["body"] == "Recado: Maria Souza #4821"


def test_an_opening_is_made_one_line_before_it_leaves(graph: Served) -> None:
    opening = Opening("aviso", parameters=("Maria\n\n\tSouza      #4821\u202e",))
    assert isinstance(send(graph, Rendered("x", opening=opening)), Accepted)
    assert last(graph)["body"] == "Recado: Maria Souza #4821"


def test_an_opening_leaves_in_the_agents_language_where_that_is_approved(graph: Served) -> None:
    approve(graph, {"name": "aviso"}, {"name": "aviso", "language": "en", "body": "Message: {{1}}"})
    several = {"template": "aviso", "template_languages": "pt_BR, en"}
    assert isinstance(send(graph, Rendered("x", opening=replace(OPENING, language="en")), **several), Accepted)
    assert last(graph)["body"] == "Message: Maria Souza #4821"
    assert isinstance(send(graph, Rendered("x", opening=replace(OPENING, language="es")), **several), Accepted)
    assert last(graph)["body"] == "Recado: Maria Souza #4821"


def test_without_a_template_an_opening_waits_for_a_person_and_nothing_is_asked(graph: Served) -> None:
    before = graph.client.get("/healthz").json()["requests"]
    assert send(graph, Rendered("x", opening=OPENING)) == Rejected(Rejection.PERMANENT_CONFIG, "no_template")
    assert graph.client.get("/healthz").json()["requests"] == before


def test_an_opening_that_is_too_long_with_the_templates_own_words_leaves_once_shorter(graph: Served) -> None:
    approve(graph, {"name": "longo", "body": "w" * 600 + "{{1}}"})
    opening = Opening("longo", parameters=("m" * 700,))
    assert isinstance(send(graph, Rendered("x", opening=opening)), Accepted)
    assert last(graph)["body"] == "w" * 600 + "m" * 349 + "…"
    approve(graph, {"name": "longo", "body": "w" * 1020 + "{{1}}"})
    result = send(graph, Rendered("x", opening=opening))
    assert result == Rejected(Rejection.PERMANENT_PAYLOAD, "132005", 400, scope="recipient")


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ({"name": "outro"}, "132001"),
        ({"name": "aviso", "status": "REJECTED"}, "132001"),
        ({"name": "aviso", "status": "PAUSED"}, "132015"),
        ({"name": "aviso", "body": "{{1}} {{2}}"}, "132000"),
    ],
)
def test_a_template_that_is_not_in_order_holds_the_channel(
    graph: Served, template: dict[str, str], code: str
) -> None:
    approve(graph, template)
    result = send(graph, Rendered("x", opening=OPENING), template="aviso")
    assert isinstance(result, Rejected)
    assert (result.kind, result.code, result.scope) == (Rejection.PERMANENT_CONFIG, code, "sender")


def test_a_limit_tells_how_long_to_wait(graph: Served) -> None:
    graph.fault(preset="rate_limited")
    assert send(graph, Rendered("x")) == Rejected(Rejection.THROTTLE_SENDER, "130429", 429, 12_000, "sender")


def test_a_channel_with_everything_is_well_and_warns_of_nothing(graph: Served) -> None:
    assert health(graph, **ALL) == Health(True, "available", "+551130611234")


def test_what_will_stop_a_channel_one_day_is_a_warning(graph: Served) -> None:
    assert health(graph, version="v21.0").warnings == (
        "Graph API v21.0 ends on 2027-01-21 (in 59 days); use v25.0",
        "no template: outside the 24-hour window nothing can be sent",
        "without 'app_secret' no receipts are read: an unknown attempt stays unknown",
    )
    assert health(graph, template="aviso", app_secret="s").warnings == (
        "without 'waba_id' the template cannot be checked",
    )


@pytest.mark.parametrize(
    ("template", "values", "detail"),
    [
        ({"name": "outro"}, {}, "template 'aviso' does not exist"),
        ({"name": "aviso", "status": "PENDING"}, {}, "template 'aviso' in pt_BR is PENDING"),
        ({"name": "aviso", "body": "{{1}} {{2}}"}, {}, "template 'aviso' has 2 placeholders in its body, not 1"),
        (
            {"name": "aviso"},
            {"template_languages": "pt_BR,en"},
            "template 'aviso' does not exist in en; it exists in pt_BR",
        ),
    ],
)
def test_a_template_is_checked_when_the_channel_is_tested(
    graph: Served, template: dict[str, str], values: dict[str, str], detail: str
) -> None:
    approve(graph, template)
    assert health(graph, **(ALL | values)) == Health(False, detail, "+551130611234", code="RCD-304")


@pytest.mark.parametrize(
    ("error", "status", "detail", "code"),
    [
        ({"code": 190}, 401, "Graph refuses with code 190: the token has expired or was revoked", "RCD-302"),
        ({"code": 0}, 401, "Graph refuses with code 0: it does not accept the token", "RCD-302"),
        ({"code": 10}, 403, "Graph refuses with code 10", "RCD-302"),
        (
            {"code": 100, "error_subcode": 33},
            400,
            "Graph refuses with code 100: 'phone_number_id' or 'waba_id' is wrong, or the token may not see it",
            "RCD-306",
        ),
        ({"code": 2}, 503, "Graph refuses with code 2", None),
    ],
)
def test_what_graph_refuses_to_tell_is_worth_a_sentence(
    error: dict[str, Any], status: int, detail: str, code: str | None
) -> None:
    async def main() -> Health:
        async def refuse(_request: web.Request) -> web.Response:
            return web.json_response({"error": error | {"message": "m", "type": "OAuthException"}}, status=status)

        app = web.Application()
        app.router.add_get("/{anything:.*}", refuse)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        http = HttpClient(LOOPBACK)
        settings = {"url": url, "phone_number_id": NUMBER, "token": "t0ken"}
        try:
            return await MetaCloud(ChannelSettings("loja", "meta", settings), http).health()
        finally:
            await http.close()
            await runner.cleanup()

    assert asyncio.run(main()) == Health(False, detail, code=code)


def test_a_blocked_number_is_not_well(graph: Served) -> None:
    graph.client.put(f"/v1/health/{NUMBER}", json={"ok": False, "detail": "account locked"})
    found = health(graph, **ALL)
    assert (found.ok, found.detail) == (False, "Meta blocks this number: PHONE_NUMBER: 131031 account locked")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"phone_number_id": "+55 11 98765-4321"}, "'phone_number_id' is a number that Meta gave"),
        ({"waba_id": "minha-conta"}, "'waba_id' is a number that Meta gave"),
        ({"version": "25"}, "'version' must be like v25.0"),
        ({"version": "v25.0/me"}, "'version' must be like v25.0"),
        ({"url": "ftp://graph"}, "'url' must be like"),
    ],
)
def test_what_cannot_be_right_is_refused_when_it_is_set(values: dict[str, str], said: str) -> None:
    settings = {"phone_number_id": NUMBER, "token": "t0ken"} | values
    with pytest.raises(Invalid, match=f"RCD-306: channel loja: {said}"):
        MetaCloud(ChannelSettings("loja", "meta", settings), HttpClient())


def test_graphs_webhooks_come_back_as_receipts_of_the_attempt(graph: Served) -> None:
    with receiving() as receiver:
        hook = {"url": receiver.address, "secret": "s3cret", "statuses": ["server", "delivered", "read"]}
        assert graph.client.put("/v1/webhooks", json=hook).status_code == 204
        result = send(graph, Rendered("oi"), "attempt-9")
        posted = receiver.wait(3)
    assert isinstance(result, Accepted)

    async def read(channel: MetaCloud) -> list[ReceiptEvent]:
        return [event for each in posted for event in channel.parse_receipt(each.headers, each.raw)]

    found = use(graph, read, app_secret="s3cret")
    assert [(each.provider_message_id, each.rank, each.attempt_id) for each in found] == [
        (result.provider_message_id, 1, "attempt-9"),
        (result.provider_message_id, 2, "attempt-9"),
        (result.provider_message_id, 3, "attempt-9"),
    ]


def test_what_was_accepted_and_fails_later_says_why(graph: Served) -> None:
    with receiving() as receiver:
        graph.client.put("/v1/webhooks", json={"url": receiver.address, "secret": "s3cret"})
        graph.fault(preset="fails_later")
        result = send(graph, Rendered("oi"), "attempt-10")
        (posted,) = receiver.wait(1)
    assert isinstance(result, Accepted)

    async def read(channel: MetaCloud) -> list[ReceiptEvent]:
        return channel.parse_receipt(posted.headers, posted.raw)

    (found,) = use(graph, read, app_secret="s3cret")
    assert (found.rank, found.code, found.kind) == (-1, "131026", Rejection.PERMANENT_RECIPIENT)

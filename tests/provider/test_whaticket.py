"""Whaticket's own send interfaces: six shapes, bodies that survive their template languages, statuses of izing."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
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
    Result,
)
from provider.http import HttpClient
from provider.whaticket.adapter import WhaticketApi, safe
from provider.whaticket.forks import FORKS
from schemas.clock import ManualClock
from schemas.errors import Fatal, Invalid
from schemas.reasons import Rejection
from tests.provider.sandbox.running import running
from tests.provider.sandbox.serving import Served, serving

T = TypeVar("T")
REQUIRED = {
    "url": "http://127.0.0.1:1",
    "token": "loja",
    "accept_agent_tickets": "yes",
    "api_id": "7a5d",
    "user_id": "3",
}


def settings(fork: str, **changes: str) -> ChannelSettings:
    declared = factory.REGISTRY[f"whaticket-{fork}"]
    names = {each.name for each in declared.settings}
    values = {name: value for name, value in (REQUIRED | changes).items() if name in names}
    return ChannelSettings("loja", declared.name, values)


class Recorded(HttpClient):
    """Keeps requests instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[str, str, Any, dict[str, str]]] = []

    async def request(self, method: str, url: str, **more: Any) -> Any:
        headers = {name: value for name, value in more["headers"].items() if name != "X-Request-Id"}
        self.requests.append((method, url, more["json"], headers))
        return await super().request(method, "http://127.0.0.1:1", timeout_s=1)


BEARER = {"Authorization": "Bearer loja"}


@pytest.mark.parametrize(
    ("fork", "changes", "expected"),
    [
        ("ticketz", {}, ("/api/messages/send", {"number": "5511987654321", "body": "\u200eoi"}, BEARER)),
        ("maurilio", {}, ("/api/messages/send", {"number": "5511987654321", "body": "\u200eoi"}, BEARER)),
        ("canove", {}, ("/api/messages/send", {"number": "5511987654321", "body": "\u200eoi"}, BEARER)),
        (
            "canove",
            {"connection": "7"},
            ("/api/messages/send", {"number": "5511987654321", "body": "\u200eoi", "whatsappId": 7}, BEARER),
        ),
        (
            "flavio",
            {"connection": "7"},
            ("/api/messages/send", {"number": "5511987654321", "body": "\u200eoi", "whatsappId": 7}, BEARER),
        ),
        (
            "press",
            {"queue_id": "2"},
            (
                "/api/messages/send",
                {"number": "5511987654321", "body": "\u200eoi", "userId": 3, "queueId": 2},
                BEARER,
            ),
        ),
        (
            "press",
            {"route": "v1"},
            (
                "/v1/messages/send",
                {"number": "5511987654321", "body": "\u200eoi", "userId": 3},
                {"x-api-token": "loja"},
            ),
        ),
        (
            "izing",
            {"api_id": "7a5d/../x"},
            (
                "/v1/api/external/7a5d%2F..%2Fx",
                {"number": "5511987654321", "body": "\u200eoi", "externalKey": "a-1"},
                BEARER,
            ),
        ),
    ],
)
def test_each_fork_is_asked_in_its_own_form(fork: str, changes: dict[str, str], expected: tuple[Any, ...]) -> None:
    http = Recorded()
    provider = factory.make(settings(fork, **changes), http)
    asyncio.run(provider.send(Rendered("oi"), Address("5511987654321@s.whatsapp.net"), "a-1", 1))
    path, body, headers = expected
    assert http.requests == [("POST", "http://127.0.0.1:1" + path, body, headers)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("oi", "\u200eoi"),
        ("\u200eoi", "\u200eoi"),
        ("{{name}}", "\u200e{\u200d{name}}"),
        ("{{{x}}}", "\u200e{\u200d{\u200d{x}}}"),
        ("{{{{", "\u200e{\u200d{\u200d{\u200d{"),
        ("a { { b", "\u200ea { { b"),
        ("\u200e{\u200d{x}}", "\u200e{\u200d{x}}"),
    ],
)
def test_a_body_keeps_its_braces_and_gets_one_mark(text: str, expected: str) -> None:
    assert safe(text) == expected
    assert safe(expected) == expected


def use(gateway: Served, fork: str, do: Callable[[Provider], Awaitable[T]], path: str = "", **changes: str) -> T:
    async def main() -> T:
        http = HttpClient(LOOPBACK)
        try:
            return await do(factory.make(settings(fork, url=gateway.address + path, **changes), http))
        finally:
            await http.close()

    return asyncio.run(main())


HOSTILE = "{{name}} deve {{#x}} {{{y}}} {{"


@pytest.mark.parametrize("fork", [each.name for each in FORKS])
def test_a_customers_braces_arrive_as_they_were_written(fork: str) -> None:
    with serving(f"whaticket-{fork}") as gateway:
        to = Address("+5511987654321")
        result = use(gateway, fork, lambda provider: provider.send(Rendered(HOSTILE), to, "a-1", 5))
        assert isinstance(result, Accepted)
        assert [m["body"].replace("\u200d", "") for m in gateway.seen()] == ["\u200e" + HOSTILE]


@pytest.mark.parametrize("fork", ["canove", "flavio", "maurilio"])
def test_the_emulated_fork_does_break_braces_that_nobody_broke_before(fork: str) -> None:
    with serving(f"whaticket-{fork}") as gateway:

        def post(text: str) -> httpx.Response:
            message = {"number": "5511987654321", "body": text}
            return gateway.client.post("/api/messages/send", json=message, headers=BEARER)

        assert post("olá {{name}}").status_code == 200
        assert post("olá {{#x").status_code == 400
        assert [m["body"] for m in gateway.seen()] == ["olá 5511987654321"]


@pytest.mark.parametrize("fork", [each.name for each in FORKS])
def test_health_shows_a_wrong_token_and_sends_nothing(fork: str) -> None:
    with serving(f"whaticket-{fork}") as gateway:
        good = use(gateway, fork, lambda provider: provider.health())
        wrong = use(gateway, fork, lambda provider: provider.health(), token="wrong")
        elsewhere = use(gateway, fork, lambda provider: provider.health(), path="/frontend")
        assert (good.ok, wrong.ok, elsewhere.ok) == (True, False, False)
        assert wrong.detail.startswith("Whaticket refuses the channel's settings (")
        assert elsewhere.detail == "'url' does not lead to this Whaticket's backend (status 404)"
        assert gateway.seen() == []


def test_health_of_what_is_not_whaticket_is_not_well() -> None:
    with serving("sandbox") as gateway:
        found = use(gateway, "canove", lambda provider: provider.health())
        assert isinstance(found, Health)
        assert not found.ok


def test_an_accepted_message_without_an_id_is_known_by_its_attempt() -> None:
    with serving("whaticket-canove") as gateway:
        to = Address("+5511987654321")
        result = use(gateway, "canove", lambda provider: provider.send(Rendered("oi"), to, "a-1", 5))
        assert result == Accepted("a-1", 200, "sent")


def test_presss_limit_says_when_it_ends() -> None:
    with serving("whaticket-press") as gateway:
        gateway.fault(preset="rate_limited")
        to = Address("+5511987654321")
        result: Result = use(gateway, "press", lambda provider: provider.send(Rendered("oi"), to, "a-1", 5))
        assert result == Rejected(Rejection.THROTTLE_APP, "rate_limit", 429, 420_000, "account")


@pytest.mark.parametrize("fork", [each.name for each in FORKS if each.leaves_tickets])
def test_a_fork_that_leaves_tickets_is_refused_until_that_is_accepted(fork: str) -> None:
    with pytest.raises(Fatal) as refusal:
        factory.make(settings(fork, accept_agent_tickets=""))
    assert refusal.value.code == "RCD-308"
    assert factory.make(settings(fork)).abilities.side_effects


def test_ticketz_needs_no_such_consent() -> None:
    assert not factory.make(settings("ticketz")).abilities.side_effects


@pytest.mark.parametrize("wrong", [{"connection": "seven"}, {"connection": "-1"}, {"connection": "٣"}])
def test_ids_are_numbers(wrong: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="RCD-306: channel loja: 'connection' is a number"):
        factory.make(settings("canove", **wrong))


HOOK = "h00k"


def izing(token: str = HOOK) -> WhaticketApi:
    fork = next(each for each in FORKS if each.name == "izing")
    return WhaticketApi(fork, settings("izing", webhook_token=token), HttpClient(), ManualClock(1_000))


def hook(ack: int, **changes: Any) -> bytes:
    body = {"ack": ack, "messageId": "m1", "externalKey": "a-1", "type": "hookMessageStatus"}
    return json.dumps(body | changes).encode()


@pytest.mark.parametrize(
    ("ack", "expected"),
    [
        (0, []),
        (1, [ReceiptEvent("a-1", 1, "server", 1_000, "a-1")]),
        (2, [ReceiptEvent("a-1", 2, "delivered", 1_000, "a-1")]),
        (3, [ReceiptEvent("a-1", 3, "read", 1_000, "a-1")]),
        (-1, [ReceiptEvent("a-1", -1, "failed", 1_000, "a-1", "no_whatsapp", Rejection.PERMANENT_RECIPIENT)]),
        (-2, []),  # the session is down: izing goes on trying, so that a second message would double it
        (99, []),
    ],
)
def test_a_status_of_izing_names_the_attempt(ack: int, expected: list[ReceiptEvent]) -> None:
    for header in ("h00k", "Bearer h00k"):
        assert izing().parse_receipt({"Authorization": header}, hook(ack)) == expected


@pytest.mark.parametrize(
    ("headers", "raw"),
    [
        ({}, hook(1)),
        ({"authorization": "other"}, hook(1)),
        ({"authorization": "h00k"}, hook(1, type="hookSessionStatus")),
        ({"authorization": "h00k"}, b"{}"),
        ({"authorization": "h00k"}, b'{"ack":"1"}'),
        ({"authorization": "há"}, hook(1)),
    ],
)
def test_what_is_not_izings_is_refused(headers: dict[str, str], raw: bytes) -> None:
    with pytest.raises(Invalid, match="RCD-306"):
        izing().parse_receipt(headers, raw)


def test_without_a_token_of_its_own_no_webhook_is_believed() -> None:
    assert not izing("").abilities.receipts
    with pytest.raises(Invalid):
        izing("").parse_receipt({"authorization": ""}, hook(1))


def test_curl_sends_as_the_forks_own_guides_say(tmp_path: Path) -> None:
    """No client of these interfaces is published: their guides give a curl command."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not here")
    with running(tmp_path, "--gateway", "whaticket-ticketz") as gateway:

        def send(token: str) -> str:
            body = json.dumps({"number": "5511987654321", "body": "olá {{name}}"})
            headers = ["-H", f"Authorization: Bearer {token}", "-H", "Content-Type: application/json"]
            command = [curl, "-s", "-w", " %{http_code}", *headers, "-d", body]
            address = f"{gateway.address}/api/messages/send"
            return subprocess.run([*command, address], capture_output=True, text=True, check=True).stdout

        assert send("loja") == '{"mensagem":"Message added to queue"} 200'
        assert send("wrong") == '{"error":"Acesso não permitido"} 401'
        gateway.fault(preset="session_down")
        assert send("loja") == '{"error":"ERR_INTERNAL_ERROR"} 500'
        gateway.fault(preset="queued_not_sent")
        assert send("loja") == '{"mensagem":"Message added to queue"} 200'
        assert [(m["to"], m["body"], m["channel"]) for m in gateway.seen()] == [
            ("5511987654321", "olá {{name}}", "loja")
        ]

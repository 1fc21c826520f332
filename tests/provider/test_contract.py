"""What every provider must do, over TCP against its emulator as a process. A new one goes into `ADAPTERS`."""

import asyncio
import itertools
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from provider import factory
from provider.api import Accepted, Address, ChannelSettings, Provider, Rejected, Rendered, Result, Unknown
from provider.http import HttpClient
from schemas.reasons import Rejection
from tests.provider.sandbox.running import Running

ADAPTERS = ("sandbox",)
_attempts = itertools.count(1)


def attempt() -> str:
    return f"contract-{next(_attempts)}"


def run(adapter: str, url: str, use: Callable[[Provider], Awaitable[Result]]) -> Result:
    async def main() -> Result:
        http = HttpClient()
        try:
            return await use(factory.make(ChannelSettings("loja", adapter, {"url": url}), http))
        finally:
            await http.close()

    return asyncio.run(main())


def send(adapter: str, url: str, attempt_id: str, timeout_s: float = 5.0, body: str = "olá") -> Result:
    return run(
        adapter,
        url,
        lambda provider: provider.send(Rendered(body), Address("+5511987654321"), attempt_id, timeout_s),
    )


def reached(gateway: Running, attempt_id: str) -> list[tuple[str, str, str]]:
    return [(m["to"], m["body"], m["channel"]) for m in gateway.seen() if m["attempt_id"] == attempt_id]


pytestmark = pytest.mark.parametrize("adapter", ADAPTERS)


def test_an_accepted_message_is_on_the_phone_with_the_same_bytes(adapter: str, gateway: Running) -> None:
    me, text = attempt(), '\u200e*Ana* · #1\n"ação 👩‍👧‍👦"\nhttps://desk.example/tickets/1'
    result = send(adapter, gateway.address, me, body=text)
    assert isinstance(result, Accepted)
    assert result.provider_message_id == gateway.seen()[-1]["id"]
    assert reached(gateway, me) == [("+5511987654321", text, "loja")]


def test_a_refused_connection_is_transient_because_nothing_left(adapter: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"  # bound, but nobody listens
        assert send(adapter, url, attempt()) == Rejected(Rejection.TRANSIENT, "connect", scope="gateway")


def test_an_unknown_host_is_transient_because_nothing_left(adapter: str) -> None:
    result = send(adapter, "http://gateway.invalid:1", attempt())
    assert result == Rejected(Rejection.TRANSIENT, "dns", scope="gateway")


def test_a_connection_reset_after_the_gateway_accepted_is_unknown(adapter: str, gateway: Running) -> None:
    me = attempt()
    gateway.fault(do="reset", accepted=True)
    assert send(adapter, gateway.address, me) == Unknown("reset")
    assert len(reached(gateway, me)) == 1


def test_a_connection_reset_after_the_request_left_is_unknown_even_if_nothing_was_sent(
    adapter: str, gateway: Running
) -> None:
    me = attempt()
    gateway.fault(do="reset")
    assert send(adapter, gateway.address, me) == Unknown("reset")
    assert reached(gateway, me) == []


@pytest.mark.parametrize("accepted", [True, False])
def test_a_gateway_that_does_not_answer_in_time_is_unknown(adapter: str, gateway: Running, accepted: bool) -> None:
    me = attempt()
    gateway.fault(do="hang", accepted=accepted)
    began = time.monotonic()
    assert send(adapter, gateway.address, me, timeout_s=0.4) == Unknown("timeout")
    assert time.monotonic() - began < 2
    assert len(reached(gateway, me)) == accepted


def test_a_slow_answer_within_the_time_is_accepted(adapter: str, gateway: Running) -> None:
    gateway.fault(do="delay", delay_ms=150)
    assert isinstance(send(adapter, gateway.address, attempt()), Accepted)


def test_a_message_that_is_sent_after_the_client_gave_up_was_unknown(adapter: str, gateway: Running) -> None:
    me = attempt()
    gateway.fault(do="delay", delay_ms=500)
    assert send(adapter, gateway.address, me, timeout_s=0.2) == Unknown("timeout")
    deadline = time.monotonic() + 5
    while not reached(gateway, me):
        assert time.monotonic() < deadline, "the slow message never came"
        time.sleep(0.05)


def test_a_success_with_broken_json_is_unknown(adapter: str, gateway: Running) -> None:
    gateway.fault(do="malformed")
    assert send(adapter, gateway.address, attempt()) == Unknown("malformed_answer", 201)


def test_a_success_that_is_larger_than_the_cap_is_unknown(adapter: str, gateway: Running) -> None:
    gateway.fault(do="huge")
    assert send(adapter, gateway.address, attempt()) == Unknown("huge_answer", 201)


def test_a_redirect_is_not_followed_and_is_a_wrong_configuration(adapter: str, gateway: Running) -> None:
    me = attempt()
    gateway.fault(do="status", status=307, headers={"Location": f"{gateway.address}/v1/messages"}, raw="")
    result = send(adapter, gateway.address, me)
    assert result == Rejected(Rejection.PERMANENT_CONFIG, "redirect", 307, scope="gateway")
    assert reached(gateway, me) == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Rejected(Rejection.PERMANENT_PAYLOAD, "scripted_400", 400, scope="recipient")),
        (401, Rejected(Rejection.PERMANENT_CONFIG, "scripted_401", 401, scope="account")),
        (403, Rejected(Rejection.PERMANENT_CONFIG, "scripted_403", 403, scope="account")),
        (404, Rejected(Rejection.PERMANENT_CONFIG, "scripted_404", 404, scope="gateway")),
        (409, Rejected(Rejection.SESSION_DOWN, "scripted_409", 409, scope="sender")),
        (410, Rejected(Rejection.PERMANENT_RECIPIENT, "scripted_410", 410, scope="recipient")),
        (429, Rejected(Rejection.THROTTLE_SENDER, "scripted_429", 429, scope="sender")),
        (500, Rejected(Rejection.TRANSIENT, "scripted_500", 500, scope="gateway")),
        (503, Rejected(Rejection.TRANSIENT, "scripted_503", 503, scope="gateway")),
    ],
)
def test_each_status_has_its_class(adapter: str, gateway: Running, status: int, expected: Rejected) -> None:
    me = attempt()
    gateway.fault(do="status", status=status)
    assert send(adapter, gateway.address, me) == expected
    assert reached(gateway, me) == []


@pytest.mark.parametrize("kind", list(Rejection))
def test_the_kind_in_the_body_wins_over_the_status(adapter: str, gateway: Running, kind: Rejection) -> None:
    gateway.fault(do="status", status=500, kind=kind, code="131047", scope="recipient")
    assert send(adapter, gateway.address, attempt()) == Rejected(kind, "131047", 500, scope="recipient")


def test_a_server_error_that_is_not_the_gateways_own_is_unknown(adapter: str, gateway: Running) -> None:
    gateway.fault(do="status", status=502, raw="<html>Bad Gateway</html>")
    assert send(adapter, gateway.address, attempt()) == Unknown("http_502", 502)


@pytest.mark.parametrize(
    ("header", "expected_ms"),
    [
        ("7", 7_000),
        ("0", 0),
        ("999999999", 86_400_000),
        ("soon", None),
        ("-1", None),
        ("Wed, 01 Jan 2020 00:00:00 GMT", 0),
    ],
)
def test_retry_after_is_read_and_bounded(
    adapter: str, gateway: Running, header: str, expected_ms: int | None
) -> None:
    gateway.fault(do="status", status=429, headers={"Retry-After": header})
    result = send(adapter, gateway.address, attempt())
    assert isinstance(result, Rejected)
    assert result.retry_after_ms == expected_ms


def test_a_gateway_that_speaks_no_http_is_unknown(adapter: str) -> None:
    async def main() -> Result:
        async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"220 smtp.example ESMTP\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(babble, "127.0.0.1", 0)
        http = HttpClient()
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            provider = factory.make(ChannelSettings("loja", adapter, {"url": url}), http)
            try:
                return await provider.send(Rendered("olá"), Address("+5511987654321"), attempt(), 5)
            finally:
                await http.close()

    result = asyncio.run(main())
    assert isinstance(result, Unknown)


def test_health_tells_ok_and_down_and_unreachable(adapter: str, gateway: Running) -> None:
    async def ask(url: str) -> Any:
        http = HttpClient()
        try:
            return await factory.make(ChannelSettings("loja", adapter, {"url": url}), http).health()
        finally:
            await http.close()

    assert asyncio.run(ask(gateway.address)).ok
    down = {"ok": False, "detail": "sessão desconectada", "session_number": "+551130611234"}
    assert gateway.client.put("/v1/health/loja", json=down).status_code == 204
    health = asyncio.run(ask(gateway.address))
    assert (health.ok, health.detail, health.session_number) == (False, "sessão desconectada", "+551130611234")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert not asyncio.run(ask(f"http://127.0.0.1:{closed.getsockname()[1]}")).ok


def test_two_hundred_sends_share_a_pool_and_all_arrive_once(adapter: str, gateway: Running) -> None:
    wanted = [attempt() for _ in range(200)]

    async def main() -> list[Result]:
        http = HttpClient(connections=8)
        provider = factory.make(ChannelSettings("loja", adapter, {"url": gateway.address}), http)
        try:
            to = Address("+5511987654321")
            return await asyncio.gather(*(provider.send(Rendered("olá"), to, each, 10) for each in wanted))
        finally:
            await http.close()

    assert all(isinstance(each, Accepted) for each in asyncio.run(main()))
    assert sorted(m["attempt_id"] for m in gateway.seen() if m["attempt_id"] in set(wanted)) == sorted(wanted)

"""A session of WAHA against its emulator: NOWEB takes any number, so ours asks first."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from provider.addresses import LOOPBACK
from provider.api import Accepted, Address, ChannelSettings, Health, Rejected, Rendered, Result
from provider.http import HttpClient
from provider.waha import Waha
from provider.waha.adapter import KNOWN_FOR_MS
from schemas.clock import ManualClock
from schemas.reasons import Rejection
from tests.provider.sandbox.receiving import receiving
from tests.provider.sandbox.serving import Served, serving

T = TypeVar("T")
AGENT = Address("+5531988887777")
TEXT = Rendered("olá")


@pytest.fixture(scope="module")
def _gateway() -> Iterator[Served]:
    with serving("waha") as gateway:
        yield gateway


@pytest.fixture
def gateway(_gateway: Served) -> Served:
    """A gateway without faults."""
    _gateway.forget()
    return _gateway


def use(
    gateway: Served, do: Callable[[Waha], Awaitable[T]], clock: ManualClock | None = None, /, **values: str
) -> T:
    async def main() -> T:
        http = HttpClient(LOOPBACK)
        settings = {"url": gateway.address, "session": "loja", "token": "t0ken", "webhook_key": "k3y"} | values
        try:
            return await do(Waha(ChannelSettings("loja", "waha", settings), http, clock or ManualClock()))
        finally:
            await http.close()

    return asyncio.run(main())


def send(gateway: Served, to: Address = AGENT, **values: str) -> Result:
    return use(gateway, lambda channel: channel.send(TEXT, to, "a1", 5), **values)


def numbers(gateway: Served, **known: str | None) -> None:
    script = {"numbers": {name.removeprefix("n"): address for name, address in known.items()}}
    assert gateway.client.put("/v1/numbers", json=script).status_code == 204


def test_a_number_is_looked_up_first_and_the_message_goes_to_the_address_that_was_found(gateway: Served) -> None:
    numbers(gateway, n5531988887777="553188887777")
    result = send(gateway)
    assert isinstance(result, Accepted)
    assert result.address_used == "553188887777@c.us"
    assert gateway.seen()[-1]["to"] == "553188887777@c.us"


def test_a_number_without_whatsapp_is_refused_and_nothing_is_sent(gateway: Served) -> None:
    numbers(gateway, n5531988887777=None)
    before = len(gateway.seen())
    assert send(gateway) == Rejected(Rejection.PERMANENT_RECIPIENT, "no_whatsapp", 200, scope="recipient")
    assert len(gateway.seen()) == before


def test_without_the_check_a_dead_number_goes_unnoticed(gateway: Served) -> None:
    numbers(gateway, n5531988887777=None)
    before = len(gateway.seen())
    assert isinstance(send(gateway, check="no"), Accepted)
    assert len(gateway.seen()) == before


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        (Address("553188887777@c.us"), "553188887777@c.us"),
        (Address("1203@lid", "lookup"), "1203@lid"),
        (Address("553188887777", "lookup"), "553188887777@c.us"),
        (Address("+5531988887777", "manual"), "5531988887777@c.us"),
    ],
)
def test_an_address_that_somebody_has_found_out_is_taken_as_it_is(
    gateway: Served, to: Address, expected: str
) -> None:
    numbers(gateway, n5531988887777=None, n553188887777=None)
    result = send(gateway, to)
    assert isinstance(result, Accepted)
    assert result.address_used == expected


def test_a_number_is_looked_up_once_a_day(gateway: Served) -> None:
    clock = ManualClock()

    async def thrice(channel: Waha) -> list[Result]:
        found = [await channel.send(TEXT, AGENT, "a1", 5)]
        numbers(gateway, n5531988887777=None)
        found.append(await channel.send(TEXT, AGENT, "a2", 5))
        clock.advance(KNOWN_FOR_MS)
        found.append(await channel.send(TEXT, AGENT, "a3", 5))
        return found

    first, second, third = use(gateway, thrice, clock)
    assert (type(first), type(second)) == (Accepted, Accepted)
    assert third == Rejected(Rejection.PERMANENT_RECIPIENT, "no_whatsapp", 200, scope="recipient")


def test_a_session_that_is_down_is_seen_by_the_question_and_burns_nothing(gateway: Served) -> None:
    gateway.client.put("/v1/health/loja", json={"ok": False})
    assert send(gateway) == Rejected(Rejection.SESSION_DOWN, "session_starting", 422, scope="sender")


def test_a_question_that_fails_leaves_nothing_unknown() -> None:
    async def nobody(channel: Waha) -> Result:
        return await channel.send(TEXT, AGENT, "a1", 5)

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad")
        await writer.drain()
        writer.close()

    async def main() -> Result:
        http = HttpClient(LOOPBACK)
        async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            try:
                return await nobody(Waha(ChannelSettings("loja", "waha", {"url": url}), http))
            finally:
                await http.close()

    assert asyncio.run(main()) == Rejected(Rejection.TRANSIENT, "lookup_http_502", 502, scope="gateway")


def test_health_tells_the_session_and_its_number(gateway: Served) -> None:
    assert use(gateway, lambda channel: channel.health()) == Health(True, "session 'loja' works", "+551130611234")
    gateway.client.put("/v1/health/loja", json={"ok": False, "session_number": "+5511999990000"})
    down = use(gateway, lambda channel: channel.health())
    assert down == Health(False, "session 'loja' is SCAN_QR_CODE", "+5511999990000")


def test_without_a_key_health_warns_that_receipts_are_missing(gateway: Served) -> None:
    found = use(gateway, lambda channel: channel.health(), webhook_key="")
    assert (found.ok, found.warnings) == (True, ("without 'webhook_key' no receipts are read",))


@pytest.mark.parametrize("engine", ["GOWS", "NOWEB"])
def test_the_acknowledgements_of_a_message_name_the_id_that_its_answer_named(gateway: Served, engine: str) -> None:
    assert gateway.client.put("/v1/engine", json={"engine": engine}).status_code == 204
    with receiving() as receiver:
        hook = {"url": receiver.address, "secret": "k3y", "statuses": ["server", "delivered", "read"]}
        assert gateway.client.put("/v1/webhooks", json=hook).status_code == 204
        result = send(gateway)
        posted = receiver.wait(3)
    assert isinstance(result, Accepted)

    async def read(channel: Waha) -> list[tuple[str, int]]:
        events = [event for each in posted for event in channel.parse_receipt(each.headers, each.raw)]
        return [(event.provider_message_id, event.rank) for event in events]

    ours = result.provider_message_id
    assert use(gateway, read) == [(ours, 1), (ours, 2), (ours, 3)]

"""What every provider must do, over TCP against its emulator. A new one goes into `tests.provider.pairs`."""

import asyncio
import contextlib
import itertools
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest

from provider import factory
from provider.addresses import LOOPBACK
from provider.api import (
    Accepted,
    Address,
    ChannelSettings,
    Health,
    Provider,
    Rejected,
    Rendered,
    Result,
    Unknown,
)
from provider.http import HttpClient
from provider.sandbox.faults import Preset
from provider.sandbox.gateways import EMULATORS
from schemas.errors import Invalid
from schemas.reasons import Rejection
from tests.provider.pairs import EXPECTED, PAIRS, SESSION, Pair
from tests.provider.sandbox.serving import Served, serving

T = TypeVar("T")
_attempts = itertools.count(1)


def attempt() -> str:
    return f"contract-{next(_attempts)}"


@dataclass(frozen=True)
class Contract:
    """A pair with its emulator at work."""

    pair: Pair
    gateway: Served

    def use(self, do: Callable[[Provider], Awaitable[T]], url: str | None = None, connections: int = 256) -> T:
        async def main() -> T:
            http = HttpClient(LOOPBACK, connections=connections)
            try:
                return await do(factory.make(self.settings(url), http))
            finally:
                await http.close()

        return asyncio.run(main())

    def settings(self, url: str | None = None) -> ChannelSettings:
        values = dict(self.pair.settings) | {"url": url or self.gateway.address}
        return ChannelSettings(SESSION, self.pair.provider, values)

    def send(self, attempt_id: str, timeout_s: float = 5.0, body: str = "olá", url: str | None = None) -> Result:
        to = Address("+5511987654321")
        return self.use(lambda provider: provider.send(Rendered(body), to, attempt_id, timeout_s), url)

    def health(self, url: str | None = None) -> Health:
        return self.use(lambda provider: provider.health(), url)

    def reached(self, attempt_id: str) -> list[tuple[str, str, str]]:
        return [(m["to"], m["body"], m["channel"]) for m in self.gateway.seen() if m["attempt_id"] == attempt_id]


@pytest.fixture(scope="module", params=PAIRS, ids=str)
def _emulated(request: pytest.FixtureRequest) -> Iterator[Contract]:
    with serving(request.param.gateway) as gateway:
        yield Contract(request.param, gateway)


@pytest.fixture
def contract(_emulated: Contract) -> Contract:
    """A pair whose emulator has no faults; its ledger holds what earlier tests sent."""
    _emulated.gateway.forget()
    return _emulated


def test_an_accepted_message_is_on_the_phone_with_the_same_bytes(contract: Contract) -> None:
    me, text = attempt(), '\u200e*Ana* · #1\n"ação 👩‍👧‍👦"\nhttps://desk.example/tickets/1'
    result = contract.send(me, body=text)
    assert isinstance(result, Accepted)
    assert result.provider_message_id
    assert contract.reached(me) == [(contract.pair.wants, text, contract.pair.session)]


def test_a_refused_connection_is_transient_because_nothing_left(contract: Contract) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"  # bound, but nobody listens
        assert contract.send(attempt(), url=url) == Rejected(Rejection.TRANSIENT, "connect", scope="gateway")
        assert not contract.health(url).ok


def test_an_unknown_host_is_transient_because_nothing_left(contract: Contract) -> None:
    result = contract.send(attempt(), url="http://gateway.invalid:1")
    assert result == Rejected(Rejection.TRANSIENT, "dns", scope="gateway")


def test_a_gateway_without_tls_behind_an_https_address_is_a_wrong_configuration(contract: Contract) -> None:
    url = contract.gateway.address.replace("http:", "https:")
    assert contract.send(attempt(), url=url) == Rejected(Rejection.PERMANENT_CONFIG, "tls", scope="gateway")


@pytest.mark.parametrize("accepted", [True, False])
def test_a_connection_reset_after_the_request_left_is_unknown(contract: Contract, accepted: bool) -> None:
    me = attempt()
    contract.gateway.fault(do="reset", accepted=accepted)
    assert contract.send(me) == Unknown("reset")
    assert len(contract.reached(me)) == accepted


@pytest.mark.parametrize("accepted", [True, False])
def test_a_gateway_that_does_not_answer_in_time_is_unknown(contract: Contract, accepted: bool) -> None:
    me = attempt()
    contract.gateway.fault(do="hang", accepted=accepted)
    assert contract.send(me, timeout_s=0.4) == Unknown("timeout")
    assert len(contract.reached(me)) == accepted


def test_a_slow_answer_within_the_time_is_accepted(contract: Contract) -> None:
    contract.gateway.fault(do="delay", delay_ms=150)
    assert isinstance(contract.send(attempt()), Accepted)


def test_a_message_that_is_sent_after_the_client_gave_up_was_unknown(contract: Contract) -> None:
    me = attempt()
    contract.gateway.fault(do="delay", delay_ms=500)
    assert contract.send(me, timeout_s=0.2) == Unknown("timeout")
    deadline = time.monotonic() + 5
    while not contract.reached(me):
        assert time.monotonic() < deadline, "the slow message never came"
        time.sleep(0.05)


def test_a_success_with_broken_json_is_unknown(contract: Contract) -> None:
    contract.gateway.fault(do="malformed")
    assert contract.send(attempt()) == Unknown("malformed_answer", 201)


def test_a_success_that_is_larger_than_the_cap_is_unknown(contract: Contract) -> None:
    contract.gateway.fault(do="huge")
    assert contract.send(attempt()) == Unknown("huge_answer", 201)


def test_a_redirect_is_not_followed_and_is_a_wrong_configuration(contract: Contract) -> None:
    me = attempt()
    location = {"Location": f"{contract.gateway.address}/v1/messages"}
    contract.gateway.fault(do="status", status=307, headers=location, raw="")
    assert contract.send(me) == Rejected(Rejection.PERMANENT_CONFIG, "redirect", 307, scope="gateway")
    assert contract.reached(me) == []


def test_a_server_error_that_is_not_the_gateways_own_is_unknown(contract: Contract) -> None:
    contract.gateway.fault(do="status", status=502, raw="<html>Bad Gateway</html>")
    assert contract.send(attempt()) == Unknown("http_502", 502)


def test_a_proxy_that_throttles_is_obeyed(contract: Contract) -> None:
    contract.gateway.fault(do="status", status=429, raw="slow down", headers={"Retry-After": "7"})
    assert contract.send(attempt()) == Rejected(Rejection.THROTTLE_SENDER, "http_429", 429, 7_000, "sender")


@pytest.mark.parametrize("preset", list(Preset))
def test_a_situation_is_understood_from_the_gateways_answer(contract: Contract, preset: Preset) -> None:
    presets = EMULATORS[contract.pair.gateway].presets
    if preset not in presets:
        refusal = contract.gateway.client.post("/v1/faults", json={"rules": [{"preset": preset}]})
        assert refusal.status_code == 400, "a situation that this gateway cannot be in is refused"
        return
    me = attempt()
    contract.gateway.fault(preset=preset)
    result = contract.send(me)
    match result:
        case Rejected():
            found: str = result.kind
        case Unknown():
            found = "unknown"
        case _:
            found = "accepted"
    assert found == contract.pair.expected.get(preset, EXPECTED[preset])
    assert len(contract.reached(me)) == (presets[preset].delivered == "now")


def test_a_gateway_that_speaks_no_http_is_unknown(contract: Contract) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"220 smtp.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    async def main() -> Result:
        http = HttpClient(LOOPBACK)
        async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            try:
                provider = factory.make(contract.settings(url), http)
                return await provider.send(Rendered("olá"), Address("+5511987654321"), attempt(), 5)
            finally:
                await http.close()

    assert isinstance(asyncio.run(main()), Unknown)


def test_health_tells_well_from_down(contract: Contract) -> None:
    assert contract.health().ok
    down = {"ok": False, "detail": "sessão desconectada", "session_number": "+551130611234"}
    if contract.pair.blind:
        assert contract.health().detail.endswith("only shows when something is sent")
        return
    assert contract.gateway.client.put(f"/v1/health/{contract.pair.session}", json=down).status_code == 204
    health = contract.health()
    assert not health.ok
    assert health.detail


def test_health_does_not_fail_on_an_answer_that_makes_no_sense(contract: Contract) -> None:
    health = contract.health(contract.gateway.address + "/nowhere")
    assert not health.ok
    assert health.detail


def test_a_number_is_looked_up_where_the_provider_says_that_it_can(contract: Contract) -> None:
    numbers = {"5531988887777": "553188887777", "5511900000000": None}
    assert contract.gateway.client.put("/v1/numbers", json={"numbers": numbers}).status_code == 204
    if not factory.REGISTRY[contract.pair.provider].abilities.exists_check:
        with pytest.raises(NotImplementedError):
            contract.use(lambda provider: provider.exists("+5531988887777"))
        return
    found = contract.use(lambda provider: provider.exists("+5531988887777"))
    assert found is not None
    assert (found.source, found.value.partition("@")[0].lstrip("+")) == ("lookup", "553188887777")
    assert contract.use(lambda provider: provider.exists("+5511900000000")) is None


def test_two_hundred_sends_share_a_pool_and_all_arrive_once(contract: Contract) -> None:
    wanted = [attempt() for _ in range(200)]
    to = Address("+5511987654321")

    async def all_of(provider: Provider) -> list[Result]:
        return await asyncio.gather(*(provider.send(Rendered("olá"), to, each, 10) for each in wanted))

    assert all(isinstance(each, Accepted) for each in contract.use(all_of, connections=8))
    found = [m["attempt_id"] for m in contract.gateway.seen() if m["attempt_id"] in set(wanted)]
    assert sorted(found) == sorted(wanted)


def test_no_webhook_that_is_not_the_providers_is_taken_for_a_receipt(contract: Contract) -> None:
    http = HttpClient(LOOPBACK)
    provider = factory.make(contract.settings(), http)
    for raw in (b"", b"[]", b"null", b"\xff", b"{" * 10_000, b'{"hello":"world"}'):
        with contextlib.suppress(Invalid):
            assert provider.parse_receipt({}, raw) == []


def test_a_required_setting_that_is_missing_is_refused_when_the_channel_is_made(contract: Contract) -> None:
    declared = factory.REGISTRY[contract.pair.provider]
    for name in [each.name for each in declared.settings if each.required]:
        values = dict(contract.settings().values)
        del values[name]
        with pytest.raises(Invalid, match=f"RCD-306: channel {SESSION}: '{name}' is missing"):
            factory.make(ChannelSettings(SESSION, contract.pair.provider, values))

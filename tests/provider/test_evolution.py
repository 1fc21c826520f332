"""Evolution: numbers, states, webhooks with a JWT; its emulator proved by Apprise, which was not written for us."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import jwt
import pytest

from provider import factory
from provider.addresses import LOOPBACK
from provider.api import Accepted, Address, ChannelSettings, Provider, ReceiptEvent, Rendered
from provider.evolution import Evolution
from provider.http import HttpClient
from schemas.clock import ManualClock
from schemas.errors import Invalid
from tests.provider.sandbox.running import Running, running
from tests.provider.sandbox.serving import Served, serving

T = TypeVar("T")
KEY = "s3cret-of-the-webhook-that-is-long-enough"
NOW_MS = 1_790_000_000_000


@pytest.fixture(scope="module")
def _served() -> Iterator[Served]:
    with serving("evolution") as served:
        yield served


@pytest.fixture
def gateway(_served: Served) -> Served:
    _served.forget()
    return _served


def use(gateway: Served, do: Callable[[Provider], Awaitable[T]], **changes: str) -> T:
    values = {"url": gateway.address, "instance": "loja", "api_key": "k3y"} | changes

    async def main() -> T:
        http = HttpClient(LOOPBACK)
        try:
            return await do(factory.make(ChannelSettings("loja", "evolution", values), http))
        finally:
            await http.close()

    return asyncio.run(main())


def send(gateway: Served, to: Address, body: str = "oi", **changes: str) -> Any:
    return use(gateway, lambda provider: provider.send(Rendered(body), to, "a-1", 5), **changes)


def test_what_a_look_up_gave_is_sent_as_it_is_and_everything_else_as_digits(gateway: Served) -> None:
    for to in (Address("+5531988887777"), Address("553188887777@s.whatsapp.net", "lookup")):
        assert isinstance(send(gateway, to), Accepted)
    assert [m["to"] for m in gateway.seen()[-2:]] == ["5531988887777", "553188887777@s.whatsapp.net"]


def test_the_jid_that_the_gateway_used_is_told(gateway: Served) -> None:
    gateway.client.put("/v1/numbers", json={"numbers": {"5531988887777": "553188887777"}})
    result = send(gateway, Address("+5531988887777"))
    assert (result.http, result.raw_status, result.address_used) == (201, "PENDING", "553188887777@s.whatsapp.net")
    assert result.provider_message_id.startswith("3EB0")


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"instance": "nowhere"}, "there is no such instance, or 'url' is not Evolution's address"),
        ({"api_key": "wrong"}, "the gateway refuses the credentials (status 401)"),
    ],
)
def test_health_says_what_to_mend(gateway: Served, changes: dict[str, str], detail: str) -> None:
    health = use(gateway, lambda provider: provider.health(), **changes)
    assert (health.ok, health.detail) == (False, detail)


@pytest.mark.parametrize(
    ("hook", "warning"),
    [
        (None, "the instance has no webhook: nothing tells whether notices arrive"),
        ({"url": "http://crm.example/"}, "RCD-305: the instance's webhook is somebody else's"),
        ({"url": "http://crm.example/", "secret": "theirs"}, "RCD-305: the instance's webhook is somebody else's"),
        ({"url": "http://recado.example/", "secret": KEY}, None),
    ],
)
def test_a_webhook_that_will_bring_no_receipts_is_told_and_left_alone(
    gateway: Served, hook: dict[str, str] | None, warning: str | None
) -> None:
    if hook is not None:
        gateway.client.put("/v1/webhooks", json=hook)
    health = use(gateway, lambda provider: provider.health(), webhook_secret=KEY)
    assert health.ok
    assert [each[: len(warning or "")] for each in health.warnings] == ([warning] if warning else [])
    assert gateway.client.get("/v1/webhooks").json()["hook"] is None or hook is not None
    assert use(gateway, lambda provider: provider.health()).warnings == ()


def test_a_number_that_cannot_be_looked_up_now_is_itself(gateway: Served) -> None:
    gateway.client.put("/v1/health/loja", json={"ok": False})
    found = use(gateway, lambda provider: provider.exists("+5511987654321"))
    assert found == Address("+5511987654321")


def provider(key: str = KEY) -> Evolution:
    values = {"url": "http://127.0.0.1:1", "instance": "loja", "api_key": "k", "webhook_secret": key}
    return Evolution(ChannelSettings("loja", "evolution", values), HttpClient(), ManualClock(NOW_MS))


def bearer(key: str = KEY, **claims: Any) -> dict[str, str]:
    now = NOW_MS // 1000
    return {"Authorization": "Bearer " + jwt.encode({"iat": now, "exp": now + 600} | claims, key, "HS256")}


def update(status: str = "DELIVERY_ACK", **changes: Any) -> dict[str, Any]:
    data = {"messageId": "db1", "keyId": "3EB01", "fromMe": True, "status": status, "instanceId": "x"}
    return {"event": "messages.update", "instance": "loja", "data": data | changes, "apikey": "never-log-this"}


@pytest.mark.parametrize(
    ("status", "rank"),
    [
        ("PENDING", None),
        ("SERVER_ACK", 1),
        ("DELIVERY_ACK", 2),
        ("READ", 3),
        ("PLAYED", 3),
        ("ERROR", -1),
        ("DELETED", None),
        ("SENT", 1),
        ("DELIVERED", 2),
        ("FAILED", -1),
        ("SOMETHING", None),
    ],
)
def test_each_status_has_its_rank(status: str, rank: int | None) -> None:
    expected = [] if rank is None else [ReceiptEvent("3EB01", rank, status, NOW_MS)]
    assert provider().parse_receipt(bearer(), json.dumps(update(status)).encode()) == expected


@pytest.mark.parametrize(
    "body",
    [
        update(fromMe=False),
        update() | {"event": "connection.update", "data": {"state": "close"}},
        update() | {"event": "send.message"},
        update(keyId=""),
        update() | {"data": []},
        update() | {"data": "text"},
    ],
)
def test_what_is_no_status_of_ours_is_nothing(body: dict[str, Any]) -> None:
    assert provider().parse_receipt(bearer(), json.dumps(body).encode()) == [] or body["event"] == "send.message"


def test_several_updates_in_one_webhook_and_the_loud_name_are_read_too() -> None:
    body = update() | {"event": "MESSAGES_UPDATE", "data": [update("READ")["data"], update("ERROR")["data"]]}
    found = provider().parse_receipt(bearer(), json.dumps(body).encode())
    assert [each.rank for each in found] == [3, -1]


NOW_S = NOW_MS // 1000


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Bearer é.é.é"},
        {"Authorization": "Basic abc"},
        bearer("another key of the same length as the first"),
        bearer(exp=NOW_S - 61),
        bearer(exp="soon"),
        {"Authorization": "Bearer " + jwt.encode({"iat": NOW_S}, KEY, "HS256")},
        {"Authorization": "Bearer " + jwt.encode({"exp": NOW_S + 600}, KEY * 2, "HS512")},
        {"Authorization": "Bearer " + jwt.encode({"exp": NOW_S + 600}, None, "none")},
    ],
    ids=[
        "none",
        "empty",
        "broken",
        "not-ascii",
        "basic",
        "other-key",
        "old",
        "no-date",
        "no-exp",
        "hs512",
        "alg-none",
    ],
)
def test_a_forged_or_old_token_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="RCD-306: channel loja: a webhook's token is wrong or has run out"):
        provider().parse_receipt(headers, json.dumps(update()).encode())


def test_a_webhook_of_another_instance_is_refused() -> None:
    with pytest.raises(Invalid, match="not a webhook of this Evolution instance"):
        provider().parse_receipt(bearer(), json.dumps(update() | {"instance": "other"}).encode())


def test_without_a_key_no_webhook_is_believed() -> None:
    assert not provider("").abilities.receipts
    with pytest.raises(Invalid, match="'webhook_secret' is not set"):
        provider("").parse_receipt(bearer(), json.dumps(update()).encode())


def test_a_clock_that_differs_by_less_than_a_minute_does_not_matter() -> None:
    assert provider().parse_receipt(bearer(exp=NOW_S - 59), json.dumps(update()).encode())


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("evolution"), "--gateway", "evolution") as gateway:
        yield gateway


def apprise(process: Running, key: str = "k3y", instance: str = "loja", body: str = "linha 1\nlinha 2") -> bool:
    """Send with Apprise's own program, in a process of its own."""
    host = process.address.removeprefix("http://")
    command = [str(Path(sys.executable).with_name("apprise")), "-t", "Recado", "-b", body]
    target = f"evolution://{key}@{host}/{instance}/5511987654321"
    done = subprocess.run([*command, target], capture_output=True, timeout=60, check=False, cwd=Path.cwd())
    return done.returncode == 0


def test_apprise_sends_through_the_emulator_and_understands_its_answers(process: Running) -> None:
    assert apprise(process)
    seen = process.seen()[-1]
    assert (seen["to"], seen["channel"]) == ("5511987654321", "loja")
    assert seen["body"].splitlines() == ["*Recado*", "linha 1", "linha 2"]
    assert not apprise(process, key="wrong")
    assert not apprise(process, instance="nowhere")
    process.fault(preset="session_down")
    assert not apprise(process)
    process.fault(preset="no_whatsapp")
    assert not apprise(process)
    assert len(process.seen()) == 1


def test_statuses_come_to_a_url_with_a_token_that_the_adapter_believes(process: Running) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    came: list[tuple[dict[str, str], bytes]] = []

    class Hooks(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hooks)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        hook = {"enabled": True, "url": f"http://127.0.0.1:{server.server_port}/", "headers": {"jwt_key": KEY}}
        headers = {"apikey": "k3y"}
        process.client.post("/webhook/set/loja", json={"webhook": hook}, headers=headers).raise_for_status()
        message = {"number": "5511987654321", "text": "oi"}
        sent = process.client.post("/message/sendText/loja", json=message, headers=headers).json()["key"]["id"]
        deadline = time.monotonic() + 10
        while len(came) < 2:
            assert time.monotonic() < deadline, process.client.get("/v1/webhooks").text
            time.sleep(0.02)
    finally:
        server.shutdown()
        server.server_close()
    values = {"url": process.address, "instance": "loja", "api_key": "k", "webhook_secret": KEY}
    adapter = Evolution(ChannelSettings("loja", "evolution", values), HttpClient())
    events = [event for headers, raw in came for event in adapter.parse_receipt(headers, raw)]
    assert [(each.provider_message_id, each.rank) for each in events] == [(sent, 1), (sent, 2)]

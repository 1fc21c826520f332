"""Apprise: who gets what, and what its one word for all services means; its emulator proved by Apprise itself."""

import asyncio
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from provider import factory
from provider.addresses import LOOPBACK
from provider.answers import example
from provider.api import Accepted, Address, ChannelSettings, Rejected, Rendered, Result, Unknown
from provider.apprise_api import ERRORS, AppriseApi
from provider.http import Answer, HttpClient
from schemas.errors import Invalid
from schemas.reasons import Rejection
from tests.provider.sandbox.running import Running, running
from tests.provider.sandbox.serving import Served, serving

TO = Address("+5511987654321")
URLS = "json://phones.example/{number}"


@pytest.fixture(scope="module")
def _served() -> Iterator[Served]:
    with serving("apprise") as served:
        yield served


@pytest.fixture
def server(_served: Served) -> Served:
    _served.forget()
    return _served


def made(url: str = "http://127.0.0.1:1", http: HttpClient | None = None, /, **values: str) -> AppriseApi:
    provider = factory.make(ChannelSettings("loja", "apprise", {"url": url} | values), http or HttpClient())
    assert isinstance(provider, AppriseApi)
    return provider


def send(server: Served, attempt_id: str = "a-1", **values: str) -> Result:
    async def main() -> Result:
        http = HttpClient(LOOPBACK)
        try:
            return await made(server.address, http, **values).send(Rendered("olá"), TO, attempt_id, 5)
        finally:
            await http.close()

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("values", "channel"),
    [
        ({"key": "loja"}, "loja"),
        ({"key": "loja", "tag": "avisos-{number}"}, "loja"),
        ({"urls": URLS}, "stateless"),
        ({"urls": f"{URLS}, ntfy://ntfy.example/agent-{{number}}"}, "stateless"),
    ],
    ids=["key", "tag", "url", "urls"],
)
def test_a_notice_reaches_the_agent_whose_number_is_in_the_tag_or_the_address(
    server: Served, values: dict[str, str], channel: str
) -> None:
    before = len(server.seen())
    assert send(server, **values) == Accepted("a-1", 200)  # no message is named: the attempt's id stands for it
    found = [(m["to"], m["body"], m["channel"], m["attempt_id"]) for m in server.seen()[before:]]
    assert found == [("5511987654321", "olá", channel, "a-1")]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "either 'urls' or 'key' is needed, and not both"),
        ({"key": "loja", "urls": URLS}, "either 'urls' or 'key' is needed, and not both"),
        ({"key": "../status"}, "'key' must be 1 to 128 letters, digits, - or _"),
        ({"key": "loja", "tag": "all"}, "'tag' must contain {number}: else each agent gets all notices"),
        (
            {"urls": "json://s3cret@phones.example/"},
            "'urls' must contain {number}: else each agent gets all notices",
        ),
    ],
    ids=["neither", "both", "path-in-key", "everybody", "everybody-by-address"],
)
def test_settings_that_cannot_tell_agents_apart_are_refused(values: dict[str, str], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        made(**values)
    assert str(caught.value).endswith(f"channel loja: {said}")


def test_credentials_go_along_as_the_server_asks_for_them() -> None:
    wanted = "Basic " + b64encode("recado:pässword".encode()).decode()
    found = made(key="loja", user="recado", password="pässword")._credentials()
    assert found == {"Authorization": wanted}
    assert made(key="loja")._credentials() == {}


def test_an_agent_without_a_service_is_no_fault_of_the_channel(server: Served) -> None:
    server.client.put("/v1/numbers", json={"numbers": {"5511987654321": None}})
    assert send(server, key="loja") == Rejected(Rejection.PERMANENT_RECIPIENT, "no_service", 424, scope="recipient")


def test_what_was_not_sent_to_all_may_have_been_sent_to_one(server: Served) -> None:
    server.fault(preset="sent_despite_error")
    before = len(server.seen())
    assert send(server, key="loja") == Unknown("not_all_notified", 424)
    assert len(server.seen()) == before + 1


@pytest.mark.parametrize(
    "answer",
    [example(200, {"details": []}), example(200, {"error": "x"}), example(202, {"error": None, "details": []})],
    ids=["no-word", "an-error", "another-status"],
)
def test_only_a_plain_success_is_one(answer: Answer) -> None:
    assert isinstance(ERRORS.classify(answer), Unknown)


def test_no_webhook_is_taken_for_a_receipt() -> None:
    with pytest.raises(Invalid, match="RCD-306: channel loja: Apprise reports no delivery"):
        made(key="loja").parse_receipt({}, b'{"source":"127.0.0.1","status":0,"output":""}')


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("apprise"), "--gateway", "apprise") as gateway:
        yield gateway


def apprise(process: Running, query: str, title: str = "") -> bool:
    """Send with Apprise's own program to a server of its own kind, in a process of its own."""
    host = process.address.removeprefix("http://")
    program = str(Path(sys.executable).with_name("apprise"))
    command = [program, "-b", "linha 1\nlinha 2", *(["-t", title] if title else [])]
    target = f"apprise://{host}/loja/?{query}"
    return subprocess.run([*command, target], capture_output=True, timeout=60, check=False).returncode == 0


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("method", ["json", "form"])
def test_apprise_sends_through_the_emulator_in_each_of_its_dialects(
    process: Running, version: str, method: str
) -> None:
    before = len(process.seen())
    assert apprise(process, f"tags=5511987654321&version={version}&method={method}", title="Recado")
    found = [(m["to"], m["body"].split(), m["channel"]) for m in process.seen()[before:]]
    assert found == [("5511987654321", ["Recado", "linha", "1", "linha", "2"], "loja")]


def test_apprise_understands_the_emulators_refusals(process: Running) -> None:
    before = len(process.seen())
    for preset in ("session_never_started", "token_expired", "session_down", "service_down", "payload_refused"):
        process.fault(preset=preset)
        assert not apprise(process, "tags=5511987654321"), preset
    assert not apprise(process, "tags=nobody")
    assert len(process.seen()) == before

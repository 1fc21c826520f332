"""The emulated WAHA as a process, proved by a client that was not written for us: `waha` of PyPI."""

from collections.abc import Iterator

import pytest
from waha import WahaClient
from waha.exceptions import WahaAPIError, WahaAuthenticationError

from tests.provider.sandbox.running import Running, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("waha"), "--gateway", "waha") as gateway:
        yield gateway


@pytest.fixture
def client(server: Running) -> Iterator[WahaClient]:
    assert server.client.delete("/v1/faults").status_code == 204
    with WahaClient(base_url=server.address, api_key="t0ken") as found:
        yield found


@pytest.fixture
def _documented(server: Running) -> Iterator[None]:
    """The client reads answers as the API documents them, which NOWEB's are not."""
    assert server.client.put("/v1/engine", json={"engine": "GOWS"}).status_code == 204
    yield
    assert server.client.put("/v1/engine", json={"engine": "NOWEB"}).status_code == 204


@pytest.mark.usefixtures("_documented")
def test_the_client_sends_a_text(client: WahaClient, server: Running) -> None:
    sent = client.messages.send_text("5511987654321@c.us", "olá", session="loja")
    seen = server.seen()[-1]
    assert (sent.id, sent.fromMe) == (f"true_5511987654321@c.us_{seen['id']}", True)
    assert (seen["to"], seen["body"], seen["channel"]) == ("5511987654321@c.us", "olá", "loja")


def test_the_client_looks_a_number_up(client: WahaClient, server: Running) -> None:
    numbers = {"5531988887777": "553188887777", "5511900000000": None}
    assert server.client.put("/v1/numbers", json={"numbers": numbers}).status_code == 204
    found = client.contacts.check_exists("5531988887777", session="loja")
    assert (found.numberExists, found.chatId) == (True, "553188887777@c.us")
    assert client.contacts.check_exists("5511900000000").numberExists is False


def test_the_client_reads_a_sessions_state(client: WahaClient, server: Running) -> None:
    assert client.sessions.get("loja").status == "WORKING"
    server.client.put("/v1/health/loja", json={"ok": False})
    assert client.sessions.get("loja").status == "SCAN_QR_CODE"


@pytest.mark.parametrize(
    ("preset", "status"),
    [("session_down", 422), ("service_down", 500), ("sender_restricted", 500), ("payload_refused", 400)],
)
def test_the_client_sees_the_status_of_a_refusal(
    client: WahaClient, server: Running, preset: str, status: int
) -> None:
    server.fault(preset=preset)
    with pytest.raises(WahaAPIError) as caught:
        client.messages.send_text("5511987654321@c.us", "olá")
    assert caught.value.status_code == status


def test_the_client_sees_that_its_key_is_refused(client: WahaClient, server: Running) -> None:
    server.fault(preset="token_expired")
    with pytest.raises(WahaAuthenticationError):
        client.messages.send_text("5511987654321@c.us", "olá")

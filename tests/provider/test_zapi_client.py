"""The emulated Z-API as a process, proved by a client that was not written for us: `z-api-sdk` of npm."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.provider import npm
from tests.provider.sandbox.running import Running, running

PHONE = "5511987654321"


@pytest.fixture(scope="module")
def _host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    npm.need()
    with running(tmp_path_factory.mktemp("zapi"), "--gateway", "zapi") as gateway:
        yield gateway


@pytest.fixture
def host(_host: Running) -> Running:
    assert _host.client.delete("/v1/faults").status_code == 204
    return _host


def call(host: Running, resource: str, method: str, *args: Any) -> Any:
    return npm.node("zapi_client.cjs", url=host.address, resource=resource, method=method, args=args)


def test_the_client_sends_a_text(host: Running) -> None:
    told = call(host, "messages", "sendText", {"phone": PHONE, "message": "olá\n👍"})
    seen = host.seen()[-1]
    assert told["found"]["messageId"] == told["found"]["id"] == seen["id"]
    assert (seen["to"], seen["body"], seen["channel"]) == (PHONE, "olá\n👍", "loja")


def test_the_client_looks_a_number_up(host: Running) -> None:
    numbers = {"5531988887777": "553188887777", "5511900000000": None}
    assert host.client.put("/v1/numbers", json={"numbers": numbers}).status_code == 204
    found = call(host, "contacts", "phoneExists", "5531988887777")["found"]
    assert (found["exists"], found["phone"]) == (True, "553188887777")
    assert call(host, "contacts", "phoneExists", "5511900000000")["found"]["exists"] is False


def test_the_client_reads_the_instances_state(host: Running) -> None:
    well = call(host, "instance", "getStatus")["found"]
    assert (well["connected"], well["smartphoneConnected"]) == (True, True)
    host.client.put("/v1/health/loja", json={"ok": False})
    assert call(host, "instance", "getStatus")["found"]["connected"] is False


@pytest.mark.parametrize(
    ("preset", "error", "status"),
    [("token_expired", "PermissionDeniedError", 403), ("session_down", "BadRequestError", 400)],
)
def test_the_client_understands_a_refusal(host: Running, preset: str, error: str, status: int) -> None:
    host.fault(preset=preset)
    told = call(host, "messages", "sendText", {"phone": PHONE, "message": "olá"})
    assert (told["error"], told["status"]) == (error, status)


def test_the_client_empties_the_queue_of_a_phone_that_is_offline(host: Running) -> None:
    host.fault(preset="burst_after_reconnect", times=2)
    call(host, "messages", "sendText", {"phone": PHONE, "message": "kept"})
    assert host.client.post("/v1/reconnect").json() == {"released": 1}
    call(host, "messages", "sendText", {"phone": PHONE, "message": "stale"})
    assert "error" not in call(host, "queue", "clear")
    assert host.client.post("/v1/reconnect").json() == {"released": 0}
    assert host.seen()[-1]["body"] == "kept"

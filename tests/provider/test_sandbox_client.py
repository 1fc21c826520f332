import asyncio

import pytest

from provider.addresses import LOOPBACK
from provider.api import Address, ChannelSettings, ReceiptEvent, Rejected, Rendered, Result
from provider.http import HttpClient
from provider.sandbox_client import SandboxClient
from schemas.errors import Invalid
from schemas.reasons import Rejection
from tests.provider.sandbox.running import Running


@pytest.fixture
def client() -> SandboxClient:
    return SandboxClient(ChannelSettings("loja", "sandbox", {"url": "http://127.0.0.1:1"}), HttpClient(LOOPBACK))


def test_receipts_are_read_from_the_list_of_the_gateway(client: SandboxClient, gateway: Running) -> None:
    message = {"to": "+5511987654321", "body": "oi", "attempt_id": "receipt-1"}
    sent = gateway.client.post("/v1/messages", json=message).json()["id"]
    assert gateway.client.post("/v1/receipts", json={"id": sent, "status": "delivered"}).status_code == 204
    answer = gateway.client.get("/v1/receipts")
    at_ms = answer.json()["receipts"][-1]["at_ms"]
    assert client.parse_receipt({}, answer.content)[-1] == ReceiptEvent(sent, 2, "delivered", at_ms, "receipt-1")


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b'{"receipts":[{"id":"a","status":"eaten","at_ms":1}]}', b"\xff"]
)
def test_anything_else_is_no_receipt(client: SandboxClient, raw: bytes) -> None:
    with pytest.raises(Invalid, match="RCD-306"):
        client.parse_receipt({}, raw)


def test_the_sandbox_declares_that_it_cannot_look_numbers_up(client: SandboxClient) -> None:
    assert not client.abilities.exists_check
    with pytest.raises(NotImplementedError):
        asyncio.run(client.exists("+5511987654321"))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"status": 400}, Rejected(Rejection.PERMANENT_PAYLOAD, "scripted_400", 400, scope="recipient")),
        ({"status": 409}, Rejected(Rejection.SESSION_DOWN, "scripted_409", 409, scope="sender")),
        ({"status": 500}, Rejected(Rejection.TRANSIENT, "scripted_500", 500, scope="gateway")),
        (
            {"status": 500, "kind": "window_closed", "code": "131047"},
            Rejected(Rejection.WINDOW_CLOSED, "131047", 500, scope="recipient"),
        ),
    ],
)
def test_a_scripted_status_means_what_the_script_says(
    gateway: Running, rule: dict[str, object], expected: Rejected
) -> None:
    gateway.fault(do="status", **rule)

    async def send() -> Result:
        http = HttpClient(LOOPBACK)
        try:
            settings = ChannelSettings("loja", "sandbox", {"url": gateway.address})
            return await SandboxClient(settings, http).send(Rendered("a"), Address("+5511987654321"), "s", 5)
        finally:
            await http.close()

    assert asyncio.run(send()) == expected

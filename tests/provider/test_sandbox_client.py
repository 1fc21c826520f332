import asyncio

import pytest

from provider.api import ChannelSettings, ReceiptEvent
from provider.http import HttpClient
from provider.sandbox_client import SandboxClient
from schemas.errors import Invalid
from tests.provider.sandbox.running import Running


@pytest.fixture
def client() -> SandboxClient:
    return SandboxClient(ChannelSettings("loja", "sandbox", {"url": "http://127.0.0.1:1"}), HttpClient())


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

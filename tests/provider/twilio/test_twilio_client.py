"""The emulated API as a process, proved by a client that was not written for us: Twilio's own library."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.provider.sandbox.receiving import receiving
from tests.provider.sandbox.running import Running, running

ACCOUNT, TOKEN, CONTENT = "AC" + "1" * 32, "auth-t0ken", "HX" + "0" * 32
TO, FROM = "whatsapp:+5511987654321", "whatsapp:+14155238886"


class Redirected(TwilioHttpClient):  # type: ignore[misc]  # the library has no types
    """The library's address is fixed; the wire leads to the emulator instead."""

    def __init__(self, address: str) -> None:
        super().__init__(timeout=5)
        self._address = address

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self._address), *args, **more)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("twilio"), "--gateway", "twilio") as gateway:
        yield gateway


@pytest.fixture
def client(api: Running) -> Client:
    assert api.client.delete("/v1/faults").status_code == 204
    return Client(ACCOUNT, TOKEN, http_client=Redirected(api.address))


def test_the_library_sends_a_text_and_reads_it_back(client: Client, api: Running) -> None:
    sent = client.messages.create(to=TO, from_=FROM, body="olá", validity_period=14_400)
    seen = api.seen()[-1]
    assert (sent.sid, sent.status, sent.error_code, sent.to) == (seen["id"], "queued", None, TO)
    assert (seen["body"], seen["channel"]) == ("olá", ACCOUNT)
    assert client.messages(str(sent.sid)).fetch().body == "olá"


def test_the_library_sends_a_content(client: Client, api: Running) -> None:
    client.messages.create(to=TO, from_=FROM, content_sid=CONTENT, content_variables='{"1":"Maria"}')
    assert api.seen()[-1]["body"] == "Recado: Maria"


@pytest.mark.parametrize(
    ("preset", "status", "code"),
    [
        ("token_expired", 401, 20003),
        ("rate_limited", 429, 20429),
        ("template_missing", 400, 21655),
        ("account_blocked", 403, 20005),
        ("payload_refused", 400, 21617),
        ("service_down", 503, 20503),
    ],
)
def test_the_library_understands_a_refusal(
    client: Client, api: Running, preset: str, status: int, code: int
) -> None:
    api.fault(preset=preset)
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to=TO, from_=FROM, body="olá")
    assert (caught.value.status, caught.value.code) == (status, code)


def test_the_library_reads_the_accounts_state(client: Client) -> None:
    assert client.api.accounts(ACCOUNT).fetch().status == "active"


def test_the_library_accepts_the_signature_of_callbacks(client: Client, api: Running) -> None:
    with receiving() as receiver:
        callback = f"{receiver.address}/hooks/loja?attempt=a1"
        assert api.client.put("/v1/webhooks", json={"url": receiver.address, "secret": TOKEN}).status_code == 204
        sent = client.messages.create(to=TO, from_=FROM, body="olá", status_callback=callback)
        posted = receiver.wait(2)
    validator = RequestValidator(TOKEN)
    for each, status in zip(posted, ("sent", "delivered"), strict=True):
        form = dict(parse_qsl(each.raw.decode(), keep_blank_values=True))
        assert (form["MessageSid"], form["MessageStatus"], each.query) == (sent.sid, status, "attempt=a1")
        assert validator.validate(receiver.address + each.path, form, each.headers["X-Twilio-Signature"])
        assert not validator.validate(callback + "2", form, each.headers["X-Twilio-Signature"])

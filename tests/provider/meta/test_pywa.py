"""The emulated Graph as a process, proved by a client that was not written for us: pywa."""

from collections.abc import Iterator

import httpx
import pytest
from pywa import errors
from pywa.client import WhatsApp
from pywa.types.base_update import RawUpdate
from pywa.types.message_status import MessageStatus, MessageStatusType
from pywa.types.sent_update import SentTemplateStatus
from pywa.types.templates import BodyText, TemplateLanguage

from tests.provider.sandbox.receiving import receiving
from tests.provider.sandbox.running import Running, running

NUMBER, WABA, AGENT = "106540352242922", "102290129340398", "5511987654321"
SECRET = "app-secret"


class Redirected(httpx.HTTPTransport):
    """pywa's address is fixed; the wire leads to the emulator instead."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._to = httpx.URL(address)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host=self._to.host, port=self._to.port)
        request.headers["Host"] = f"{self._to.host}:{self._to.port}"
        return super().handle_request(request)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("graph"), "--gateway", "meta") as gateway:
        yield gateway


@pytest.fixture
def client(graph: Running) -> Iterator[WhatsApp]:
    assert graph.client.delete("/v1/faults").status_code == 204
    with httpx.Client(transport=Redirected(graph.address)) as session:
        yield WhatsApp(NUMBER, "t0ken", session=session, waba_id=WABA, app_secret=SECRET, verify_token="palavra")


def test_pywa_sends_a_text(client: WhatsApp, graph: Running) -> None:
    sent = client.send_message(AGENT, "olá", tracker="attempt-1")
    seen = graph.seen()[-1]
    assert (sent.id, sent.input, sent.chat.id) == (seen["id"], AGENT, AGENT)
    assert (seen["body"], seen["attempt_id"], seen["channel"]) == ("olá", "attempt-1", NUMBER)


def test_pywa_sends_a_template(client: WhatsApp, graph: Running) -> None:
    filled = BodyText.params("Maria")  # type: ignore[arg-type]  # works on the class too, as pywa documents it
    sent = client.send_template(
        AGENT,
        "aviso",
        TemplateLanguage.PORTUGUESE_BR,
        [filled],
        tracker="attempt-2",
    )
    assert (sent.status, graph.seen()[-1]["body"]) == (SentTemplateStatus.ACCEPTED, "Recado: Maria")


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("window_closed", errors.ReEngagementMessage),
        ("token_expired", errors.ExpiredAccessToken),
        ("rate_limited", errors.RateLimitHit),
        ("pair_limit", errors.TooManyMessages),
        ("no_whatsapp", errors.MessageUndeliverable),
        ("template_missing", errors.TemplateNotExists),
        ("account_blocked", errors.AccountLocked),
        ("sender_restricted", errors.SpamRateLimitHit),
        ("payload_refused", errors.TemplateTextTooLong),
        ("service_down", errors.ServiceUnavailable),
        ("empty_error", errors.WhatsAppError),
    ],
)
def test_pywa_understands_a_refusal(
    client: WhatsApp, graph: Running, preset: str, expected: type[Exception]
) -> None:
    graph.fault(preset=preset)
    with pytest.raises(expected) as caught:
        client.send_message(AGENT, "olá")
    assert type(caught.value) is expected


def test_pywa_reads_the_numbers_and_the_templates_state(client: WhatsApp) -> None:
    number = client.get_business_phone_number()
    assert (number.id, number.display_phone_number, number.status) == (NUMBER, "+55 11 3061-1234", "CONNECTED")
    found = list(client.get_templates(name="aviso"))
    assert [(each.name, str(each.language), str(each.status)) for each in found] == [
        ("aviso", "pt_BR", "APPROVED"),
        ("aviso", "en", "APPROVED"),
        ("aviso", "es", "APPROVED"),
    ]


def test_pywa_accepts_the_webhooks_signature_and_reads_the_statuses(client: WhatsApp, graph: Running) -> None:
    with receiving() as receiver:
        hook = {"url": receiver.address, "secret": SECRET, "statuses": ["server", "delivered", "read"]}
        assert graph.client.put("/v1/webhooks", json=hook).status_code == 204
        sent = client.send_message(AGENT, "olá", tracker="attempt-3")
        posted = receiver.wait(3)
    found = []
    for each in posted:
        assert client.webhook_update_validator(each.raw, each.headers["X-Hub-Signature-256"]) is None
        assert client.webhook_update_validator(each.raw + b" ", each.headers["X-Hub-Signature-256"]) is not None
        update = MessageStatus.from_update(client, RawUpdate(each.raw, hmac_header=None, update_hash=""))
        found.append((update.id, update.status, update.tracker, update.metadata.phone_number_id))
    assert found == [
        (sent.id, MessageStatusType.SENT, "attempt-3", NUMBER),
        (sent.id, MessageStatusType.DELIVERED, "attempt-3", NUMBER),
        (sent.id, MessageStatusType.READ, "attempt-3", NUMBER),
    ]


def test_pywa_reads_why_a_message_failed_later(client: WhatsApp, graph: Running) -> None:
    with receiving() as receiver:
        graph.client.put("/v1/webhooks", json={"url": receiver.address, "secret": SECRET})
        graph.fault(preset="fails_later")
        client.send_message(AGENT, "olá")
        (posted,) = receiver.wait(1)
    update = MessageStatus.from_update(client, RawUpdate(posted.raw, hmac_header=None, update_hash=""))
    assert (update.status, type(update.error)) == (MessageStatusType.FAILED, errors.MessageUndeliverable)

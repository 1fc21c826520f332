"""What all emulators share: situations by name, what a phone sees of them, numbers, webhooks and their faults."""

import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import msgspec
import pytest

from provider.sandbox.emulator import Emulator
from provider.sandbox.faults import Preset
from provider.sandbox.gateways import EMULATORS
from tests.provider.sandbox.serving import Served, serving


@pytest.fixture(scope="module")
def _served() -> Iterator[Served]:
    with serving("sandbox") as served:
        yield served


@pytest.fixture
def gateway(_served: Served) -> Served:
    _served.forget()
    return _served


def send(gateway: Served, body: str = "oi", to: str = "+5511987654321", **headers: str) -> dict[str, Any]:
    message = {"to": to, "body": body, "attempt_id": f"e-{time.monotonic_ns()}", "channel": "loja"}
    found: dict[str, Any] = gateway.client.post("/v1/messages", json=message, headers=headers).json()
    return found


def bodies(gateway: Served) -> list[str]:
    return [m["body"] for m in gateway.seen()]


def test_a_situation_is_a_rule_like_any_other(gateway: Served) -> None:
    gateway.fault(preset="session_down", skip=1, times=2, to="+5511987654321")
    found = [send(gateway).get("error", {}).get("code") for _ in range(4)]
    assert found == [None, "session_down", "session_down", None]


@pytest.mark.parametrize(
    "rule",
    [
        {"preset": "flat_tyre"},
        {"preset": "template_missing"},  # the plain sandbox knows no templates
        {"do": "hang", "preset": "session_down"},
        {"do": "preset"},
        {},
    ],
)
def test_a_situation_that_cannot_be_is_refused(gateway: Served, rule: dict[str, str]) -> None:
    answer = gateway.client.post("/v1/faults", json={"rules": [rule]})
    assert answer.status_code == 400
    assert gateway.client.get("/v1/faults").json()["rules"] == []


def test_what_is_accepted_and_never_delivered_has_an_id_and_no_line(gateway: Served) -> None:
    gateway.fault(preset="never_delivered")
    lost, kept = send(gateway, "lost"), send(gateway, "kept")
    assert (lost["status"], kept["status"]) == ("accepted", "accepted")
    assert lost["id"] != kept["id"]
    assert bodies(gateway)[-1] == "kept"
    assert "lost" not in bodies(gateway)


def test_what_was_kept_while_the_phone_was_offline_comes_at_once_on_reconnect(gateway: Served) -> None:
    gateway.fault(preset="burst_after_reconnect", times=3)
    before = len(gateway.seen())
    ids = [send(gateway, f"burst {n}")["id"] for n in range(3)]
    assert len(gateway.seen()) == before
    assert gateway.client.post("/v1/reconnect").json() == {"released": 3}
    lines = gateway.seen()[before:]
    assert [(m["id"], m["body"]) for m in lines] == [(ids[n], f"burst {n}") for n in range(3)]
    assert [m["n"] for m in gateway.seen()] == list(range(1, len(gateway.seen()) + 1))
    assert gateway.client.post("/v1/reconnect").json() == {"released": 0}


def test_a_preset_may_be_told_what_the_phone_sees(gateway: Served) -> None:
    gateway.fault(preset="session_down", accepted=True)
    assert send(gateway, "all the same")["error"]["code"] == "session_down"
    assert bodies(gateway)[-1] == "all the same"


def test_a_number_without_whatsapp_is_refused_as_the_gateway_does(gateway: Served) -> None:
    gateway.client.put("/v1/numbers", json={"numbers": {"+55 11 90000-0000": None}})
    assert send(gateway, to="5511900000000@s.whatsapp.net")["error"]["code"] == "no_whatsapp"
    gateway.forget()
    assert send(gateway, to="+5511900000000")["status"] == "accepted"


def test_an_attempt_is_in_the_ledger_whatever_the_dialect() -> None:
    with serving("whaticket-canove") as gateway:
        message = {"number": "5511987654321", "body": "oi"}
        headers = {"Authorization": "Bearer loja", "X-Request-Id": "attempt-1"}
        gateway.client.post("/api/messages/send", json=message, headers=headers)
        assert [m["attempt_id"] for m in gateway.seen()] == ["attempt-1"]


@pytest.mark.parametrize("emulator", EMULATORS.values(), ids=list(EMULATORS))
def test_every_situation_of_every_gateway_has_an_answer_that_can_be_sent(emulator: type[Emulator]) -> None:
    for preset, effect in emulator.presets.items():
        assert isinstance(preset, Preset)
        msgspec.json.encode(None if isinstance(effect.body, bytes) else effect.body)
        assert effect.status is None or 200 <= effect.status <= 599
        assert effect.status is None or effect.delivered != "later"


class Came:
    """What a webhook's receiver got; `answers` are the statuses it gives, 200 when there are no more."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.at: list[float] = []

    def wait(self, count: int) -> list[tuple[str, str]]:
        deadline = time.monotonic() + 10
        while len(self.bodies) < count:
            assert time.monotonic() < deadline, f"{len(self.bodies)} of {count} came"
            time.sleep(0.01)
        return [(each["receipts"][0]["id"], each["receipts"][0]["status"]) for each in self.bodies]


@pytest.fixture
def hooked(gateway: Served) -> Iterator[tuple[Came, Callable[..., None]]]:
    came = Came()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.at.append(time.monotonic())
            came.bodies.append(msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(came.answers.pop(0) if came.answers else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()

    def hook(**script: Any) -> None:
        body = {"url": f"http://127.0.0.1:{server.server_port}/", "retry_ms": 1} | script
        assert gateway.client.put("/v1/webhooks", json=body).status_code == 204

    yield came, hook
    server.shutdown()
    server.server_close()


Hooked = tuple[Came, Callable[..., None]]


def test_a_message_is_told_of_step_by_step(gateway: Served, hooked: Hooked) -> None:
    came, hook = hooked
    hook(statuses=["server", "delivered", "read"])
    sent = send(gateway)["id"]
    assert came.wait(3) == [(sent, "server"), (sent, "delivered"), (sent, "read")]


def test_statuses_may_come_twice_and_in_the_wrong_order(gateway: Served, hooked: Hooked) -> None:
    came, hook = hooked
    hook(reorder=True, copies=2)
    sent = send(gateway)["id"]
    assert came.wait(4) == [(sent, "delivered"), (sent, "delivered"), (sent, "server"), (sent, "server")]


def test_a_status_may_come_late(gateway: Served, hooked: Hooked) -> None:
    came, hook = hooked
    hook(statuses=["server"], delay_ms=150)
    began = time.monotonic()
    send(gateway)
    came.wait(1)
    assert came.at[0] - began >= 0.15


def test_what_is_not_taken_is_tried_again_and_then_given_up(gateway: Served, hooked: Hooked) -> None:
    came, hook = hooked
    hook(statuses=["server"], attempts=3)
    came.answers = [500, 404]
    sent = send(gateway)["id"]
    assert came.wait(3) == [(sent, "server")] * 3
    told = gateway.client.get("/v1/webhooks").json()["told"][-1]
    assert (told["status"], told["id"], told["tries"]) == ("server", sent, 3)


def test_a_failure_may_be_told_of_a_message_that_never_arrived(gateway: Served, hooked: Hooked) -> None:
    came, hook = hooked
    hook(statuses=["server"])
    gateway.fault(preset="never_delivered")
    sent = send(gateway)["id"]
    answer = gateway.client.post("/v1/receipts", json={"id": sent, "status": "failed", "code": "131026"})
    assert answer.status_code == 204
    assert came.wait(1) == [(sent, "failed")]
    assert gateway.client.post("/v1/receipts", json={"id": "unknown", "status": "failed"}).status_code == 400


@pytest.mark.parametrize("wrong", [{"url": "ftp://a"}, {"copies": 0}, {"attempts": 0}, {"statuses": ["eaten"]}])
def test_a_webhook_that_could_never_arrive_is_refused(gateway: Served, wrong: dict[str, Any]) -> None:
    answer = gateway.client.put("/v1/webhooks", json={"url": "http://127.0.0.1:1/"} | wrong)
    assert answer.status_code == 400

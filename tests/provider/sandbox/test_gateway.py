"""The emulator, proved by clients that are not ours: httpx, a bare socket, and its own ledger file."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.provider.sandbox.running import Running, running


def message(**changes: Any) -> dict[str, Any]:
    return {"to": "+5511987654321", "body": "oi", "attempt_id": "a-1", "channel": "loja"} | changes


def test_an_accepted_message_is_in_the_ledger_file_before_the_answer(gateway: Running) -> None:
    answer = gateway.client.post("/v1/messages", json=message(attempt_id="file-1"))
    last = json.loads(gateway.ledger_file.read_text().splitlines()[-1])
    assert (answer.status_code, answer.json()) == (201, {"id": last["id"], "status": "accepted"})
    del last["at_ms"], last["n"], last["id"]
    assert last == {
        "phone": "5511987654321",
        "to": "+5511987654321",
        "body": "oi",
        "attempt_id": "file-1",
        "channel": "loja",
    }


def test_the_same_attempt_twice_is_two_messages_because_no_gateway_is_idempotent(gateway: Running) -> None:
    for _ in range(2):
        assert gateway.client.post("/v1/messages", json=message(attempt_id="twice")).status_code == 201
    assert [m["body"] for m in gateway.seen() if m["attempt_id"] == "twice"] == ["oi", "oi"]


def test_a_killed_gateway_keeps_its_ledger_and_counts_on(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        assert first.client.post("/v1/messages", json=message(attempt_id="before")).status_code == 201
        first.kill()
    with running(tmp_path) as second:
        assert second.client.post("/v1/messages", json=message(attempt_id="after")).status_code == 201
        assert [(m["n"], m["attempt_id"]) for m in second.seen()] == [(1, "before"), (2, "after")]


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        first.client.post("/v1/messages", json=message(attempt_id="whole"))
    with (tmp_path / "ledger.jsonl").open("a") as ledger:
        ledger.write('{"n":2,"id":"sand')
    with running(tmp_path) as second:
        assert [m["attempt_id"] for m in second.seen()] == ["whole"]
        second.client.post("/v1/messages", json=message(attempt_id="next"))
    lines = [json.loads(line)["attempt_id"] for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert lines == ["whole", "next"]


def test_the_ledger_is_read_by_phone_and_from_a_line_on(gateway: Running) -> None:
    start = len(gateway.seen())
    for phone in ("+5511900000001", "5511900000002@s.whatsapp.net", "+55 11 90000-0001"):
        gateway.client.post("/v1/messages", json=message(to=phone, attempt_id=phone))
    found = gateway.client.get("/v1/ledger", params={"since": start, "phone": "+5511900000001"}).json()["messages"]
    assert [m["to"] for m in found] == ["+5511900000001", "+55 11 90000-0001"]
    assert gateway.client.get("/v1/ledger", params={"since": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": "123"}, "bad_number"),
        ({"to": "ninguém"}, "bad_number"),
        ({"body": " \n"}, "bad_body"),
        ({"body": "x" * 4097}, "bad_body"),
        ({"attempt_id": ""}, "bad_attempt_id"),
    ],
)
def test_what_no_gateway_would_take_is_refused_with_its_code(
    gateway: Running, changes: dict[str, str], code: str
) -> None:
    answer = gateway.client.post("/v1/messages", json=message(**changes))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_json_is_wanted_and_checked(gateway: Running) -> None:
    assert gateway.client.post("/v1/messages", content=b"to=1").status_code == 415
    assert gateway.client.post("/v1/messages", json={"to": 1}).status_code == 400
    assert gateway.client.post("/v1/messages", json=message(body="x" * 300_000)).status_code == 413
    assert gateway.client.post("/v1/faults", json={"rules": [{"do": "explode"}]}).status_code == 400
    assert gateway.client.post("/v1/faults", json={"rules": [{"do": "hang", "tmes": 2}]}).status_code == 400


def test_faults_hit_only_their_phone_and_channel_and_count(gateway: Running) -> None:
    rule = {"do": "status", "status": 429, "to": "5511911110000", "channel": "b", "skip": 1, "every": 2, "times": 2}
    gateway.fault(**rule)
    statuses = [
        gateway.client.post("/v1/messages", json=message(to="+55 11 91111-0000", channel="b")).status_code
        for _ in range(7)
    ]
    others = [
        gateway.client.post("/v1/messages", json=message(to=to, channel=channel)).status_code
        for to, channel in (("+5511911110000", "a"), ("+5511911110001", "b"))
    ]
    assert (statuses, others) == ([201, 201, 429, 201, 429, 201, 201], [201, 201])
    counted = gateway.client.get("/v1/faults").json()["rules"][0]
    assert (counted["seen"], counted["hits"]) == (7, 2)


def test_a_reset_is_a_true_rst_on_the_wire(gateway: Running) -> None:
    gateway.fault(do="reset", accepted=True)
    host, port = gateway.address.removeprefix("http://").split(":")
    body = json.dumps(message(attempt_id="wire")).encode()
    lines = ["POST /v1/messages HTTP/1.1", f"Host: {host}", "Content-Type: application/json"]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(head.encode() + body)
        with pytest.raises(ConnectionResetError):
            raw.recv(1)
    assert sum(m["attempt_id"] == "wire" for m in gateway.seen()) == 1


def test_another_name_for_this_machine_is_refused(gateway: Running) -> None:
    assert gateway.client.get("/healthz", headers={"Host": "evil.example"}).status_code == 403
    port = gateway.address.rpartition(":")[2]
    assert httpx.get(f"http://localhost:{port}/healthz").json()["ok"] is True


def events(gateway: Running, wanted: int) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    with gateway.client.stream("GET", "/events", timeout=5) as stream:
        kind = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
                if kind == "wall" and not found:
                    gateway.client.post("/v1/messages", json=message(to="+5511922220000", attempt_id="live"))
            elif line.startswith("data: "):
                found.append((kind, json.loads(line.removeprefix("data: "))))
                if len(found) == wanted:
                    return found
    return found


def test_the_page_gets_the_wall_and_then_each_message_as_it_comes(gateway: Running) -> None:
    names = [{"number": "+5511922220000", "name": "Ana", "note": "Suporte"}]
    assert gateway.client.put("/phones", json=names).status_code == 204
    gateway.client.post("/v1/messages", json=message(to="+5511922220000", attempt_id="live"))
    (first, wall), (second, bubble) = events(gateway, 2)
    assert (first, second) == ("wall", "message")
    assert wall["phones"][0] == {"key": "5511922220000", "name": "Ana", "note": "Suporte", "seen": 1}
    del bubble["at_ms"], bubble["n"]
    assert bubble == {"phone": "5511922220000", "body": "oi", "channel": "loja", "repeated": True}


def test_the_page_and_its_parts_are_local_and_nothing_else_is_allowed(gateway: Running) -> None:
    page = gateway.client.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page.text
    for part in ("style.css", "wall.js", "bubble.js", "texts.js"):
        assert gateway.client.get(f"/page/{part}").status_code == 200, part
    assert gateway.client.get("/page/../gateway.py").status_code == 404


def test_phones_are_named_from_a_file(tmp_path: Path) -> None:
    names = tmp_path / "phones.json"
    names.write_text(json.dumps([{"number": "+5511933330000", "name": "Bia"}]))
    with running(tmp_path, "--phones", str(names)) as gateway:
        named = gateway.client.get("/phones").json()["phones"]
    assert named == [{"key": "5511933330000", "name": "Bia", "note": "", "seen": 0}]


def test_it_stops_at_once_although_a_page_is_open_and_takes_its_address_away(tmp_path: Path) -> None:
    with running(tmp_path) as gateway, gateway.client.stream("GET", "/events") as stream:
        next(stream.iter_raw())
        began = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(10) == 0
        assert time.monotonic() - began < 5
    assert not (tmp_path / "address").exists()


def test_a_taken_port_is_said_with_its_code(gateway: Running) -> None:
    port = gateway.address.rpartition(":")[2]
    command = [sys.executable, "-m", "provider.sandbox", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (30, f"RCD-704: port {port} is taken\n")


def test_a_gateway_that_nobody_emulates_is_refused_with_those_that_are() -> None:
    command = [sys.executable, "-m", "provider.sandbox", "--gateway", "pigeon"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 20
    assert done.stderr.startswith("RCD-405: no gateway 'pigeon' to emulate; known: ")

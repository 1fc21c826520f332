"""The whole way on the real stack: a gateway's webhook, the listener, Kafka, the sender, an outcome."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from admin.registry import channels, flags, tenants
from deploy.stack import LocalStack
from schemas.database import transaction
from schemas.identity import TenantId
from schemas.reasons import Mode
from schemas.records import Outcome
from tests.chaos.roles import Slot, until
from tests.chaos.world import BY, World
from tests.stack_fixture import ROOT, Processes

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(240)]
APP_SECRET = "secret-of-the-app"
PARAMETERS = {"unknown_wait_receipts": 60_000, "http_timeout": 1_000, "ack_wait": 1_500}
TICKET = 1002
"""Of the first company, with an owner."""


class Reporting(World):
    """A world whose first company sends through Graph (its emulator), which reports to our listener."""

    def _start_phones(self) -> None:
        address = self.folder / "phones.address"
        command = ["-m", "provider.sandbox", "--gateway", "meta", "--ledger", str(self.ledger)]
        with (self.folder / "phones.log").open("wb") as output:
            self._phones = subprocess.Popen(
                [sys.executable, *command, "--address-file", str(address)], stdout=output, stderr=output, cwd=ROOT
            )
        until(address.exists, "the gateway", 30)
        self.phones_url = address.read_text("utf-8").strip()

    def _configure(self, passwords: dict[str, str]) -> None:
        super()._configure(passwords)
        for name, value in (("token", "token"), ("app_secret", APP_SECRET)):
            (self.folder / name).write_text(value, "utf-8")
        settings = {
            "url": self.phones_url,
            "phone_number_id": "102290129340398",
            "token": f"file:{self.folder / 'token'}",
            "app_secret": f"file:{self.folder / 'app_secret'}",
        }
        tenant = TenantId(self.source, "1")
        with transaction(self._url) as connection:
            channels.add(connection, BY, "graph", "meta", settings, session_number="+551130611234")
            channels.mark_tested(connection, BY, "graph")
            tenants.change(connection, BY, tenant, channel_id="graph")
            tenants.set_mode(connection, BY, tenant, Mode.ON)
            flags.set_global(connection, BY, True)

    def environment(self, role: str) -> dict[str, str]:
        """Return what a role of this world is started with."""
        return self._environment(Slot(role, 0))

    def says(self) -> None:
        """A customer writes."""
        with self.connect() as connection:
            self.write(connection, self.row(TICKET))

    def report(self, url: str, **hook: Any) -> None:
        """Have the gateway post statuses."""
        asked = {"url": url, "secret": APP_SECRET, **hook}
        httpx.put(f"{self.phones_url}/v1/webhooks", json=asked, timeout=10).raise_for_status()

    def of(self, kind: str) -> list[Outcome]:
        """Return the outcomes of a kind."""
        return [outcome for outcome in self.outcomes() if outcome.kind == kind]


@pytest.fixture
def world(stack: LocalStack, tmp_path: Path) -> Iterator[Reporting]:
    made = Reporting(stack, tmp_path / "world", capture=False, parameters=PARAMETERS)
    try:
        for role in ("coalescer", "sender"):
            made.start_roles(role)
        made.ready()
        yield made
    finally:
        made.close()


def listening(world: Reporting, processes: Processes) -> tuple[str, "subprocess.Popen[bytes]"]:
    """Start the role and return the channel's address."""
    process = processes.python("-m", "admin", "run", "hooks", env=world.environment("hooks"))

    def started() -> list[dict[str, Any]]:
        assert process.poll() is None, processes.log(process)
        lines = [json.loads(line) for line in processes.log(process).splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == "started"]

    until(lambda: bool(started()), "the listener", 40)
    found = started()[0]
    assert httpx.get(f"http://127.0.0.1:{found['port']}/readyz", timeout=10).json()["ok"] is True
    return f"http://127.0.0.1:{found['hooks_port']}/hooks/graph", process


def soon(condition: Callable[[], bool], world: Reporting, what: str) -> None:
    try:
        until(condition, what, 60)
    except AssertionError as error:
        told = [(outcome.kind, outcome.reason, outcome.flags) for outcome in world.outcomes()]
        message = f"{error}: {told}"
        raise AssertionError(message) from None


def test_an_attempt_whose_answer_was_lost_is_settled_by_its_receipt_and_not_sent_again(
    world: Reporting, processes: Processes
) -> None:
    url, process = listening(world, processes)
    world.report(url, delay_ms=2_500, copies=2, reorder=True)
    world.misbehave(do="reset", accepted=True)
    world.says()
    soon(lambda: bool(world.of("sent")), world, "sent")
    (attempt,), (sent,) = world.of("attempt"), world.of("sent")
    assert (attempt.reason, attempt.notification_id) == ("unknown", sent.notification_id)
    assert (sent.flags, sent.channel_id) == ([], "graph")
    assert list(world.phone_lines().values()) == [1]
    assert world.settled().ok
    process.terminate()
    assert process.wait(20) == 0


def test_what_was_accepted_and_never_delivered_is_an_alarm_and_the_next_receipt_ends_it(
    world: Reporting, processes: Processes
) -> None:
    world.report(listening(world, processes)[0])
    world.misbehave(preset="never_delivered")
    world.says()
    soon(lambda: "unacknowledged" in [o.reason for o in world.of("receipt")], world, "the alarm")
    log = world.roles.log("sender", 0)
    (alarm,) = [json.loads(line) for line in log.read_text("utf-8").splitlines() if "RCD-309" in line]
    assert (alarm["code"], alarm["channel"], alarm["level"]) == ("RCD-309", "graph", "error")
    world.says()
    soon(lambda: "delivered" in [o.reason for o in world.of("receipt")], world, "a receipt")
    until(lambda: '"reports again"' in log.read_text("utf-8"), "the end of the alarm", 10)

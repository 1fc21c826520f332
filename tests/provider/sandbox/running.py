"""The sandbox gateway as a real process, for tests and the demo's verifier."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

DEADLINE_S = 20.0


@dataclass(frozen=True)
class Running:
    """A running gateway, spoken to with a client that is not ours."""

    address: str
    ledger_file: Path
    process: subprocess.Popen[bytes]
    client: httpx.Client

    def fault(self, **rule: Any) -> None:
        """Script one fault."""
        answer = self.client.post("/v1/faults", json={"rules": [rule]})
        assert answer.status_code == 201, answer.text

    def seen(self) -> list[dict[str, Any]]:
        """Return the ledger."""
        found: list[dict[str, Any]] = self.client.get("/v1/ledger").json()["messages"]
        return found

    def kill(self) -> None:
        """End the process as a power cut would."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(DEADLINE_S)


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Running]:
    """Start a gateway on a free port and end it afterwards."""
    address_file, ledger_file = folder / "address", folder / "ledger.jsonl"
    address_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "provider.sandbox", "--address-file", str(address_file)]
    with (folder / "gateway.log").open("ab") as output:
        process = subprocess.Popen(
            [*command, "--ledger", str(ledger_file), *arguments], stdout=output, stderr=output, cwd=Path.cwd()
        )
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not address_file.exists():
            assert process.poll() is None, (folder / "gateway.log").read_text()
            assert time.monotonic() < deadline, "the gateway did not start"
            time.sleep(0.02)
        address = address_file.read_text().strip()
        with httpx.Client(base_url=address, timeout=10) as client:
            yield Running(address, ledger_file, process, client)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(DEADLINE_S)

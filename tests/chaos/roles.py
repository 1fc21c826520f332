"""Our roles as processes: started, signalled, and started again when they end, as any supervisor would."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy.supervision import NICE
from tests.stack_fixture import ROOT

KEEP_EVERY_S = 0.05
BACK_OFF_S = 0.5
MAX_BACK_OFF_S = 5.0
"""As supervisors do: who ends by itself again and again waits. Else roles that find no topic yet would take the
processor from the broker that makes them."""


@dataclass
class Slot:
    """One ordinal of a role. `flags` are the launcher's; without any the role runs as in production."""

    role: str
    ordinal: int
    flags: Sequence[str] = ()
    process: "subprocess.Popen[bytes] | None" = None
    wanted: bool = True
    exits: list[int] = field(default_factory=list)
    own_ends: int = 0
    not_before: float = 0.0


class Roles:
    """All role processes of a world. A thread restarts what ends."""

    def __init__(self, folder: Path, environment: Callable[[Slot], Mapping[str, str]]) -> None:
        self._folder, self._environment = folder, environment
        self._slots: dict[tuple[str, int], Slot] = {}
        self._zombies: list[subprocess.Popen[bytes]] = []
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._keeper.start()

    def start(self, role: str, ordinal: int, flags: Sequence[str] = ()) -> None:
        """Start an ordinal and keep it running; later lives have the same `flags`, but what happens once."""
        with self._lock:
            slot = self._slots[role, ordinal] = Slot(role, ordinal, tuple(flags))
            self._launch(slot)

    def end(self, role: str, ordinal: int, number: signal.Signals = signal.SIGTERM) -> None:
        """End an ordinal for good."""
        with self._lock:
            slot = self._slots.pop((role, ordinal))
            slot.wanted = False
        process = slot.process
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    def replace(self, role: str, ordinal: int) -> "subprocess.Popen[bytes]":
        """Start an ordinal's successor though the process still exists; return that one, which the caller ends."""
        with self._lock:
            slot = self._slots[role, ordinal]
            old = slot.process
            if old is None:
                raise ProcessLookupError(role)
            self._launch(slot)
        self._zombies.append(old)
        return old

    def pid(self, role: str, ordinal: int) -> int:
        """Return the process id of an ordinal.

        Raises:
            ProcessLookupError: it has ended by itself and is not started again yet.
        """
        process = self._slots[role, ordinal].process
        if process is None:
            raise ProcessLookupError(role)
        return process.pid

    def ordinals(self, role: str) -> list[int]:
        """Return the ordinals of a role that are kept running."""
        return sorted(ordinal for name, ordinal in self._slots if name == role)

    def exits(self) -> dict[str, list[int]]:
        """Return exit codes of processes that ended and were started again (negative: a signal)."""
        return {f"{slot.role}.{slot.ordinal}": slot.exits for slot in self._slots.values() if slot.exits}

    def log(self, role: str, ordinal: int) -> Path:
        """Where an ordinal writes."""
        return self._folder / f"{role}.{ordinal}.log"

    def close(self) -> None:
        """End everything."""
        self._stop.set()
        self._keeper.join(10)
        started = [*self._zombies, *(slot.process for slot in self._slots.values())]
        for process in started:
            if process is not None and process.poll() is None:
                process.kill()  # ends a stopped process, too
                process.wait(10)

    def _keep(self) -> None:
        while not self._stop.wait(KEEP_EVERY_S):
            with self._lock:
                for slot in self._slots.values():
                    code = None if slot.process is None else slot.process.poll()
                    if code is not None and slot.wanted:
                        self._ended(slot, code)
                    if slot.process is None and slot.wanted and time.monotonic() >= slot.not_before:
                        self._launch(slot)

    def _ended(self, slot: Slot, code: int) -> None:
        slot.exits.append(code)
        slot.flags = _later(slot.flags)
        slot.process = None
        slot.own_ends = slot.own_ends + 1 if code > 0 else 0
        slot.not_before = time.monotonic() + min(BACK_OFF_S * slot.own_ends, MAX_BACK_OFF_S)

    def _launch(self, slot: Slot) -> None:
        module = ["tests.chaos.launcher", *slot.flags] if slot.flags else ["admin", "run"]
        with self.log(slot.role, slot.ordinal).open("ab") as output:
            slot.process = subprocess.Popen(
                [sys.executable, "-m", *module, slot.role],
                env={**os.environ, **self._environment(slot)}, stdout=output, stderr=output, cwd=ROOT,
                start_new_session=True,
            )  # fmt: skip
        _stand_back(slot.process.pid)


def _stand_back(pid: int) -> None:
    """Give a role the place at the processor that `recado up` gives it: beside the stack, not before it."""
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
    with suppress(OSError):  # a kernel that does not group by session
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE), encoding="ascii")


def _later(flags: Sequence[str]) -> tuple[str, ...]:
    found = [flag for flag in flags if flag != "--abort-sent"]
    if "--hold" in found:
        at = found.index("--hold")
        del found[at : at + 2]
    return tuple(found)


def until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for a condition; the test fails when it does not come in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)

"""The real stack for tests: one for all pytest processes of a checkout, ended by whoever is last.

It lives in `.recado/test`, apart from a developer's own. Each process holds a shared lock while it uses the stack;
the kernel gives it back even when a process is killed, so the last one to leave knows that it is the last.
"""

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from deploy import files
from deploy.stack import Dirs, LocalStack
from schemas.settings import Settings
from schemas.topics import Cell
from tests.stack_guard import FAREWELL

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".recado" / "test"


class Database(NamedTuple):
    """A fresh database of the real PostgreSQL; `dsn` is a superuser's URL."""

    name: str
    dsn: str


class Processes:
    """Child processes of one test; all of them are dead when it ends."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a process with this environment plus `env`; its output is `log(process)`."""
        log = self._log_dir / f"process-{len(self._started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                list(command), env={**os.environ, **(env or {})}, stdout=output, stderr=output, cwd=ROOT
            )
        self._started.append(process)
        return process

    def python(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start this interpreter, for example with `-m`, `a.module`."""
        return self.start([sys.executable, *arguments], env)

    def log(self, process: subprocess.Popen[bytes]) -> str:
        """What the process has written so far."""
        path = self._log_dir / f"process-{self._started.index(process)}.log"
        return path.read_text("utf-8", errors="replace")

    def end_all(self) -> None:
        """Wake stopped processes, ask all to end, then kill those that did not."""
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self._started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


@contextlib.contextmanager
def shared_stack(folder: Path = FOLDER) -> Iterator[LocalStack]:
    """Use the checkout's test stack; starts it if nobody has, removes it with its data if nobody else uses it."""
    stack = private_stack(folder)
    with guarded(folder):
        with contextlib.ExitStack() as using:
            with files.locked(folder / "gate.lock"):
                if not stack.is_up():
                    stack.up()
                using.enter_context(files.locked(folder / "users.lock", shared=True))
            yield stack
        leave(stack)


def leave(stack: LocalStack) -> bool:
    """Remove a stack with its data unless somebody uses it; return whether it was removed."""
    folder = stack.data_dir
    with files.locked(folder / "gate.lock"), files.locked(folder / "users.lock", wait=False) as is_last:
        if is_last:
            stack.down(purge=True)
        return is_last


@contextlib.contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """Within this a guard stands by, which ends the folder's stack if this process is killed."""
    guard = subprocess.Popen(
        [sys.executable, "-m", "tests.stack_guard", str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield
    finally:
        guard.communicate(FAREWELL, timeout=20)


def own_stack(folder: Path) -> Iterator[LocalStack]:
    """Run a stack that nobody else uses, for tests that break it."""
    stack = private_stack(folder)
    with guarded(folder):
        try:
            stack.up()
            yield stack
        finally:
            stack.down(purge=True)


def private_stack(folder: Path) -> LocalStack:
    """Return a stack with its own folder, for tests that break it. The caller starts it and purges it."""
    settings = Settings.load()
    return LocalStack(Dirs(folder, settings.cache_dir, settings.java), jit="c1")


def fresh_cell(stack: LocalStack, partitions: int = 4) -> Cell:
    """Create the topics of a cell that nobody else has."""
    cell = Cell(f"t{uuid.uuid4().hex[:12]}")
    stack.create_topics(cell.all(partitions))
    return cell


def fresh_database(stack: LocalStack) -> Database:
    """Create an empty database that nobody else has."""
    name = f"t{uuid.uuid4().hex[:12]}"
    return Database(name, stack.create_database(name))

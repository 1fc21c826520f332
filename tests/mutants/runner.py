"""Runs tests against a copy of the code into which one fault was put on purpose (`RECADO_MUTANT` is set for them).

A mutant is a textual change of one module. The tests must fail on it; on the unchanged copy they must pass, or the
failure would prove nothing.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("schemas", "cdc", "formatter", "provider", "consumers", "admin", "deploy", "tests")
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".hypothesis", "traces")


@dataclass(frozen=True)
class Mutant:
    """A fault: in `module`, the text `before` (which occurs exactly once) becomes `after`.

    `found_by` names the tests that are enough to find it; empty for all of them.
    """

    name: str
    module: str
    before: str
    after: str
    found_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What the tests said: pytest's exit status and the end of its output."""

    status: int
    output: str

    @property
    def passed(self) -> bool:
        """All tests passed."""
        return self.status == 0

    @property
    def killed(self) -> bool:
        """Tests ran and at least one failed: neither a crash of pytest nor an empty selection counts."""
        return self.status == 1 and " failed" in self.output and "ERROR collecting" not in self.output


def mutate(text: str, mutant: Mutant) -> str:
    """Return `text` with the fault.

    Raises:
        ValueError: `before` does not occur exactly once: the code has changed and the mutant must follow it.
    """
    if text.count(mutant.before) != 1:
        message = f"mutant {mutant.name}: its text occurs {text.count(mutant.before)} times in {mutant.module}"
        raise ValueError(message)
    return text.replace(mutant.before, mutant.after)


def run(workdir: Path, mutant: Mutant | None, tests: Sequence[str], timeout_s: float = 170) -> Verdict:
    """Copy the code to `workdir`, put the fault in, and run `tests` there in a process of its own.

    Args:
        workdir: an empty folder.
        mutant: the fault; None for the control.
        tests: pytest's arguments: files and options.
        timeout_s: when to give up waiting.

    Raises:
        ValueError: the mutant does not fit the code any more.
        subprocess.TimeoutExpired: the tests did not end in time.
    """
    for room in ROOMS:
        if (ROOT / room).is_dir():
            shutil.copytree(ROOT / room, workdir / room, ignore=_IGNORED)
    shutil.copy(ROOT / "pyproject.toml", workdir)
    if mutant is not None:
        module = workdir / mutant.module
        module.write_text(mutate(module.read_text(encoding="utf-8"), mutant), encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(workdir), "PYTHONDONTWRITEBYTECODE": "1", "RECADO_MUTANT": "1"}
    # Plugins that these tests do not use cost more to load than most of the tests take.
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "pytest_timeout", *tests],
        cwd=workdir,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Verdict(done.returncode, (done.stdout + done.stderr)[-4_000:])

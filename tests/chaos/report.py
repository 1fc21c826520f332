"""What a run of faults did and what came of it: a file for each run, and a line for each fault as it happens."""

import json
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.stack_fixture import ROOT


@dataclass
class Fault:
    """One fault as it happened. `pid` is whose process got the signal, `state` what was open at that moment."""

    what: str
    part: str
    ordinal: int
    pid: int
    signal: str
    at: str
    state: dict[str, int]


@dataclass
class Report:
    """What a run did and what came of it."""

    name: str
    seed: int
    faults: list[Fault] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> str:
        """Write it as JSON and return it in one line for people."""
        folder.mkdir(parents=True, exist_ok=True)
        told = {
            "name": self.name,
            "seed": self.seed,
            "commit": commit(),
            "faults": [vars(f) for f in self.faults],
            "result": self.result,
        }
        (folder / f"{self.name}-{self.seed}.json").write_text(json.dumps(told, indent=1), "utf-8")
        kinds = Counter(f"{fault.part} {fault.signal}" for fault in self.faults)
        return f"{self.name} seed {self.seed}: {len(self.faults)} faults {dict(kinds)} -> {self.result}"

    def note(self, fault: Fault, folder: Path) -> None:
        """Add a fault, and a line to the folder's journal: a run that is cut off has still said what it did."""
        self.faults.append(fault)
        folder.mkdir(parents=True, exist_ok=True)
        line = {"run": self.name, "seed": self.seed, "commit": commit(), **vars(fault)}
        with (folder / "faults.jsonl").open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(line) + "\n")


@cache
def commit() -> str:
    """Return which code this is: the commit, with `+` where the tree holds more; empty outside a repository."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()

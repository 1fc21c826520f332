"""Child processes of a benchmark: memory, imports and the interpreter's lock are their own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def child(*command: str) -> dict[str, Any]:
    """Run a module and return the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=300
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))

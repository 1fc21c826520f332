"""Clients from npm that prove emulators: pinned in `requirements/npm`, put into the cache by `make deps-system`.

Without them their tests are skipped and say why; with `npm` in `RECADO_REQUIRE` they fail instead.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from schemas.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PINNED = ROOT / "requirements" / "npm"
FILES = ("package.json", "package-lock.json")
HOW = "make deps-system installs them, with Node 20 or newer"


def folder() -> Path:
    """Where the clients of this lock are; each lock has a folder of its own."""
    content = b"".join((PINNED / name).read_bytes() for name in FILES)
    return Settings.load().cache_dir.absolute() / "npm" / hashlib.sha256(content).hexdigest()[:16]


def install() -> Path:
    """Install what the lock pins, checked by its hashes and without running scripts of packages; return where."""
    target = folder()
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        part = Path(name) / "part"
        part.mkdir()
        for each in FILES:
            shutil.copy(PINNED / each, part)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=part, check=True, timeout=300)
        try:
            part.rename(target)
        except OSError:
            if not target.exists():  # somebody else was faster
                raise
    return target


def need() -> None:
    """Skip the test when the clients are missing, or fail it where they are required."""
    if shutil.which("node") is not None and folder().exists():
        return
    reason = f"the clients from npm are not installed: {HOW}"
    if "npm" in os.environ.get("RECADO_REQUIRE", "").split():
        pytest.fail(reason)
    pytest.skip(reason)


def node(script: str, **given: Any) -> Any:
    """Run a script of this folder with `given` as its argument; return the JSON that it prints."""
    command = ["node", str(Path(__file__).with_name(script)), json.dumps(given)]
    environment = {**os.environ, "NODE_PATH": str(folder() / "node_modules"), "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout)


if __name__ == "__main__":
    if shutil.which("npm") is None:
        print(f"No npm here: the tests that need clients from npm are skipped ({HOW}).")
    else:
        install()

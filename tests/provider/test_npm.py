"""Clients from npm: missing ones skip their tests with a reason, unless required; the lock names no address."""

import json
from pathlib import Path

import pytest

from tests.provider import npm


@pytest.fixture
def _no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECADO_CACHE_DIR", str(tmp_path))


@pytest.mark.usefixtures("_no_cache")
@pytest.mark.parametrize(
    ("required", "outcome"), [("stack", pytest.skip.Exception), ("npm", pytest.fail.Exception)]
)
def test_missing_clients_are_told(
    monkeypatch: pytest.MonkeyPatch, required: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("RECADO_REQUIRE", required)
    with pytest.raises(outcome, match="the clients from npm are not installed: make deps-system installs them"):
        npm.need()


def test_the_lock_pins_everything_by_hash_and_names_no_address() -> None:
    text = (npm.PINNED / "package-lock.json").read_text("utf-8")
    packages = json.loads(text)["packages"]
    wanted = json.loads((npm.PINNED / "package.json").read_text("utf-8"))["dependencies"]
    assert packages.pop("")["dependencies"] == wanted
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert [name for name, each in packages.items() if not each.get("integrity", "").startswith("sha512-")] == []
    assert "://" not in text

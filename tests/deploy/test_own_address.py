"""A stack whose own `stack.env` was read into the environment still has its PostgreSQL."""

import json
from pathlib import Path

from deploy.stack import Dirs, LocalStack

PORTS = {"postgres": 20_001, "kafka": 20_002, "controller": 20_003, "connect": 20_004, "supervisor": 20_005}


def parts(folder: Path, url: str) -> tuple[str, ...]:
    return LocalStack(Dirs(folder, folder / "cache", None, url)).parts


def test_its_own_address_is_no_other_server(tmp_path: Path) -> None:
    own, other = "postgresql://postgres:x@127.0.0.1:20001/recado", "postgresql://recado@db:5432/recado"
    assert parts(tmp_path, own) == ("kafka", "connect")  # no stack was ever started here
    (tmp_path / "ports.json").write_text(json.dumps(PORTS))
    assert parts(tmp_path, own) == ("postgres", "kafka", "connect")
    assert parts(tmp_path, other) == ("kafka", "connect")

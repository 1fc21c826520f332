"""Change events as the connector writes them: captured columns only, body cut to 16 characters, jid to one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def records(name: str) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Yield scenario, value bytes and parsed value of each record of `<name>.jsonl`."""
    for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        value = json.dumps(record["value"], separators=(",", ":")).encode()
        yield record["scenario"], value, record["value"]

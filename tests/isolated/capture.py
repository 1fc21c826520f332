"""An inserted row of `Messages` as Debezium hands it over: chosen columns, cut texts, our key."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from cdc.flavours.api import Flavour
from deploy.demo.recording import Values

_LONE = re.compile("[\ud800-\udfff]")


def cut(text: str, units: int) -> str:
    """Cut as Java does, in UTF-16 units: the last emoji may lose its second half."""
    return text.encode("utf-16-le")[: units * 2].decode("utf-16-le", "surrogatepass")


def to_json(value: Any) -> bytes:
    """Encode as JSON; a lone half of an emoji is written as an escape, because UTF-8 has no bytes for it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _LONE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _column(value: Any, limit: int | None) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return cut(value, limit) if limit is not None and isinstance(value, str) else value


def insert(flavour: Flavour, source: str, row: Values, commit_ms: int, lsn: int) -> tuple[bytes, bytes]:
    """Return key and value of the change event of a created row."""
    after = {name: _column(row[name], flavour.truncate.get(name)) for name in flavour.columns}
    change = {
        "before": None,
        "after": after,
        "source": {
            "version": "3.6.3.Final",
            "connector": "postgresql",
            "name": source,
            "ts_ms": commit_ms,
            "snapshot": None,
            "db": flavour.name,
            "schema": "public",
            "table": "Messages",
            "txId": lsn,
            "lsn": lsn,
        },
        "op": "c",
        "ts_ms": commit_ms,
    }
    return to_json({"ticketId": row["ticketId"]}), to_json(change)

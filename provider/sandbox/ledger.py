"""The ledger: what each phone saw, one JSON line a message, written before the sender gets its answer."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec


class Seen(msgspec.Struct, frozen=True):
    """One message on one phone. `phone` is the digits of `to`; `n` counts from 1 without gaps."""

    n: int
    id: str
    at_ms: int
    phone: str
    to: str
    body: str
    attempt_id: str
    channel: str


class Ledger:
    """Append-only. Lines of an earlier run of the same file are read first and kept.

    Args:
        path: the file; None keeps the ledger in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self.lines: list[Seen] = []
        self._file = -1
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self._load(path.read_bytes())

    def append(self, seen: Seen) -> None:
        """Write one line; when this returns, the kernel has all of it (a killed process loses nothing)."""
        if self._file >= 0:
            rest = msgspec.json.encode(seen) + b"\n"
            while rest:
                rest = rest[os.write(self._file, rest) :]
        self.lines.append(seen)

    def of(self, phone: str | None, since: int) -> Iterator[Seen]:
        """Yield the lines after number `since`, of one phone or of all."""
        return (line for line in self.lines[max(since, 0) :] if phone is None or line.phone == phone)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _load(self, content: bytes) -> None:
        whole, newline, torn = content.rpartition(b"\n")
        if torn:
            # The machine stopped in the middle of a line, so its sender never got an answer.
            os.ftruncate(self._file, len(whole) + len(newline))
        self.lines = [msgspec.json.decode(line, type=Seen) for line in whole.split(b"\n") if line]

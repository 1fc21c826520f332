"""Which rows of a ticket were admitted already, and how far each source's stream has come. Pure.

Ids expire in the *stream time of their source*, never in wall-clock time: a connector that stops at 22:00 and
returns at 12:00 repeats rows that are 14 hours old.
"""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import msgspec

from schemas.config import MINUTE, Parameters
from schemas.records import Window

AHEAD_MS = 5 * MINUTE
"""How far a database's clock may run ahead of ours. One bad time stamp must not make a source's next rows look like
repetitions: `seen_keep` is at least `max_age` + 5 min, so with this limit no row worth telling is ever ignored."""

_ID = 8
_MARK = 6
_ENTRY = _ID + _MARK
_SCANNED = 64 * _ENTRY
"""A memory of at most so many bytes is searched as it is: that costs less than a set that has to be built."""

_INDEXED = 20_000


def pack(entries: Iterable[tuple[bytes, int]]) -> bytearray:
    """Return the form of `Window.seen`: each admitted row's digest with the stream's time then, oldest first."""
    return bytearray(b"".join(digest + mark_ms.to_bytes(_MARK, "big") for digest, mark_ms in entries))


def unpack(seen: bytearray) -> list[tuple[bytes, int]]:
    """Return what was packed."""
    return [(bytes(seen[at : at + _ID]), _mark_at(seen, at)) for at in range(0, len(seen), _ENTRY)]


def _mark_at(seen: bytearray, at: int) -> int:
    return int.from_bytes(seen[at + _ID : at + _ENTRY], "big")


class SeenIds:
    """The digests in `Window.seen`, with a set beside the memory of each ticket that is too busy to be searched."""

    def __init__(self) -> None:
        self._sets: dict[str, set[bytes]] = {}

    def knows(self, key: str, window: Window, digest: bytes) -> bool:
        """Tell whether the ticket remembers a row."""
        seen = window.seen
        if len(seen) > _SCANNED:
            return digest in self._set(key, seen)
        at = seen.find(digest)
        while at % _ENTRY and at >= 0:  # found across two entries
            at = seen.find(digest, at + 1)
        return at >= 0

    def add(self, key: str, window: Window, digest: bytes, high_water_ms: int, parameters: Parameters) -> int:
        """Remember an admitted row and forget the expired ones; return how many were dropped for want of room."""
        seen = window.seen
        dropped = 0
        # Right after a restart the ticket itself may know the stream's time better; so its marks never fall.
        mark_ms = high_water_ms if high_water_ms > window.last_ts_ms else window.last_ts_ms
        horizon_ms = mark_ms - parameters.seen_keep
        if window.seen_from_ms < horizon_ms or len(seen) >= parameters.max_seen * _ENTRY:
            dropped = self._prune(key, seen, horizon_ms, parameters.max_seen)
            window.seen_from_ms = _mark_at(seen, 0) if seen else mark_ms
        seen += digest + mark_ms.to_bytes(_MARK, "big")
        if self._sets and (known := self._sets.get(key)) is not None:
            known.add(digest)
        # The mark, not the row's own time: a stub is forgotten only when all its ids have expired, and the greatest
        # mark of all tickets is the stream's high-water itself, which is how a restore finds it again.
        window.last_ts_ms = mark_ms
        return dropped

    def forget(self, key: str) -> None:
        """The ticket's window is gone."""
        self._sets.pop(key, None)

    def _set(self, key: str, seen: bytearray) -> set[bytes]:
        known = self._sets.get(key)
        if known is None:
            if len(self._sets) >= _INDEXED:
                self._sets.clear()
            known = self._sets[key] = {bytes(seen[at : at + _ID]) for at in range(0, len(seen), _ENTRY)}
        return known

    def _prune(self, key: str, seen: bytearray, horizon_ms: int, max_seen: int) -> int:
        count = len(seen) // _ENTRY
        expired = next((i for i in range(count) if _mark_at(seen, i * _ENTRY) >= horizon_ms), count)
        dropped = max(0, count + 1 - max_seen - expired)
        gone = (expired + dropped) * _ENTRY
        if (known := self._sets.get(key)) is not None:
            known.difference_update(digest for digest, _ in unpack(seen[:gone]))
        del seen[:gone]
        return dropped


class _Mark(msgspec.Struct):
    last_ts_ms: int = 0


_mark = msgspec.json.Decoder(_Mark)


class Windows(Protocol):
    """What the high-water needs of a store."""

    def get(self, key: str) -> Window | None:
        """Return the window."""
        ...

    def keys(self) -> Iterable[str]:
        """Iterate over all keys."""
        ...


@runtime_checkable
class SealedItems(Protocol):
    """A store that shows its encoded values: a scan need not decode whole windows."""

    def items(self) -> Iterable[tuple[str, bytes]]:
        """Iterate over keys and encoded values."""
        ...


class HighWater:
    """The stream time of each source in one partition: the greatest commit time of an admitted row.

    It lives in memory. After a restore it is found again from the windows, but only when a row is old enough for it
    to matter: a restart in good times reads nothing.
    """

    def __init__(self) -> None:
        self._marks: dict[str, int] = {}
        self._complete = False

    def of(self, source: str) -> int:
        """Return the source's stream time as far as it is known: never too late, 0 when nothing is known."""
        return self._marks.get(source, 0)

    def is_replay(self, source: str, ts_ms: int, now_ms: int, parameters: Parameters, windows: Windows) -> bool:
        """Tell whether a row that is not in `seen` is so old that its id may have been forgotten."""
        if ts_ms >= now_ms + AHEAD_MS - parameters.seen_keep:  # the stream's time is never further ahead than that
            return False
        if not self._complete:
            self._scan(windows)
        return ts_ms < self._marks.get(source, 0) - parameters.seen_keep

    def advance(self, source: str, ts_ms: int, now_ms: int) -> int:
        """Take the commit time of an admitted row and return the source's stream time."""
        mark = self._marks.get(source, 0)
        if ts_ms > mark:
            mark = self._marks[source] = max(mark, min(ts_ms, now_ms + AHEAD_MS))
        return mark

    def _scan(self, windows: Windows) -> None:
        self._complete = True
        marks = self._marks
        if isinstance(windows, SealedItems):
            for key, raw in windows.items():
                _raise(marks, key, _mark.decode(raw).last_ts_ms)
            return
        for key in windows.keys():  # noqa: SIM118 - a store is no mapping
            window = windows.get(key)
            if window is not None:
                _raise(marks, key, window.last_ts_ms)


def _raise(marks: dict[str, int], key: str, last_ts_ms: int) -> None:
    source = key[: key.index("/")]
    if last_ts_ms > marks.get(source, 0):
        marks[source] = last_ts_ms

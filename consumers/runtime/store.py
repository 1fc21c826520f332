"""The state of one input partition: bytes in a dict, decoded on touch, with one timer a key.

The changelog is the truth; the heap is a cache of the due times that the values hold. Nothing here blocks.
"""

import heapq
from collections.abc import Iterable, Iterator
from typing import Generic

from consumers.runtime.api import App, S

LIVE_LIMIT = 20_000
FAR_FUTURE_MS = 400 * 24 * 3600 * 1000
REFIRE_MS = 1_000
STALE_TIMERS = 1_000
FAR_TOO_LARGE = 1 << 30


class Unstorable(Exception):
    """The value of `key` cannot be encoded, or is larger than a record may be."""

    def __init__(self, key: str, what: str) -> None:
        super().__init__(what)
        self.key = key


class PartitionStore(Generic[S]):
    """A `Store` whose changes are sealed into a write set at each commit.

    Values that were touched stay decoded (at most `LIVE_LIMIT` between commits), so that a hot key costs one
    encoding a transaction and no decoding.
    """

    def __init__(self, app: App[S]) -> None:
        self._app = app
        self._base: dict[str, bytes] = {}
        self._live: dict[str, S | None] = {}
        self._dirty: dict[str, None] = {}
        self._armed: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._base)

    def get(self, key: str) -> S | None:
        """Return the value, None when absent."""
        try:
            return self._live[key]
        except KeyError:
            raw = self._base.get(key)
            value = None if raw is None else self._app.decode(key, raw)
            self._live[key] = value
            return value

    def put(self, key: str, value: S) -> None:
        """Set the value and arm its timer."""
        self._live[key] = value
        self._dirty[key] = None
        due_ms = self._app.due_ms(value)
        armed = self._armed.get(key)
        if due_ms is None:
            if armed is not None:
                del self._armed[key]
        elif armed is None or due_ms < armed:
            self._arm(key, due_ms)

    def delete(self, key: str) -> None:
        """Remove the key and its timer."""
        self._live[key] = None
        self._dirty[key] = None
        self._armed.pop(key, None)

    def keys(self) -> Iterable[str]:
        """Iterate over all keys present, those of this transaction included."""
        return [k for k in {**self._base, **self._live} if k not in self._live or self._live[k] is not None]

    # ── used by the runtime only ──────────────────────────────────────────────────────────────────────────

    def load(self, key: str, raw: bytes | None) -> None:
        """Take one changelog record during restore."""
        if raw is None:
            self._base.pop(key, None)
        else:
            self._base[key] = raw

    def loaded(self, now_ms: int) -> None:
        """Build the timers after restore; due times are clamped to sane bounds."""
        peek = self._app.peek_due_ms
        limit = now_ms + FAR_FUTURE_MS
        heap = []
        for key, raw in self._base.items():
            due_ms = peek(key, raw)
            if due_ms is not None:
                due_ms = min(max(due_ms, 0), limit)
                self._armed[key] = due_ms
                heap.append((due_ms, key))
        heapq.heapify(heap)
        self._heap = heap

    def next_due_ms(self) -> int | None:
        """Return a lower bound of the next due time; a stale heap entry costs one early look."""
        return self._heap[0][0] if self._heap else None

    def _arm(self, key: str, due_ms: int) -> None:
        """Set the timer of a key; entries of the heap that it made stale are swept once they are the most."""
        self._armed[key] = due_ms
        heapq.heappush(self._heap, (due_ms, key))
        if len(self._heap) > 2 * len(self._armed) + STALE_TIMERS:
            self._heap = [(due, name) for name, due in self._armed.items()]
            heapq.heapify(self._heap)

    def pop_due(self, now_ms: int, limit: int | None = None) -> list[str]:
        """Return the keys that are due, oldest first and at most `limit`, and disarm them."""
        heap, armed, due = self._heap, self._armed, list[str]()
        while heap and heap[0][0] <= now_ms and (limit is None or len(due) < limit):
            due_ms, key = heapq.heappop(heap)
            if armed.get(key) != due_ms:
                continue
            del armed[key]
            value = self.get(key)
            actual = None if value is None else self._app.due_ms(value)
            if actual is None:
                continue
            if actual <= now_ms:
                due.append(key)
            else:
                armed[key] = actual
                heapq.heappush(heap, (actual, key))
        return due

    def is_due(self, key: str, now_ms: int) -> bool:
        """Tell whether a key that was popped is still due: one popped with it may have moved or removed it."""
        if key in self._armed:
            return False
        value = self.get(key)
        due_ms = None if value is None else self._app.due_ms(value)
        return due_ms is not None and due_ms <= now_ms

    def fired(self, key: str, now_ms: int) -> None:
        """Arm again a key whose `Due` changed nothing, so that no timer is ever lost."""
        if key in self._armed:
            return
        value = self.get(key)
        due_ms = None if value is None else self._app.due_ms(value)
        if due_ms is not None:
            self._arm(key, max(due_ms, now_ms + REFIRE_MS))

    @property
    def dirty(self) -> bool:
        """Whether anything changed since the last seal."""
        return bool(self._dirty)

    def seal(self, limit: int = FAR_TOO_LARGE) -> list[tuple[str, bytes | None]]:
        """Encode the changes, make them the base, and return them for the changelog (None = tombstone).

        Raises:
            Unstorable: a value cannot be encoded, or has more bytes than `limit`; the store is of no use any more.
        """
        changes: list[tuple[str, bytes | None]] = []
        base, live, encode = self._base, self._live, self._app.encode
        for key in self._dirty:
            value = live[key]
            if value is None:
                if base.pop(key, None) is not None:
                    changes.append((key, None))
            else:
                try:
                    raw = encode(value)
                except Exception as error:
                    raise Unstorable(key, type(error).__name__) from error
                if len(raw) > limit:
                    raise Unstorable(key, f"{len(raw)} bytes")
                base[key] = raw
                changes.append((key, raw))
        self._dirty = {}
        if len(live) > LIVE_LIMIT:
            self._live = {}
        return changes

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Iterate over the sealed state."""
        return iter(self._base.items())

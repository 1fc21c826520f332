"""What a process knows of its own health: written by the loop, read by the health server."""

import threading
from typing import Any


class Status:
    """Restored and turning, or why not. Thread-safe by a lock; every method is quick."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._assigned: set[int] = set()
        self._restored: set[int] = set()
        self._joined = False
        self._failed: str | None = None
        self._turned_ms = 0
        self._oldest_due_ms: int | None = None
        self._in_flight = 0
        self._rebuilds = 0
        self._aside = 0

    def joined(self) -> None:
        """The group has answered, be it with no partition."""
        with self._lock:
            self._joined = True
            self._failed = None

    def assigned(self, partition: int) -> None:
        """A partition is ours and has to be restored."""
        with self._lock:
            self._assigned.add(partition)

    def restored(self, partition: int) -> None:
        """A partition is restored."""
        with self._lock:
            self._restored.add(partition)

    def revoked(self, partition: int) -> None:
        """A partition is no longer ours."""
        with self._lock:
            self._assigned.discard(partition)
            self._restored.discard(partition)

    def turned(self, now_ms: int, oldest_due_ms: int | None, in_flight: int) -> None:
        """The loop went round."""
        with self._lock:
            self._turned_ms, self._oldest_due_ms, self._in_flight = now_ms, oldest_due_ms, in_flight

    def rebuilding(self, reason: str, now_ms: int) -> None:
        """Everything is being built anew, which is as good a sign of life as a turn of the loop."""
        with self._lock:
            self._turned_ms = now_ms
            self._assigned.clear()
            self._restored.clear()
            self._joined = False
            self._failed = reason
            self._rebuilds += 1

    def put_aside(self, number: int) -> None:
        """So many keys are left alone, because the rules failed on their timers or answers."""
        with self._lock:
            self._aside = number

    def snapshot(self, now_ms: int) -> dict[str, Any]:
        """Return everything as a document; `ready` means joined and all assigned partitions restored."""
        with self._lock:
            late = 0 if self._oldest_due_ms is None else max(0, now_ms - self._oldest_due_ms)
            return {
                "ready": self._joined and self._assigned == self._restored,
                "assigned": sorted(self._assigned),
                "restored": sorted(self._restored),
                "turned_ms_ago": now_ms - self._turned_ms if self._turned_ms else None,
                "oldest_due_late_ms": late,
                "work_in_flight": self._in_flight,
                "rebuilds": self._rebuilds,
                "put_aside": self._aside,
                "failed": self._failed,
            }

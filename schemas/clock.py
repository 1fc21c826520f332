"""One clock. Wall-clock epoch milliseconds that never step back, injected wherever time matters."""

import threading
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Source of `now`."""

    def now_ms(self) -> int:
        """Return epoch milliseconds; never smaller than an earlier answer of the same clock."""
        ...


class SystemClock:
    """The host's wall clock, but for its steps back.

    When the host's clock is set back (NTP, an operator), this one goes on at half speed until the host's has caught
    up. So timers are late meanwhile, at most by as much as they wait, and do not stand still as long as the step.
    Two objects may differ after a step back, so whatever compares times shares one. A new process begins with the
    host's time.

    Args:
        wall_ns: the host's clock.
        elapsed_ns: a clock that nobody sets.
    """

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, elapsed_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall_ns, self._elapsed_ns = wall_ns, elapsed_ns
        self._lock = threading.Lock()
        self._now = wall_ns()
        self._at = elapsed_ns()

    def now_ms(self) -> int:
        """Return epoch milliseconds, monotone within this object, from any thread."""
        with self._lock:
            at = self._elapsed_ns()
            self._now = max(self._wall_ns(), self._now + (at - self._at) // 2)
            self._at = at
            return self._now // 1_000_000


class ManualClock:
    """A clock that tests move by hand."""

    def __init__(self, now_ms: int = 1_795_000_000_000) -> None:
        self._now = now_ms

    def now_ms(self) -> int:
        """Return the time that was last set."""
        return self._now

    def advance(self, by_ms: int) -> int:
        """Move forward by `by_ms` (>= 0) and return the new time."""
        if by_ms < 0:
            message = "a clock never steps back"
            raise ValueError(message)
        self._now += by_ms
        return self._now

    def at(self, now_ms: int) -> int:
        """Move forward to `now_ms`; an earlier time leaves the clock where it is."""
        self._now = max(self._now, now_ms)
        return self._now

"""One clock. Wall-clock epoch milliseconds that never step back, injected wherever time matters."""

import time
from typing import Protocol


class Clock(Protocol):
    """Source of `now`."""

    def now_ms(self) -> int:
        """Return epoch milliseconds; never smaller than an earlier answer of the same clock."""
        ...


class SystemClock:
    """The host's wall clock, held still while the host's clock is stepped back."""

    def __init__(self) -> None:
        self._last = 0

    def now_ms(self) -> int:
        """Return epoch milliseconds, monotone within this object."""
        self._last = max(self._last, time.time_ns() // 1_000_000)
        return self._last


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

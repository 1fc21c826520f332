"""Waiting for a condition with a deadline."""

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], bool],
    timeout_s: float,
    *,
    give_up: Callable[[], bool] = lambda: False,
    interval_s: float = 0.05,
) -> bool:
    """Poll until the condition holds; False at the deadline, or as soon as `give_up` says that it never will."""
    deadline = time.monotonic() + timeout_s
    while True:
        if condition():
            return True
        if give_up() or time.monotonic() >= deadline:
            return False
        time.sleep(interval_s)

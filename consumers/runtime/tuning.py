"""The garbage collector of a process that keeps much and makes no cycles on its hot path."""

import gc

YOUNG = 50_000
"""Objects made between two collections of the young. A row makes a handful that nothing refers to in a circle: at
Python's 700 a quarter of the hot path was the collector looking through windows that were all alive."""


def settle_memory() -> None:
    """Call it when state has been restored: what is there now is never looked through again."""
    gc.unfreeze()
    gc.collect()
    # gc.freeze()
    # gc.set_threshold(YOUNG, 20, 100)

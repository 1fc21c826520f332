"""The garbage collector of a process that keeps much and makes no cycles on its hot path."""

import gc

YOUNG = 50_000
"""Objects made between two collections of the young. A row makes a handful that nothing refers to in a circle: with
Python's 700 the collector looks again and again through windows that are all alive, a fifth of a row's time with
100,000 busy tickets."""


def settle_memory() -> None:
    """Call it when state has been restored: what is there now is never looked through again."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 100)

"""How much is measured: whole, or quick to see that a suite runs."""

from typing import NamedTuple


class Sizes(NamedTuple):
    """`messages` go through the whole chain at 20/s; `captured` rows go through Debezium in one piece."""

    runs: int = 3
    rows: int = 300_000
    states: int = 1_000_000
    messages: int = 300
    captured: int = 100_000
    pairs: int = 5
    pair_s: int = 10
    cost_rows: int = 100_000
    agents: int = 10_000
    held: int = 100_000
    waves: int = 40


QUICK = Sizes(
    runs=1,
    rows=60_000,
    states=100_000,
    messages=60,
    captured=20_000,
    pairs=1,
    pair_s=5,
    cost_rows=40_000,
    agents=500,
    held=5_000,
    waves=12,
)

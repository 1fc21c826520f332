"""A figure with its floor, and the table of them."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass
class Measurement:
    """`floor` is what the bare mechanism gives in this same run; a figure without one is refused.

    `ratio` is value / floor. `target` is the sentence that `holds` judges. `samples` and `floors` are the values of
    all runs.
    """

    name: str
    value: float
    unit: str
    floor: float
    target: str
    holds: bool
    samples: list[float] = field(default_factory=list)
    floors: list[float] = field(default_factory=list)
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse a floor that was not measured."""
        if not (math.isfinite(self.floor) and self.floor > 0 and math.isfinite(self.value)):
            message = f"{self.name}: no floor was measured in this run ({self.value} beside {self.floor})"
            raise ValueError(message)

    @property
    def ratio(self) -> float:
        return self.value / self.floor


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile; refuses an empty sample."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def write(found: Sequence[Measurement], path: Path) -> None:
    path.write_text(json.dumps([{**asdict(m), "ratio": m.ratio} for m in found], indent=1) + "\n", encoding="utf8")


def show(found: Sequence[Measurement]) -> None:
    table = Table("figure", "value", "spread", "floor", "ratio", "target", "holds")
    for m in found:
        spread = f"{min(m.samples):,.4g} – {max(m.samples):,.4g}" if m.samples else ""
        table.add_row(
            m.name, f"{m.value:,.4g} {m.unit}", spread, f"{m.floor:,.4g}", f"{m.ratio:.2f}", m.target,
            "yes" if m.holds else "NO",
        )  # fmt: skip
        if m.note:
            table.add_row(f"  {m.note}")
    Console().print(table)

"""A figure with its floor, and the table of them."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass
class Measurement:
    """`floor` is what the bare mechanism gives in this same run, None where there is none to be had.

    `ratio` is value / floor. `target` is the sentence that `holds` judges. `samples` are all runs' values.
    """

    name: str
    value: float
    unit: str
    floor: float | None
    target: str
    holds: bool
    samples: list[float] = field(default_factory=list)
    floors: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return None if not self.floor else self.value / self.floor


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def write(found: Sequence[Measurement], path: Path) -> None:
    path.write_text(json.dumps([{**asdict(m), "ratio": m.ratio} for m in found], indent=1) + "\n", encoding="utf8")


def show(found: Sequence[Measurement]) -> None:
    table = Table("figure", "median", "spread", "floor", "ratio", "target", "holds")
    for m in found:
        spread = f"{min(m.samples):,.4g} – {max(m.samples):,.4g}" if m.samples else ""
        floor = "" if m.floor is None else f"{m.floor:,.4g}"
        ratio = "" if m.ratio is None else f"{m.ratio:.2f}"
        table.add_row(
            m.name, f"{m.value:,.4g} {m.unit}", spread, floor, ratio, m.target, "yes" if m.holds else "NO"
        )
    Console().print(table)

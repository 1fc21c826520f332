"""`make bench [JSON=path] [ARGS="--quick suite…"]`: run suites, each on a stack of its own, and show the tables."""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from deploy.stack import PARTS, Dirs, LocalStack, Part
from schemas.settings import Settings
from tests.bench import capture, coalescer, cost, footprint, latency, runtime, sender
from tests.bench.measurement import Measurement, show, write
from tests.bench.sizes import QUICK, Sizes


class Suite(NamedTuple):
    """A suite and the servers that it needs."""

    run: Callable[[LocalStack, Sizes], Sequence[Measurement]]
    parts: Sequence[Part] = PARTS


SUITES = {
    "runtime": Suite(runtime.run, ("kafka",)),
    "coalescer": Suite(coalescer.run, ("kafka",)),
    "cost": Suite(cost.run, ()),
    "latency": Suite(latency.run),
    "capture": Suite(capture.run),
    "footprint": Suite(footprint.run),
    "sender": Suite(sender.run, ("postgres", "kafka")),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--quick", action="store_true", help="small sizes, one run: shows that a suite works")
    parser.add_argument("suites", nargs="*", choices=[[], *SUITES], help="which suites (default: all)")
    chosen = parser.parse_args()
    sizes = QUICK if chosen.quick else Sizes()
    found: list[Measurement] = []
    for name in chosen.suites or SUITES:
        found += _measured(SUITES[name], sizes)
        if chosen.json:
            write(found, chosen.json)  # after each suite: hours of figures do not go with a later one that fails


def _measured(suite: Suite, sizes: Sizes) -> Sequence[Measurement]:
    with tempfile.TemporaryDirectory(prefix="recado-bench-") as folder:
        stack = LocalStack(Dirs(Path(folder) / ".recado", Settings.load().cache_dir), parts=suite.parts)
        try:
            if suite.parts:
                stack.up()
            measured = suite.run(stack, sizes)
        finally:
            stack.down(purge=True)
    show(measured)
    return measured


if __name__ == "__main__":
    main()

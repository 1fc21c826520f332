"""`make bench [JSON=path]`: run every benchmark on a stack of its own and show the table."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.stack import Dirs, LocalStack
from schemas.settings import Settings
from tests.bench import runtime
from tests.bench.measurement import Measurement, show, write

SUITES = {"runtime": runtime.run}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("suites", nargs="*", choices=[[], *SUITES], help="which suites (default: all)")
    chosen = parser.parse_args()
    found: list[Measurement] = []
    with tempfile.TemporaryDirectory(prefix="recado-bench-") as folder:
        stack = LocalStack(Dirs(Path(folder) / ".recado", Settings.load().cache_dir), parts=("kafka",))
        try:
            stack.up()
            for name in chosen.suites or SUITES:
                measured: Sequence[Measurement] = SUITES[name](stack)
                found += measured
                show(measured)
        finally:
            stack.down(purge=True)
    if chosen.json:
        write(found, chosen.json)


if __name__ == "__main__":
    main()

"""How slow steps tell a person that they move: a bar on a terminal, one line a step elsewhere."""

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

Report = Callable[[str, int, int], None]
"""Called as `(step, done, total)` from any thread; `done == total` ends the step."""


def quiet(_step: str, _done: int, _total: int) -> None:
    """Report nothing."""


class Bars:
    """One bar a step on the given console; where it is no terminal, a line as each step begins."""

    def __init__(self, console: Console) -> None:
        columns = (
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._console = console
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        """Draw the state of one step."""
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(step, total=total)
            if not self._console.is_terminal:
                self._console.print(f"{step} ...", highlight=False)
        self._progress.update(self._tasks[step], completed=done, total=total)

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

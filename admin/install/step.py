"""A step of a plan, and the doing of a plan: one step after the other, each journalled before and after."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from admin.install.journal import Entry, Journal


class Line(NamedTuple):
    """One line of a plan: what is done, in exactly which words (SQL, topic, request), and what undoes it."""

    what: str
    exact: str
    undo: str


@dataclass(frozen=True, slots=True)
class Step:
    """What is done whole or not at all. Doing it again does no harm.

    `name` is the journal's; `before` the values that an undo needs.
    """

    name: str
    lines: tuple[Line, ...]
    do: Callable[[], object]
    source: str | None = None
    before: Mapping[str, Any] | None = None

    @property
    def title(self) -> str:
        """What the step does, in one line."""
        return "; ".join(line.what for line in self.lines)


Done = Callable[[Step], None]


def run(steps: Iterable[Step], journal: Journal, done: Done, *, state: str = "done") -> int:
    """Do the steps, calling `done` after each; return how many. Interrupted, a new plan holds what is left."""
    count = 0
    for step in steps:
        entry = Entry(
            step=step.name,
            source=step.source,
            line="; ".join(line.exact for line in step.lines),
            undo="; ".join(line.undo for line in step.lines if line.undo),
            before=None if step.before is None else dict(step.before),
        )
        if state == "done":
            # What is being undone still counts as done until it is: its values from before are needed.
            journal.write(entry, "begun")
        try:
            step.do()
        except BaseException:  # also when a person interrupts it
            journal.write(entry, "failed")
            raise
        journal.write(entry, state)
        count += 1
        done(step)
    return count

"""What Connect says of a connector: states, causes, and how a configuration differs from the desired one. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Task(NamedTuple):
    """A task's state; `cause` is the first line of its failure that says something."""

    id: int
    state: str
    worker: str
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """A connector and its tasks. A RUNNING connector can have a FAILED task, or none yet.

    It is what was last reported: of a worker that was killed it stays RUNNING. A sign of life is the heartbeat.
    """

    name: str
    state: str
    tasks: tuple[Task, ...]
    cause: str | None = None

    @property
    def running(self) -> bool:
        """Connector and every task RUNNING, and at least one task."""
        return self.state == "RUNNING" and bool(self.tasks) and all(task.state == "RUNNING" for task in self.tasks)

    @property
    def failure(self) -> str | None:
        """The cause of the first failure, None when nothing has failed."""
        if self.state == "FAILED":
            return self.cause or "no cause given"
        failed = [task for task in self.tasks if task.state == "FAILED"]
        return (failed[0].cause or "no cause given") if failed else None


class Difference(NamedTuple):
    """A property that is not as desired; None where one side lacks it."""

    name: str
    desired: str | None
    actual: str | None


def drift(desired: Mapping[str, str], actual: Mapping[str, str] | None) -> tuple[Difference, ...]:
    """Return what differs, by property name. `name`, which Connect adds, does not count."""
    there = {key: value for key, value in (actual or {}).items() if key != "name"}
    wanted = {key: value for key, value in desired.items() if key != "name"}
    return tuple(
        Difference(key, wanted.get(key), there.get(key))
        for key in sorted(wanted.keys() | there.keys())
        if wanted.get(key) != there.get(key)
    )


def first_cause(trace: str | None) -> str | None:
    """Return the innermost cause of a Java stack trace in one line, None without a trace."""
    if not trace:
        return None
    causes = [line for line in trace.splitlines() if line.startswith("Caused by: ")]
    line = causes[-1].removeprefix("Caused by: ") if causes else trace.splitlines()[0]
    return line.strip()[:500]

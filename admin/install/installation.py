"""A whole installation: the cell, then each source. One source's trouble does not stop the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from admin.doctor import machine
from admin.install import cell
from admin.install.journal import Journal
from admin.install.lock import exclusive, exclusive_cell
from admin.install.source import Source, Wanted
from admin.install.step import Done, Step, run
from admin.registry.rows import By
from cdc.postgres import Connection, connect
from schemas.errors import RecadoError
from schemas.settings import Settings

CELL = "cell"


@dataclass(frozen=True, slots=True)
class Part:
    """What is to be done (or was done) for the cell or one source, and what stands in the way."""

    name: str
    steps: tuple[Step, ...] = ()
    problem: RecadoError | None = None


class Installation:
    """The cell of the settings and the sources asked for. The methods block.

    Args:
        settings: of the cell.
        url: of the recado database.
        wanted: the sources; none means the cell alone.
        by: who asks.
        dial: opens connections to sources; for tests.
    """

    def __init__(
        self,
        settings: Settings,
        url: str,
        wanted: Sequence[Wanted],
        by: By,
        dial: Callable[[str], Connection] = connect,
    ) -> None:
        self._settings = settings
        self._url = url
        self._wanted = tuple(wanted)
        self._by = by
        self._dial = dial

    def plan(self) -> list[Part]:
        """Return what is missing of each part, in order. Changes nothing.

        Raises:
            RecadoError: of the cell: nothing works without it.
        """
        parts = [Part(CELL, tuple(cell.plan(self._settings, self._url)))]
        for wanted in self._wanted:
            try:
                source = self._source(wanted)
                with source.open() as connection:
                    parts.append(Part(wanted.source, tuple(source.plan(connection))))
            except RecadoError as error:
                parts.append(Part(wanted.source, problem=error))
        return parts

    def apply(self, done: Done) -> list[Part]:
        """Do what is missing, calling `done` after each step; return what was done and what stands in the way.

        Raises:
            RecadoError: of the cell; RCD-115, somebody else is at it; RCD-109, no room on this machine.
        """
        if machine.has_local_stack(self._settings):
            machine.require_room(machine.measure(self._settings), stack_runs=True)
        journal = Journal(self._settings.data_dir, self._settings.cell, self._by.who, self._url)
        parts = []
        with exclusive_cell(self._url, self._settings.cell):
            steps = cell.plan(self._settings, self._url)
            run(steps, journal, done)
            parts.append(Part(CELL, tuple(steps)))
            journal.copy()
        for wanted in self._wanted:
            finished: list[Step] = []
            try:
                self._install(wanted, journal, lambda step, finished=finished: _both(finished, done, step))  # type: ignore[misc]
            except RecadoError as error:
                parts.append(Part(wanted.source, tuple(finished), error))
            else:
                parts.append(Part(wanted.source, tuple(finished)))
            finally:
                journal.copy()
        return parts

    def _install(self, wanted: Wanted, journal: Journal, done: Done) -> None:
        source = self._source(wanted)
        with source.open() as connection, exclusive(connection, f"source {wanted.source}"):
            source.remember()
            run(source.plan(connection), journal, done)

    def _source(self, wanted: Wanted) -> Source:
        return Source(self._settings, self._url, wanted, self._by, self._dial)


def _both(finished: list[Step], done: Done, step: Step) -> None:
    finished.append(step)
    done(step)

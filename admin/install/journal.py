"""What was done to whose systems: a local file at once, the recado database as soon as it is there."""

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from schemas.database import transaction
from schemas.errors import RecadoError
from schemas.tables import install_journal

FILE = "install.jsonl"
log = structlog.get_logger()


class Entry(msgspec.Struct, frozen=True):
    """A step as it is written: never a secret, `line` holds SQL with its values left out."""

    step: str
    source: str | None = None
    line: str = ""
    undo: str = ""
    before: dict[str, Any] | None = None


class Record(msgspec.Struct, frozen=True):
    """An entry with its time, author and state (begun, done, failed, undone)."""

    entry_id: str
    at: datetime
    who: str
    cell: str
    state: str
    entry: Entry


_Told = tuple[str, str, str | None, dict[str, Any] | None]
"""Step, state, source and values from before of an entry."""

_decoder = msgspec.json.Decoder(Record)


class Journal:
    """The journal of one data folder.

    Args:
        data_dir: where the file is.
        cell: of what is done.
        who: the person.
        url: of the recado database, if there is one; what cannot be written there now is written later.
    """

    def __init__(self, data_dir: Path, cell: str, who: str, url: str | None) -> None:
        self._file = data_dir / FILE
        self._cell = cell
        self._who = who
        self._url = url

    def write(self, entry: Entry, state: str) -> None:
        """Append an entry to the file; it is on the disk when this returns."""
        record = Record(uuid.uuid4().hex, datetime.now(UTC), self._who, self._cell, state, entry)
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(msgspec.json.encode(record) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def records(self) -> Iterator[Record]:
        """Yield what the file holds, oldest first. A line cut by a crash says nothing."""
        if not self._file.exists():
            return
        for line in self._file.read_bytes().splitlines():
            try:
                yield _decoder.decode(line)
            except msgspec.DecodeError:
                log.warning("journal_line_unreadable", file=str(self._file))

    def copy(self) -> None:
        """Copy to the recado database what it lacks. Does nothing while that is not there."""
        rows = [_row(record) for record in self.records()]
        if self._url is None or not rows:
            return
        try:
            with transaction(self._url) as connection:
                connection.execute(insert(install_journal).on_conflict_do_nothing(), rows)
        except RecadoError as error:
            log.info("journal_in_file_only", file=str(self._file), code=error.code)

    def before(self, step: str, **equal: Any) -> dict[str, Any] | None:
        """Return the values from before the last such step that was not undone since; file first, then database.

        Args:
            step: its name.
            equal: what `before` or the entry's `source` must say, for example the server.
        """
        told = [
            (r.entry.step, r.state, r.entry.source, r.entry.before) for r in self.records() if r.cell == self._cell
        ]
        found = _latest(told, step, equal)
        return found if found is not None else _latest(self._stored(), step, equal)

    def _stored(self) -> list[_Told]:
        if self._url is None:
            return []
        journal = install_journal.c
        query = (
            select(journal.step, journal.state, journal.source, journal.before)
            .where(journal.cell == self._cell)
            .order_by(journal.at)
        )
        try:
            with transaction(self._url) as connection:
                return [(row.step, row.state, row.source, row.before) for row in connection.execute(query)]
        except RecadoError as error:
            log.info("journal_in_file_only", file=str(self._file), code=error.code)
            return []


def _latest(told: list[_Told], step: str, equal: dict[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None
    for name, state, source, before in told:
        values = {**(before or {}), "source": source}
        if name == step and all(values.get(key) == value for key, value in equal.items()):
            found = None if state == "undone" else before if state in {"begun", "done"} else found
    return found


def _row(record: Record) -> dict[str, Any]:
    document = {**msgspec.structs.asdict(record), **msgspec.structs.asdict(record.entry)}
    del document["entry"]
    return document

"""Recorded row changes, read from a folder of `tests/traces/`, and their instants moved to now. Pure."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Literal

import msgspec

from schemas.errors import Invalid

Values = dict[str, Any]

_SCENARIO = re.compile(r"^\d\d-[a-z0-9-]+\.jsonl$")
_MESSAGE_TIME = re.compile(r'("messageTimestamp":\s*"?)(\d{10})\b')


class Change(msgspec.Struct, frozen=True):
    """One committed row change. `t_ms` is its commit, `rel_ms` the same since the scenario's first step."""

    table: str
    op: Literal["c", "u", "d"]
    rel_ms: float
    t_ms: float
    tx: int | str
    before: Values | None = None
    after: Values | None = None
    step: str | None = None


_decoder = msgspec.json.Decoder(Change)


@dataclass(frozen=True, slots=True)
class Transaction:
    """Changes that were committed together."""

    rel_ms: float
    step: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario, named as its file without the ending. `start_ms` is the recorded instant of its first step."""

    name: str
    start_ms: float
    transactions: tuple[Transaction, ...]

    @property
    def length_ms(self) -> float:
        """When its last change was committed, since its first step."""
        return self.transactions[-1].rel_ms if self.transactions else 0.0

    def changes(self) -> Iterator[Change]:
        """Iterate over all changes in commit order."""
        for transaction in self.transactions:
            yield from transaction.changes


def read_scenarios(folder: Path) -> list[Scenario]:
    """Read the scenarios of a flavour's folder, in the order in which they were recorded.

    Raises:
        Invalid: RCD-601, the folder holds none or a line is not a change.
    """
    files = sorted(path for path in folder.glob("*.jsonl") if _SCENARIO.match(path.name))
    if not files:
        raise Invalid("RCD-601", f"no recorded scenarios in {folder.name}/")
    return [_read(path) for path in files]


def _read(path: Path) -> Scenario:
    changes = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            changes.append(_decoder.decode(line))
        except msgspec.DecodeError as error:
            raise Invalid("RCD-601", f"{path.name}, line {number}: {error}") from error
    groups: list[list[Change]] = []
    for change in changes:
        if groups and groups[-1][-1].tx == change.tx:
            groups[-1].append(change)
        else:
            groups.append([change])
    transactions = tuple(Transaction(group[-1].rel_ms, group[-1].step or "", tuple(group)) for group in groups)
    start_ms = changes[0].t_ms - changes[0].rel_ms if changes else 0.0
    return Scenario(path.name.removesuffix(".jsonl"), start_ms, transactions)


@dataclass(slots=True)
class TimeShift:
    """Moves recorded instants to when they are played.

    Each scenario that begins adds a piece: instants from its first step on move so that the step is now (and are
    squeezed by `speed`); older ones keep the piece of the scenario in which they were recorded, so that a row
    written again by a later scenario keeps its creation. What is older than all scenarios (base rows) stays.

    Args:
        zone: of instants that were recorded without one.
    """

    zone: tzinfo = UTC
    _recorded: list[float] = field(default_factory=list)
    _played: list[tuple[float, float]] = field(default_factory=list)

    def begin(self, scenario: Scenario, now_ms: float, speed: float | None) -> None:
        """Start a scenario at `now_ms`; scenarios come in recorded order.

        Args:
            scenario: what is played from now on.
            now_ms: the instant of its first step.
            speed: how much faster than recorded; None squeezes all of it into this one instant.
        """
        if scenario.transactions:
            self._recorded.append(scenario.start_ms)
            self._played.append((now_ms, 0.0 if speed is None else 1.0 / speed))

    def instant_ms(self, recorded_ms: float) -> float:
        """Return when a recorded instant happens now."""
        piece = bisect_right(self._recorded, recorded_ms) - 1
        if piece < 0:
            return recorded_ms
        played_ms, scale = self._played[piece]
        return played_ms + (recorded_ms - self._recorded[piece]) * scale

    def row(self, row: Values, instants: frozenset[str]) -> Values:
        """Return a row with the columns named in `instants` moved.

        WhatsApp's own time of a message (`dataJson.messageTimestamp`, whole seconds) keeps its distance to the
        scenario: a backlog that was two hours old then is two hours old now.
        """
        moved = {name: self._moved(value) if name in instants else value for name, value in row.items()}
        data = moved.get("dataJson")
        if isinstance(data, str) and self._recorded:
            away = (self._played[-1][0] - self._recorded[-1]) / 1_000
            moved["dataJson"] = _MESSAGE_TIME.sub(lambda found: f"{found[1]}{int(int(found[2]) + away)}", data)
        return moved

    def _moved(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        recorded = datetime.fromisoformat(value)
        if recorded.tzinfo is None:
            recorded = recorded.replace(tzinfo=self.zone)
        recorded_ms = recorded.timestamp() * 1_000
        return recorded + timedelta(milliseconds=self.instant_ms(recorded_ms) - recorded_ms)

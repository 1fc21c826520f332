"""The isolated arm: each scenario with fresh state of both machines, over the database as it stands then.

Several sources can be played at once, each over its own database: the reference of the continuous arm.
"""

import asyncio
import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from random import Random
from typing import Any, NamedTuple

import msgspec
from prometheus_client import REGISTRY

from cdc.flavours.api import Flavour
from cdc.flavours.registry import flavour
from consumers.coalescer.app import CoalescerApp
from consumers.directory.live import LiveDirectory
from consumers.sender.app import SenderApp
from deploy.demo.recording import Change, Scenario, Transaction
from deploy.demo.replay import Replay
from deploy.demo.verifier.collect import fork, rows
from deploy.demo.verifier.evidence import Evidence, Fork, MessageRow, PhoneLine, Seen
from formatter.render import render
from provider.api import Abilities, Accepted, Address, Health, ReceiptEvent, Rendered, Result
from schemas.clock import ManualClock
from schemas.codec import decoder
from schemas.config import Parameters, StaticConfig
from schemas.identity import message_ref
from schemas.reasons import Ignored
from schemas.records import OutboxEntry, Outcome, Window
from schemas.topics import Cell
from tests.isolated.capture import insert
from tests.isolated.cast import Cast, together
from tests.isolated.driver import Driver

START_MS = 1_800_000_000_000
PAUSE_MS = 3_600_000
AT_MOST_MS = 6 * 3_600_000
UNCAPPED = Parameters(ticket_cap=1_000_000, agent_cap=1_000_000, pair_interval=0)
CELL = Cell("isolated")
_window = decoder(Window)
_entry = decoder(OutboxEntry)
_outcome = decoder(Outcome)


@dataclass
class Phones:
    """A provider that accepts everything, at once."""

    clock: ManualClock
    abilities: Abilities = field(default_factory=Abilities)
    lines: list[PhoneLine] = field(default_factory=list)

    async def send(self, message: Rendered, to: Address, attempt_id: str, timeout_s: float) -> Result:
        self.lines.append(PhoneLine(to.value, attempt_id, message.body, self.clock.now_ms()))
        return Accepted(f"accepted-{len(self.lines)}")

    async def health(self) -> Health:
        return Health(ok=True, detail="up")

    async def exists(self, number: str) -> Address | None:
        raise NotImplementedError

    def parse_receipt(self, headers: Mapping[str, str], raw: bytes) -> list[ReceiptEvent]:
        return []


class Played(msgspec.Struct):
    """What came of a scenario. `refs`: message -> told, suppressed or ignored; `texts`: phone -> texts."""

    refs: dict[str, dict[str, Any]]
    texts: dict[str, list[str]]
    evidence: Evidence

    @property
    def messages(self) -> dict[str, dict[str, Any]]:
        """The same of the only source: ticket/id -> told, suppressed or ignored."""
        return {ref.split("/", 1)[1]: said for ref, said in self.refs.items()}

    @property
    def notices(self) -> dict[str, int]:
        """How many texts each phone got."""
        return {agent: len(lines) for agent, lines in sorted(self.texts.items())}


class Stage(NamedTuple):
    """A source: `replay` writes the recorded rows, `dsn` leads the live look-ups to them, `cast` is who is who."""

    replay: Replay
    dsn: str
    cast: Cast


class Arm:
    """Plays scenarios, in recorded order, over one database of each source.

    Args:
        stages: the sources.
        runner: runs look-ups and sends.
        machine: parameters of both machines.
        restarts: restart both machines after each commit.
        flavours: how rows are told apart; another one makes a control arm.
        capture_ms: how long after its commit a row of `Messages` is captured.
    """

    def __init__(
        self,
        *stages: Stage,
        runner: asyncio.Runner,
        machine: Parameters = UNCAPPED,
        restarts: bool = False,
        flavours: Callable[[str], Flavour] = flavour,
        capture_ms: int = 0,
    ) -> None:
        self._stages = {stage.cast.source: stage for stage in stages}
        self._runner = runner
        self._restarts = restarts
        self._flavours = flavours
        self._capture_ms = capture_ms
        self._config = StaticConfig(together([stage.cast for stage in stages], machine))
        self._clock = ManualClock(START_MS)
        self._directory = LiveDirectory(self._where, timeout_s=20.0)
        self._lsn = 0

    def _where(self, source: str) -> tuple[str, str] | None:
        stage = self._stages.get(source)
        return None if stage is None else (stage.cast.flavour, stage.dsn)

    def close(self) -> None:
        """Close the look-ups' connections."""
        self._runner.run(self._directory.close())

    def play(self, *scenarios: Scenario, speed: float = 1.0) -> Played:
        """Play scenarios of the only source with fresh machines, then let time pass until nothing waits."""
        (source,) = self._stages
        return self.play_together({source: scenarios}, speed)

    def play_together(self, scenarios: Mapping[str, Sequence[Scenario]], speed: float = 1.0) -> Played:
        """Play each source's scenarios one after another, all sources at once, with fresh machines."""
        phones = Phones(self._clock)
        driver = Driver(self._apps(phones), self._clock, self._runner, restarts=self._restarts)
        start_ms = self._clock.advance(PAUSE_MS)
        said: dict[str, dict[str, Any]] = {}
        steps = (self._steps(self._stages[source], found, start_ms, speed) for source, found in scenarios.items())
        captured: deque[tuple[int, Stage, Change]] = deque()
        for due_ms, stage, transaction in heapq.merge(*steps, key=itemgetter(0)):
            self._capture(driver, captured, round(due_ms), said)
            driver.run_until(round(due_ms))
            stage.replay.apply(transaction)
            for change in transaction.changes:
                if change.table == "Messages" and change.op == "c":
                    captured.append((round(due_ms) + self._capture_ms, stage, change))
            self._capture(driver, captured, round(due_ms), said)
        self._capture(driver, captured, self._clock.now_ms() + self._capture_ms, said)
        self._rest(driver)
        self._judge(driver, said)
        texts: dict[str, list[str]] = defaultdict(list)
        first = next(iter(self._stages.values())).cast
        for line in phones.lines:
            texts[first.by_number(line.phone)].append(line.text)
        created = [row for source, stage in self._stages.items() for row in rows(source, stage.dsn, start_ms)]
        return Played(said, dict(texts), _evidence(driver, created, phones, self._forks()))

    def _steps(
        self, stage: Stage, scenarios: Sequence[Scenario], start_ms: float, speed: float
    ) -> Iterator[tuple[float, Stage, Transaction]]:
        """Yield what one source does: a scenario begins when the one before has ended."""
        due_ms = start_ms
        for scenario in scenarios:
            for due_ms, transaction in stage.replay.steps(scenario, due_ms, speed):  # noqa: B020 - each from the last
                yield due_ms, stage, transaction

    def _forks(self) -> dict[str, Fork]:
        return {source: fork(stage.dsn) for source, stage in self._stages.items()}

    def _capture(
        self,
        driver: Driver,
        captured: "deque[tuple[int, Stage, Change]]",
        until_ms: int,
        said: dict[str, dict[str, Any]],
    ) -> None:
        while captured and captured[0][0] <= until_ms:
            due_ms, stage, change = captured.popleft()
            driver.run_until(max(due_ms, self._clock.now_ms()))
            self._insert(driver, stage, change, due_ms - self._capture_ms, said)

    def _apps(self, phones: Phones) -> list[Any]:
        def config() -> StaticConfig:
            return self._config

        sender = SenderApp(
            CELL, config, self._directory, lambda _: phones, render, "test", Random(1), clock=self._clock
        )
        return [CoalescerApp(CELL, config, "test", self._flavours), sender]

    def _insert(
        self, driver: Driver, stage: Stage, change: Change, commit_ms: int, said: dict[str, dict[str, Any]]
    ) -> None:
        row, source = stage.replay.row(change), stage.cast.source
        self._lsn += 1
        key, value = insert(flavour(stage.cast.flavour), source, row, commit_ms, self._lsn)
        before = _ignored(source)
        driver.produce(CELL.messages, key, value)
        reasons = [reason for reason, times in _ignored(source).items() if times > before[reason]]
        if reasons or not row["fromMe"]:
            said[message_ref(source, row["ticketId"], row["id"])] = {"ignored": str(reasons[0])} if reasons else {}

    def _rest(self, driver: Driver) -> None:
        end_ms = self._clock.now_ms() + AT_MOST_MS
        while _waits(driver):
            due_ms = driver.next_due_ms()
            assert due_ms is not None, "something waits, but no timer would wake it"
            assert due_ms <= end_ms, "something still waits after hours"
            driver.run_until(max(due_ms, self._clock.now_ms()))

    def _judge(self, driver: Driver, said: dict[str, dict[str, Any]]) -> None:
        found = ends(record.value for record in driver.topics[CELL.outcomes])
        for ref, end in found.items():
            if ref in said:
                cast = self._stages[ref.partition("/")[0]].cast
                said[ref] |= {
                    what: sorted(map(cast.of, value)) if what == "told" else "+".join(sorted(value))
                    for what, value in end.items()
                }


def ends(outcomes: Iterable[bytes | None]) -> dict[str, dict[str, set[str]]]:
    """Return how each message ended: `told` the agents' ids, `suppressed` the reasons."""
    found: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for value in outcomes:
        outcome = _outcome.decode(value or b"")
        for ref in outcome.message_refs:
            if outcome.kind == "sent" and outcome.agent:
                found[ref].setdefault("told", set()).add(outcome.agent)
            elif outcome.kind in {"suppressed", "dead"}:
                found[ref].setdefault("suppressed", set()).add(outcome.reason or outcome.kind)
    return found


def _ignored(source: str) -> dict[str, float]:
    name, value = "recado_ignored_total", REGISTRY.get_sample_value
    return {reason: value(name, {"source": source, "reason": str(reason)}) or 0.0 for reason in Ignored}


def _waits(driver: Driver) -> bool:
    windows = (_window.decode(raw) for _, raw in driver.apps["coalescer"].state())
    if any(window.pending for window in windows):
        return True
    entries = ((key, _entry.decode(raw)) for key, raw in driver.apps["sender"].state() if key[:2] in {"e/", "u/"})
    return any(key[0] == "u" or entry.phase in {"HELD", "SENDING", "UNKNOWN"} for key, entry in entries)


def _evidence(driver: Driver, created: list[MessageRow], phones: Phones, forks: Mapping[str, Fork]) -> Evidence:
    def topic(name: str) -> list[Seen]:
        return [Seen(r.partition, r.offset, r.key, r.value) for r in driver.topics[name]]

    def changelog(name: str) -> list[Seen]:
        changes = enumerate(driver.apps[name].changelog)
        return [Seen(number, offset, key.encode(), value) for offset, (number, key, value) in changes]

    return Evidence(
        rows=created,
        messages=topic(CELL.messages),
        alerts=topic(CELL.alerts),
        outcomes=topic(CELL.outcomes),
        coalescer_changelog=changelog("coalescer"),
        sender_changelog=changelog("sender"),
        dlq=topic(CELL.dlq),
        cdc_dlq=topic(CELL.cdc_dlq),
        phones=phones.lines,
        forks=forks,
    )

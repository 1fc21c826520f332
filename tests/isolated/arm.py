"""The isolated arm: each scenario with fresh state of both machines, over the database as it stands then."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec
from prometheus_client import REGISTRY

from cdc.flavours.api import Flavour
from cdc.flavours.registry import flavour
from consumers.coalescer.app import CoalescerApp
from consumers.directory.live import LiveDirectory
from consumers.sender.app import SenderApp
from deploy.demo.recording import Change, Scenario
from deploy.demo.replay import Replay
from deploy.demo.verifier.collect import rows
from deploy.demo.verifier.evidence import Evidence, MessageRow, PhoneLine, Seen
from formatter.render import render
from provider.api import Abilities, Accepted, Address, Health, ReceiptEvent, Rendered, Result
from schemas.clock import ManualClock
from schemas.codec import decoder
from schemas.config import (
    Parameters,
    StaticConfig,
)
from schemas.reasons import Ignored
from schemas.records import OutboxEntry, Outcome, Window
from schemas.topics import Cell
from tests.isolated.capture import insert
from tests.isolated.cast import SOURCE, Cast
from tests.isolated.driver import Driver

START_MS = 1_800_000_000_000
PAUSE_MS = 3_600_000
AT_MOST_MS = 6 * 3_600_000
UNCAPPED = Parameters(ticket_cap=1_000_000, agent_cap=1_000_000)
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
    """What came of a scenario. `messages`: ticket/id -> told, suppressed or ignored; `notices`: agent -> texts."""

    messages: dict[str, dict[str, Any]]
    notices: dict[str, int]
    texts: dict[str, list[str]]
    evidence: Evidence


class Arm:
    """Plays scenarios, in recorded order, over one database.

    Args:
        replay: writes the recorded rows.
        dsn: of the same database, for the live look-ups.
        cast: who is who.
        runner: runs look-ups and sends.
        machine: parameters of both machines.
        restarts: restart both machines after each commit.
        flavours: how rows are told apart; another one makes a control arm.
    """

    def __init__(
        self,
        replay: Replay,
        dsn: str,
        cast: Cast,
        runner: asyncio.Runner,
        *,
        machine: Parameters = UNCAPPED,
        restarts: bool = False,
        flavours: Callable[[str], Flavour] = flavour,
    ) -> None:
        self._replay = replay
        self._dsn = dsn
        self._cast = cast
        self._runner = runner
        self._restarts = restarts
        self._flavours = flavours
        self._config = cast.config(machine)
        self._clock = ManualClock(START_MS)
        self._directory = LiveDirectory(self._where, timeout_s=20.0)
        self._lsn = 0

    def _where(self, source: str) -> tuple[str, str] | None:
        return ("ticketz", self._dsn) if source == SOURCE else None

    def close(self) -> None:
        """Close the look-ups' connections."""
        self._runner.run(self._directory.close())

    def play(self, *scenarios: Scenario) -> Played:
        """Play scenarios with fresh machines, then let time pass until nothing waits any more."""
        phones = Phones(self._clock)
        driver = Driver(self._apps(phones), self._clock, self._runner, restarts=self._restarts)
        start_ms = self._clock.advance(PAUSE_MS)
        messages: dict[str, dict[str, Any]] = {}
        for scenario in scenarios:
            for due_ms, transaction in self._replay.steps(scenario, self._clock.now_ms()):
                driver.run_until(round(due_ms))
                self._replay.apply(transaction)
                for change in transaction.changes:
                    if change.table == "Messages" and change.op == "c":
                        self._insert(driver, change, messages)
        self._rest(driver)
        self._judge(driver, messages)
        texts: dict[str, list[str]] = defaultdict(list)
        for line in phones.lines:
            texts[self._cast.by_number(line.phone)].append(line.text)
        notices = {agent: len(lines) for agent, lines in sorted(texts.items())}
        created = list(rows(SOURCE, self._dsn, start_ms))
        return Played(messages, notices, dict(texts), _evidence(driver, created, phones))

    def _apps(self, phones: Phones) -> list[Any]:
        def config() -> StaticConfig:
            return self._config

        sender = SenderApp(
            CELL, config, self._directory, lambda _: phones, render, "test", Random(1), clock=self._clock
        )
        return [CoalescerApp(CELL, config, "test", self._flavours), sender]

    def _insert(self, driver: Driver, change: Change, messages: dict[str, dict[str, Any]]) -> None:
        row = self._replay.row(change)
        self._lsn += 1
        key, value = insert(flavour("ticketz"), SOURCE, row, self._clock.now_ms(), self._lsn)
        before = _ignored()
        driver.produce(CELL.messages, key, value)
        reasons = [reason for reason, times in _ignored().items() if times > before[reason]]
        if reasons or not row["fromMe"]:
            messages[f"{row['ticketId']}/{row['id']}"] = {"ignored": str(reasons[0])} if reasons else {}

    def _rest(self, driver: Driver) -> None:
        end_ms = self._clock.now_ms() + AT_MOST_MS
        while _waits(driver):
            due_ms = driver.next_due_ms()
            assert due_ms is not None, "something waits, but no timer would wake it"
            assert due_ms <= end_ms, "something still waits after hours"
            driver.run_until(max(due_ms, self._clock.now_ms()))

    def _judge(self, driver: Driver, messages: dict[str, dict[str, Any]]) -> None:
        told: dict[str, set[str]] = defaultdict(set)
        suppressed: dict[str, set[str]] = defaultdict(set)
        for record in driver.topics[CELL.outcomes]:
            outcome = _outcome.decode(record.value or b"")
            for ref in outcome.message_refs:
                message = ref.split("/", 1)[1]
                if outcome.kind == "sent" and outcome.agent:
                    told[message].add(self._cast.of(outcome.agent))
                elif outcome.kind in {"suppressed", "dead"}:
                    suppressed[message].add(outcome.reason or outcome.kind)
        for message, said in messages.items():
            if told[message]:
                said["told"] = sorted(told[message])
            if suppressed[message]:
                said["suppressed"] = "+".join(sorted(suppressed[message]))


def _ignored() -> dict[str, float]:
    name, value = "recado_ignored_total", REGISTRY.get_sample_value
    return {reason: value(name, {"source": SOURCE, "reason": str(reason)}) or 0.0 for reason in Ignored}


def _waits(driver: Driver) -> bool:
    windows = (_window.decode(raw) for _, raw in driver.apps["coalescer"].state())
    if any(window.pending for window in windows):
        return True
    entries = ((key, _entry.decode(raw)) for key, raw in driver.apps["sender"].state() if key[:2] in {"e/", "u/"})
    return any(key[0] == "u" or entry.phase in {"HELD", "SENDING", "UNKNOWN"} for key, entry in entries)


def _evidence(driver: Driver, created: list[MessageRow], phones: Phones) -> Evidence:
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
    )

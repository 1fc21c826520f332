"""Watches a cell's topics like any other consumer and keeps the numbers of the live table."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from consumers.runtime.kafka import reader_config
from schemas import codec
from schemas.errors import Recoverable
from schemas.records import Alert, AlertsRecord, OutboxEntry, Outcome, Window
from schemas.settings import KafkaSettings
from schemas.topics import Cell

log = structlog.get_logger(__name__)

META = b"__meta__"
ALIVE = frozenset({"UNRESOLVED", "HELD", "SENDING", "UNKNOWN"})
_outcome = codec.decoder(Outcome)
_alert: "msgspec.json.Decoder[AlertsRecord]" = msgspec.json.Decoder(AlertsRecord)
_window = codec.decoder(Window)
_entry = codec.decoder(OutboxEntry)


@dataclass
class Tally:
    """What has been seen so far. Times are the milliseconds of `sent` outcomes without waits on purpose."""

    rows: int = 0
    admitted: int = 0
    alerts: int = 0
    notices: set[str] = field(default_factory=set)
    told: int = 0
    suppressed: Counter[str] = field(default_factory=Counter)
    holds: Counter[str] = field(default_factory=Counter)
    dead: int = 0
    moved: int = 0
    latency_ms: list[int] = field(default_factory=list)
    windows: dict[bytes, int] = field(default_factory=dict)
    entries: dict[bytes, str] = field(default_factory=dict)
    initialised: int = 0

    @property
    def pending(self) -> int:
        """Messages in windows, and alerts or notices that still wait for somebody or something."""
        return sum(self.windows.values()) + len(self.entries)


class Tail:
    """A thread that reads committed records of a cell from the beginning; `tally` is safe to look at any time."""

    def __init__(self, settings: KafkaSettings, cell: Cell, partitions: int) -> None:
        self.tally = Tally()
        self._partitions = partitions
        self._apply = {
            cell.messages: self._message,
            cell.alerts: self._alerts,
            cell.outcomes: self._outcome,
            cell.coalescer_changelog: self._window,
            cell.sender_changelog: self._entry,
        }
        self._reader = Consumer(reader_config(settings, f"{cell.prefix}watch"))
        self._assigned = [TopicPartition(topic, p, 0) for topic in self._apply for p in range(partitions)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tail", daemon=True)
        self.failure: str | None = None

    def start(self) -> None:
        """Begin to read."""
        self._reader.list_topics(timeout=10)
        self._reader.assign(self._assigned)
        self._thread.start()

    def wait_for_roles(self, deadline_s: float) -> None:
        """Wait until both roles have initialised every partition of their state.

        Raises:
            Recoverable: RCD-706, they have not in time.
        """
        deadline = time.monotonic() + deadline_s
        while self.tally.initialised < 2 * self._partitions:
            if time.monotonic() > deadline:
                raise Recoverable("RCD-706", "coalescer and sender are not ready; see: recado status")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the thread and close the reader."""
        self._stop.set()
        self._thread.join(10)
        self._reader.close()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                for message in self._reader.consume(500, 0.1):
                    if message.error() is not None:
                        continue
                    topic, value = message.topic() or "", message.value()
                    self._apply[topic](message.key() or b"", value)
        except KafkaException as error:
            self.failure = str(error)
            log.warning("the watcher lost Kafka", error=str(error))

    def _message(self, _key: bytes, _value: bytes | None) -> None:
        self.tally.rows += 1

    def _alerts(self, _key: bytes, value: bytes | None) -> None:
        if value is not None and isinstance(_alert.decode(value), Alert):
            self.tally.alerts += 1

    def _outcome(self, _key: bytes, value: bytes | None) -> None:
        if value is None:
            return
        outcome, tally = _outcome.decode(value), self.tally
        count = len(outcome.message_refs)
        if outcome.kind == "sent":
            tally.told += count
            if outcome.notification_id is not None:
                tally.notices.add(outcome.notification_id)
            waits = _work_ms(outcome)
            if waits is not None:
                tally.latency_ms.append(waits)
        elif outcome.kind == "suppressed":
            tally.suppressed[outcome.reason or "?"] += count
        elif outcome.kind == "dead":
            tally.dead += count
        elif outcome.kind == "moved":
            tally.moved += count
        elif outcome.kind == "held":
            tally.holds[outcome.reason or "?"] += 1

    def _window(self, key: bytes, value: bytes | None) -> None:
        if key == META:
            self.tally.initialised += 1
            return
        waiting = 0 if value is None else len(_window.decode(value).pending)
        if waiting:
            self.tally.windows[key] = waiting
        else:
            self.tally.windows.pop(key, None)

    def _entry(self, key: bytes, value: bytes | None) -> None:
        if key == META:
            self.tally.initialised += 1
        if key[:2] not in (b"e/", b"u/"):
            return
        phase = "" if value is None else _entry.decode(value).phase
        if phase in ALIVE:
            self.tally.entries[key] = phase
        else:
            self.tally.entries.pop(key, None)


def _work_ms(outcome: Outcome) -> int | None:
    """Time from the row's commit to the provider's acceptance, less the window (waited on purpose)."""
    times: tuple[Any, ...] = (outcome.created_ms, outcome.admitted_ms, outcome.fired_ms)
    if None in times or "shadow" in outcome.flags:
        return None
    created, admitted, fired = times
    return int((admitted - created) + (outcome.at_ms - fired))


def settled(tail: Tail, quiet_s: float, deadline_s: float) -> bool:
    """Wait until nothing is pending and nothing has changed for `quiet_s`; False when `deadline_s` passes first."""
    deadline = time.monotonic() + deadline_s
    last, since = (-1, -1, -1), time.monotonic()
    while time.monotonic() < deadline:
        tally = tail.tally
        now = (tally.rows, tally.alerts, tally.told + sum(tally.suppressed.values()))
        if now != last or tally.pending:
            last, since = now, time.monotonic()
        elif time.monotonic() - since >= quiet_s:
            return True
        time.sleep(0.1)
    return False

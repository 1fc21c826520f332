"""`python -m tests.chaos.launcher [switches] coalescer|sender`: a role with one guard missing, or with a fault.

Production code has no switch for any of this: the launcher replaces one function before the role starts.

    --without offsets       a transaction of timers alone carries no offsets, so the group does not fence it
    --without lease         HTTP starts however old its marker is
    --without told_to       other entries of an alert do not learn who was told
    --without stream_time   seen ids and repetitions are judged by the wall clock
    --without replay        an aborted transaction's write sets are dropped
    --without staying       an aborted transaction ends the process, instead of being written again by it
    --hold POINT:FILE       once, at `fire`, `marker`, `http` or `answer`, write FILE and wait until it is gone:
                            time for a signal
    --abort-every N         every Nth transaction is aborted after all its records were produced
    --abort-sent            so is the first that says of a notice that it was sent; not in later lives
    --clock-ahead-ms N      the role's clock runs ahead
"""

import argparse
import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Producer, TopicPartition

import admin.roles
from consumers.coalescer.seen import HighWater
from consumers.runtime import transaction
from consumers.runtime.kafka import Abortable
from consumers.runtime.restore import META_KEY
from consumers.runtime.task import WriteSet
from consumers.runtime.transaction import Transactor
from consumers.sender import births
from consumers.sender.app import SenderApp
from consumers.sender.work import Send
from schemas.clock import SystemClock
from schemas.errors import Exit
from schemas.settings import Settings

FOREVER_MS = 10**12
HOLD_S = 20.0


def without_offsets() -> None:
    """The same as `Guards(offsets_in_timer_transactions=False)`, but for a partition's very first transaction.

    Without an offset in that one a successor refuses to start, and an arm that stops proves nothing.
    """
    offsets = Transactor._offsets

    def consumed(self: Transactor, sets: Sequence[WriteSet]) -> list[TopicPartition]:
        return offsets(self, [s for s in sets if s.consumed or any(key == META_KEY for key, _ in s.changes)])

    replace(Transactor, "_offsets", consumed)


def without_lease() -> None:
    perform = SenderApp.perform

    async def performed(self: SenderApp, work: Any) -> Any:
        return await perform(
            self, dataclasses.replace(work, lease_ms=FOREVER_MS) if isinstance(work, Send) else work
        )

    replace(SenderApp, "perform", performed)


def without_told_to() -> None:
    replace(births, "tell_siblings", lambda *_: None)


def without_stream_time() -> None:
    replace(
        HighWater, "is_replay", lambda _, __, ts_ms, now_ms, parameters, ___: ts_ms < now_ms - parameters.seen_keep
    )
    replace(HighWater, "advance", lambda _, __, ___, now_ms: now_ms)


def without_replay() -> None:
    attempt = Transactor._attempt

    def once(self: Transactor, sets: Any, consumer: Any) -> None:
        try:
            attempt(self, sets, consumer)
        except Abortable:
            self._abort()

    replace(Transactor, "_attempt", once)


def without_staying() -> None:
    attempt = Transactor._attempt

    def or_exit(self: Transactor, sets: Any, consumer: Any) -> None:
        try:
            attempt(self, sets, consumer)
        except Abortable:
            self._abort()
            os._exit(Exit.BUG)

    replace(Transactor, "_attempt", or_exit)


SWITCHES: dict[str, Callable[[], None]] = {
    "offsets": without_offsets,
    "lease": without_lease,
    "told_to": without_told_to,
    "stream_time": without_stream_time,
    "replay": without_replay,
    "staying": without_staying,
}


def replace(owner: Any, name: str, new: Any) -> None:
    """Put a function in another's place; a name that is gone would make a control arm pass for nothing."""
    assert hasattr(owner, name), f"{owner} has no {name} any more"
    setattr(owner, name, new)


class Hold:
    """A place where the role waits, once, so that a signal from outside meets it exactly there."""

    def __init__(self, file: Path) -> None:
        self._file: Path | None = file

    def here(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        file.touch()
        deadline = time.monotonic() + HOLD_S
        while file.exists() and time.monotonic() < deadline:
            time.sleep(0.001)


def hold_fire(hold: Hold) -> None:
    """Between a due timer and its transaction."""
    commit = Transactor.commit

    def committed(self: Transactor, sets: Any, consumer: Any, poll: Any) -> Any:
        if any(s.outputs and not s.consumed for s in sets):
            hold.here()
        return commit(self, sets, consumer, poll)

    replace(Transactor, "commit", committed)


def hold_http(hold: Hold) -> None:
    """Between a durable marker and its HTTP request."""
    perform = SenderApp.perform

    async def performed(self: SenderApp, work: Any) -> Any:
        if isinstance(work, Send):
            hold.here()
        return await perform(self, work)

    replace(SenderApp, "perform", performed)


def hold_answer(hold: Hold) -> None:
    """Between the provider's answer and the transaction that would write it down."""
    perform = SenderApp.perform

    async def performed(self: SenderApp, work: Any) -> Any:
        done = await perform(self, work)
        if isinstance(work, Send):
            hold.here()
        return done

    replace(SenderApp, "perform", performed)


def hold_marker(hold: Hold) -> None:
    """Between an answered look-up and the transaction with the marker."""
    commit = Transactor.commit

    def committed(self: Transactor, sets: Any, consumer: Any, poll: Any) -> Any:
        if any(isinstance(work, Send) for s in sets for work in s.after):
            hold.here()
        return commit(self, sets, consumer, poll)

    replace(Transactor, "commit", committed)


POINTS = {"fire": hold_fire, "http": hold_http, "answer": hold_answer, "marker": hold_marker}


class AbortingProducer:
    """A producer some of whose commits are refused, with all records of the transaction in the log."""

    def __init__(self, producer: Any, every: int, sent: bool) -> None:
        self._producer, self._every, self._commits = producer, every, 0
        self._sent, self._has_sent = sent, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def produce(self, topic: str, value: bytes | None = None, *others: Any, **options: Any) -> None:
        self._has_sent |= topic.endswith("outcomes") and b'"kind":"sent"' in (value or b"")
        self._producer.produce(topic, value, *others, **options)

    def commit_transaction(self, timeout_s: float) -> None:
        self._commits += 1
        told, self._has_sent = self._has_sent, False
        if (self._every and self._commits % self._every == 0) or (self._sent and told):
            self._sent = self._sent and not told
            assert self._producer.flush(timeout_s) == 0
            raise Abortable("chaos", "refused on purpose")
        self._producer.commit_transaction(timeout_s)


def abort(every: int, sent: bool) -> None:
    replace(transaction, "Producer", lambda config: AbortingProducer(Producer(config), every, sent))


def clock_ahead(ms: int) -> None:
    now_ms = SystemClock.now_ms
    replace(SystemClock, "now_ms", lambda self: now_ms(self) + ms)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--without", action="append", default=[], choices=sorted(SWITCHES))
    parser.add_argument("--hold", default=None)
    parser.add_argument("--abort-every", type=int, default=0)
    parser.add_argument("--abort-sent", action="store_true")
    parser.add_argument("--clock-ahead-ms", type=int, default=0)
    parser.add_argument("role", choices=sorted(admin.roles.WIRINGS))
    asked = parser.parse_args()
    if asked.hold:
        point, _, file = asked.hold.partition(":")
        POINTS[point](Hold(Path(file)))
    if asked.abort_every or asked.abort_sent:
        abort(asked.abort_every, asked.abort_sent)
    if asked.clock_ahead_ms:
        clock_ahead(asked.clock_ahead_ms)
    for name in asked.without:
        SWITCHES[name]()
    admin.roles.run(asked.role, Settings.load())


if __name__ == "__main__":
    main()

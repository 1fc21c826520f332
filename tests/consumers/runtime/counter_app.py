"""A thirty-line application of the runtime: counts records per key, tells the count a moment after the last one.

    input  key "k" ──▶ state {"count", "due_ms"} ──(quiet for `settle_ms`)──▶ output key "k", value {"k", "ids"}

Run as a process: `python -m tests.consumers.runtime.counter_app BOOTSTRAP PREFIX ORDINAL SETTLE_MS guard|noguard`.
"""

import signal
import sys
from typing import Any

import msgspec

from consumers.runtime.api import Due, Effect, Emit, Event, Record, Store, Undecodable
from consumers.runtime.transaction import Guards
from consumers.runtime.worker import Worker
from schemas.settings import KafkaSettings, LogSettings, Timings

FAST = Timings(
    commit_ms=3000, transaction_ms=4000, session_ms=6000, max_poll_ms=20_000, tick_ms=50, idle_poll_ms=50
)


class Count(msgspec.Struct):
    due_ms: int | None
    ids: list[str]


class _Due(msgspec.Struct):
    due_ms: int | None


class CounterApp:
    """Each record's value is an id; the ids of a burst leave together, exactly once."""

    name = "counter"
    state_format = 1

    def __init__(self, prefix: str, settle_ms: int = 200) -> None:
        self.input_topic, self.changelog_topic = f"{prefix}.in", f"{prefix}.changelog"
        self.output_topic, self.dead_letter_topic = f"{prefix}.out", f"{prefix}.dlq"
        self.settle_ms = settle_ms
        self._encoder, self._decoder = msgspec.json.Encoder(), msgspec.json.Decoder(Count)
        self._peek = msgspec.json.Decoder(_Due)

    def processor(self, partition: int, partitions: int) -> "CounterApp":
        return self

    def restored(self, store: Store[Count], now_ms: int) -> list[Effect]:
        return []

    def handle(self, event: Event, store: Store[Count], now_ms: int) -> list[Effect]:
        if isinstance(event, Record):
            if event.key is None or event.value is None:
                raise Undecodable("no_key", "a record needs a key and a value")
            key = event.key.decode()
            state = store.get(key) or Count(None, [])
            state.ids.append(event.value.decode())
            state.due_ms = now_ms + self.settle_ms
            store.put(key, state)
            return []
        if isinstance(event, Due):
            found = store.get(event.key)
            assert found is not None
            store.delete(event.key)
            return [Emit(self.output_topic, event.key.encode(), msgspec.json.encode(found.ids))]
        return []

    def encode(self, value: Count) -> bytes:
        return self._encoder.encode(value)

    def decode(self, key: str, raw: bytes) -> Count:
        return self._decoder.decode(raw)

    def due_ms(self, value: Count) -> int | None:
        return value.due_ms

    def peek_due_ms(self, key: str, raw: bytes) -> int | None:
        return self._peek.decode(raw).due_ms

    def dead_letter(self, record: Record, error: Undecodable, now_ms: int) -> Emit:
        headers = [*record.headers, ("dlq.error.code", error.code.encode())]
        return Emit(
            self.dead_letter_topic, record.key, record.value, headers, record.partition, record.timestamp_ms
        )

    async def perform(self, work: Any) -> Any:
        return work


def main(argv: list[str]) -> None:
    from consumers.runtime.logs import configure

    bootstrap, prefix, ordinal, settle, guard = argv
    configure(LogSettings(format="json"), ordinal=ordinal)
    worker = Worker(
        CounterApp(prefix, int(settle)),
        KafkaSettings(bootstrap=bootstrap),
        FAST,
        f"{prefix}.group",
        int(ordinal),
        guards=Guards(offsets_in_timer_transactions=guard == "guard"),
    )
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    worker.run()


if __name__ == "__main__":
    main(sys.argv[1:])

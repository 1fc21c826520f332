"""An application whose records become attempts: marked, performed after the commit, their answers written down.

input value "id" ──▶ state {"marked"} + AfterCommit(id) ──▶ (perform) ──▶ output "id:ok" or "id:never", state gone
"""

import asyncio
import threading
from typing import Any

from consumers.runtime.api import (
    AfterCommit,
    Answer,
    Ask,
    ConfigChanged,
    Effect,
    Emit,
    Event,
    NeverStarted,
    Record,
    Store,
)
from tests.consumers.runtime.counter_app import Count, CounterApp


class SendingApp(CounterApp):
    """Attempts wait until `open` is set, or end after `seconds`; `began` lists them in their order."""

    def __init__(self, prefix: str, seconds: float | None = None, *, asks: bool = False) -> None:
        super().__init__(prefix)
        self.open = threading.Event()
        self.began: list[str] = []
        self.changes: list[int] = []
        self._seconds, self._asks = seconds, asks

    def handle(self, event: Event, store: Store[Count], now_ms: int) -> list[Effect]:
        if isinstance(event, Record):
            assert event.value is not None
            name = event.value.decode()
            if name == "poison":
                message = "a bug in the rules"
                raise ZeroDivisionError(message)
            store.put(name, Count(None, ["marked"]))
            return [Ask(name) if self._asks else AfterCommit(name)]
        if isinstance(event, Answer):
            if store.get(event.work) is None:
                return []
            store.delete(event.work)
            word = "never" if isinstance(event.error, NeverStarted) else "ok"
            return [Emit(self.output_topic, event.work.encode(), f'["{event.work}:{word}"]'.encode())]
        if isinstance(event, ConfigChanged):
            self.changes.append(now_ms)
        return []

    async def perform(self, work: Any) -> Any:
        self.began.append(work)
        if self._seconds is not None:
            await asyncio.sleep(self._seconds)
        else:
            while not self.open.is_set():
                await asyncio.sleep(0.005)
        return work

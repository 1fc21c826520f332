"""The coalescer as an application of the runtime: rows in; alerts, retractions, commands and outcomes out."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from cdc.flavours.api import Flavour
from cdc.flavours.registry import flavour
from consumers.coalescer.emission import Emission, Ticket
from consumers.coalescer.pipeline import Pipeline
from consumers.coalescer.seen import HighWater, SeenIds
from consumers.coalescer.settings import Rules
from consumers.coalescer.window import Due, step
from consumers.dlq.letters import undecodable
from consumers.runtime.api import Due as TimerDue
from consumers.runtime.api import Effect, Emit, Event, Record, Store, Undecodable
from schemas.codec import decoder, encode
from schemas.config import ConfigView
from schemas.errors import Fatal
from schemas.records import WINDOW_FORMAT, Window
from schemas.topics import Cell


class _Peek(msgspec.Struct, tag_field="v", tag=WINDOW_FORMAT):
    due_ms: int


class _Version(msgspec.Struct):
    v: int = 0


_decode_window = decoder(Window).decode
_decode_peek = decoder(_Peek).decode
_decode_version = decoder(_Version).decode


class CoalescerApp:
    """`consumers.runtime.api.App` over `Window`s, state key `source/ticket`.

    Args:
        cell: whose topics.
        config: returns the settings in force; called for each record, so it must cost nothing.
        app_version: written into outcomes and dead letters.
        flavours: finds a flavour by its name.
    """

    name = "coalescer"
    state_format = WINDOW_FORMAT

    def __init__(
        self,
        cell: Cell,
        config: Callable[[], ConfigView],
        app_version: str,
        flavours: Callable[[str], Flavour] = flavour,
    ) -> None:
        self.cell = cell
        self.config = config
        self.app_version = app_version
        self.flavours = flavours
        self.input_topic = cell.messages
        self.changelog_topic = cell.coalescer_changelog
        self.dead_letter_topic = cell.cdc_dlq

    def processor(self, partition: int, partitions: int) -> "CoalescerProcessor":
        """Return a fresh processor for one input partition."""
        return CoalescerProcessor(self, partition)

    def encode(self, value: Window) -> bytes:
        """Encode a window."""
        return encode(value)

    def decode(self, key: str, raw: bytes) -> Window:
        """Decode a window.

        Raises:
            Fatal: RCD-205 when a release wrote it that this one does not know.
        """
        try:
            return _decode_window(raw)
        except msgspec.DecodeError as error:
            raise _unknown_version(key, raw) from error

    def due_ms(self, value: Window) -> int | None:
        """Return when the window is due; every window is, some time."""
        return value.due_ms

    def peek_due_ms(self, key: str, raw: bytes) -> int | None:
        """Return the same, decoding nothing else."""
        try:
            return _decode_peek(raw).due_ms
        except msgspec.DecodeError as error:
            raise _unknown_version(key, raw) from error

    def dead_letter(self, record: Record, error: Undecodable, now_ms: int) -> Emit:
        """Return the record for `cdc.dlq`: key, value, timestamp, partition and headers as they were."""
        return undecodable(
            record, error, self.dead_letter_topic, group=self.cell.coalescer_group, stage=self.name,
            app_version=self.app_version, now_ms=now_ms,
        )  # fmt: skip

    async def perform(self, work: Any) -> Any:
        """Never called: the coalescer asks nobody."""
        raise NotImplementedError


class CoalescerProcessor:
    """The rules of the coalescer for one input partition; `consumers.runtime.api.Processor`."""

    def __init__(self, app: CoalescerApp, partition: int) -> None:
        self._rules = Rules(app.config, app.flavours)
        self._seen = SeenIds()
        self._high_water = HighWater()
        self._emission = Emission(app.cell, partition, app.app_version)
        self._pipeline = Pipeline(self._rules, self._seen, self._high_water, self._emission)

    def restored(self, store: Store[Window], now_ms: int) -> Sequence[Effect]:
        """Nothing: the stream's high-water is read from the store when it first matters."""
        return ()

    def handle(self, event: Event, store: Store[Window], now_ms: int) -> Sequence[Effect]:
        """Apply a record or a timer; swapped settings count at the next event by themselves.

        Raises:
            Undecodable: the record is no change event of a source of ours.
        """
        if isinstance(event, Record):
            return self._pipeline.take(event, store, now_ms)
        if isinstance(event, TimerDue):
            return self._due(event.key, store, now_ms)
        return ()

    def _due(self, key: str, store: Store[Window], now_ms: int) -> Sequence[Effect]:
        window = store.get(key)
        if window is None or window.due_ms > now_ms:
            return ()
        name, _, ticket_id = key.partition("/")
        tenant = self._rules.tenant(name, window.company_id)
        event = Due(tenant.off, tenant.disabled_at_ms, self._high_water.of(name))
        after, effects = step(window, event, now_ms, tenant.machine)
        if after is None:
            self._seen.forget(key)
            store.delete(key)
            return ()
        store.put(key, after)
        return self._emission.effects(Ticket(name, int(ticket_id), after.company_id, tenant), effects, now_ms)


def _unknown_version(key: str, raw: bytes) -> Fatal:
    try:
        version = _decode_version(raw).v
    except msgspec.DecodeError:
        return Fatal("RCD-205", f"the window of {key} is not readable as state of any version")
    return Fatal("RCD-205", f"the window of {key} has version {version}, this release knows {WINDOW_FORMAT}")

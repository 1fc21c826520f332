"""The sender as an application of the runtime: codecs, metrics, and the only code here that touches the world."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import msgspec
import structlog

from consumers.directory.api import Directory, DirectoryDown, LiveTicket
from consumers.dlq.letters import undecodable
from consumers.runtime.api import Emit, Record, Undecodable
from consumers.runtime.metrics import counter, histogram
from consumers.sender.keys import KINDS, State
from consumers.sender.limits import Limits
from consumers.sender.processor import SenderProcessor
from consumers.sender.quiet import quiet_end
from consumers.sender.release import Quiet
from consumers.sender.turn import Fixed, Turn
from consumers.sender.work import NotStarted, Reported, Resolve, Send, Sent, Tell
from formatter.api import Notice, Text
from provider.api import Accepted, ChoosesIds, Provider, Rejected, Rendered, Result, Unknown
from schemas.clock import Clock, SystemClock
from schemas.codec import decoder, encode
from schemas.config import ChannelConfig, ConfigView
from schemas.errors import Fatal, RecadoError
from schemas.reasons import Rejection
from schemas.records import FORMAT, OutboxEntry
from schemas.topics import Cell

log = structlog.get_logger(__name__)

TELL_S = 5.0
TIMED_PHASES = frozenset({"UNRESOLVED", "SENT", "DEAD"})
"""Entries in other phases wait with their agent's outbox, which has the timer."""

_decoders: dict[str, "msgspec.json.Decoder[Any]"] = {letter: decoder(kind) for letter, kind in KINDS.items()}


class _Peek(msgspec.Struct):
    phase: str = ""
    due_ms: int | None = None


_peek = decoder(_Peek)


class SenderApp:
    """`consumers.runtime.api.App` of the sender.

    Args:
        cell: names of topics and groups.
        config: returns the settings in force; cheap, called for every event.
        directory: answers who is responsible, with live rows.
        provider: makes the provider of a channel; cheap and without I/O. May raise a `RecadoError` for a channel
            that is wrongly configured: its notices are held, no attempt is burnt.
        render: makes the text of a notice; pure.
        app_version: written into outcomes and dead letters.
        rng: source of jitter.
        clock: decides whether a marker is younger than its lease.
        limits: bounds of what is under way at once.
        quiet: quiet hours and holidays.
        render_opening: makes the parameters of a template that opens a conversation; pure.
        tell: writes into the recado database what was learnt of a number; blocks, and may raise.
    """

    name = "sender"
    state_format = FORMAT

    def __init__(
        self,
        cell: Cell,
        config: Callable[[], ConfigView],
        directory: Directory,
        provider: Callable[[ChannelConfig], Provider],
        render: Callable[[Notice], Text],
        app_version: str,
        rng: Random,
        *,
        clock: Clock | None = None,
        limits: Limits | None = None,
        quiet: Quiet = quiet_end,
        render_opening: Callable[[Notice], Sequence[str]] = lambda _: (),
        tell: Callable[[Tell], None] = lambda _: None,
    ) -> None:
        self.cell = cell
        self.input_topic = cell.alerts
        self.changelog_topic = cell.sender_changelog
        self.dead_letter_topic = cell.dlq
        self._config = config
        self._directory = directory
        self._make_provider = provider
        self._providers: dict[str, tuple[ChannelConfig, Provider]] = {}
        self._render = render
        self._app_version = app_version
        self._rng = rng
        self._clock = clock or SystemClock()
        self._limits = limits or Limits()
        self._quiet = quiet
        self._render_opening = render_opening
        self._tell = tell
        self._sends = asyncio.Semaphore(self._limits.process)

    def processor(self, partition: int, partitions: int) -> SenderProcessor:
        """Return a fresh processor for the partition."""
        fixed = Fixed(
            cell=self.cell,
            partition=partition,
            partitions=partitions,
            render=self._render,
            receipts=self.receipts,
            chance=self._rng.random,
            app_version=self._app_version,
            limits=self._limits,
            quiet=self._quiet,
            render_opening=self._render_opening,
            opens=self.opens,
            message_id=self.message_id,
        )
        return SenderProcessor(fixed, self._config, observe)

    def encode(self, value: State) -> bytes:
        """Encode a state value."""
        return encode(value)

    def decode(self, key: str, raw: bytes) -> State:
        """Decode a state value by the kind of its key.

        Raises:
            Fatal: RCD-205, another release wrote it.
        """
        found = _decoders.get(key[:1])
        if found is None:
            raise Fatal("RCD-205", f"state key {key[:1]!r}/… is of no kind that this release knows")
        try:
            value: State = found.decode(raw)
        except msgspec.DecodeError as error:
            raise Fatal("RCD-205", f"state value of kind {key[:1]!r} cannot be read: {error}") from error
        if value.v != FORMAT:
            raise Fatal(
                "RCD-205", f"state value of kind {key[:1]!r} has version {value.v}, this release reads {FORMAT}"
            )
        return value

    def due_ms(self, value: State) -> int | None:
        """Return when the value wants its `Due`."""
        if isinstance(value, OutboxEntry) and value.phase not in TIMED_PHASES:
            return None
        return value.due_ms

    def peek_due_ms(self, key: str, raw: bytes) -> int | None:
        """Return the same from the encoded value."""
        peeked = _peek.decode(raw)
        return peeked.due_ms if not peeked.phase or peeked.phase in TIMED_PHASES else None

    def dead_letter(self, record: Record, error: Undecodable, now_ms: int) -> Emit:
        """Return a foreign record of `alerts` as a dead letter, byte for byte, on the same partition number."""
        return undecodable(
            record, error, self.dead_letter_topic, group=self.cell.sender_group, stage=self.name,
            app_version=self._app_version, now_ms=now_ms,
        )  # fmt: skip

    def receipts(self, channel: ChannelConfig) -> bool:
        """Tell whether the channel's provider reports on what it accepted."""
        try:
            return self._provider(channel).abilities.receipts
        except RecadoError:
            return False

    def message_id(self, channel: ChannelConfig, notification_id: str) -> str | None:
        """Return the id under which the provider knows an attempt, where we choose it."""
        try:
            provider = self._provider(channel)
        except RecadoError:
            return None
        return provider.message_id(notification_id) if isinstance(provider, ChoosesIds) else None

    def opens(self, channel: ChannelConfig) -> bool:
        """Tell whether the channel's provider can open a conversation by a template."""
        try:
            return self._provider(channel).abilities.templates
        except RecadoError:
            return False

    async def perform(self, work: Any) -> Any:
        """Look up, send, or tell the recado database.

        Raises:
            DirectoryDown: the source gave no usable answer in time.
        """
        if isinstance(work, Resolve):
            return await self._resolve(work)
        if isinstance(work, Send):
            return await self._send(work)
        if isinstance(work, Tell):
            async with asyncio.timeout(TELL_S):
                await asyncio.to_thread(self._tell, work)
            return Reported()
        message = f"not a work of the sender: {work!r}"
        raise TypeError(message)

    async def _resolve(self, work: Resolve) -> Mapping[int, LiveTicket | None]:
        source = work.questions[0].source
        try:
            async with asyncio.timeout(work.timeout_ms / 1000):
                found = await asyncio.gather(*(self._directory.ticket(question) for question in work.questions))
        except TimeoutError as error:
            message = f"{source} did not answer in {work.timeout_ms} ms"
            raise DirectoryDown(message) from error
        return {question.ticket_id: ticket for question, ticket in zip(work.questions, found, strict=True)}

    async def _send(self, work: Send) -> Sent | NotStarted:
        async with self._sends:
            # A zombie that wakes up here has an old marker, and another owner may be sending by now.
            if self._clock.now_ms() - work.marked_ms >= work.lease_ms:
                return NotStarted()
            started = time.monotonic()
            result = await self._attempt(work)
            took = time.monotonic() - started
        histogram("recado_send_seconds").labels(work.channel.provider).observe(took)
        counter("recado_sends_total").labels(work.channel.provider, _label(result)).inc()
        return Sent(result, int(took * 1000))

    async def _attempt(self, work: Send) -> Result:
        try:
            provider = self._provider(work.channel)
        except RecadoError as error:
            return Rejected(Rejection.PERMANENT_CONFIG, error.code or "configuration")
        message = Rendered(work.body, work.template_id, work.language, work.opening)
        try:
            async with asyncio.timeout(work.timeout_ms / 1000 + 1):
                result = await provider.send(message, work.address, work.notification_id, work.timeout_ms / 1000)
        except TimeoutError:
            return Unknown("timeout")
        if isinstance(result, Rejected) and result.kind == Rejection.PERMANENT_CONFIG:
            # Its references are resolved anew for the next probe: a token that was renewed in its file is found.
            self._providers.pop(work.channel.channel_id, None)
        return result

    def _provider(self, channel: ChannelConfig) -> Provider:
        known = self._providers.get(channel.channel_id)
        if known is not None and known[0] == channel:
            return known[1]
        made = self._make_provider(channel)
        self._providers[channel.channel_id] = (channel, made)
        return made


def _label(result: Result) -> str:
    if isinstance(result, Accepted):
        return "accepted"
    return "unknown" if isinstance(result, Unknown) else str(result.kind)


def observe(turn: Turn) -> None:
    """Count a finished turn's outcomes."""
    for outcome in turn.outcomes:
        counter("recado_outcomes_total").labels(outcome.source, outcome.kind, outcome.reason or "").inc()
    for name, labels in turn.counts:
        counter(name).labels(*labels).inc()

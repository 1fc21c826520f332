"""A turn: everything that one event may read and change, and the effects that it has.

Values are read once, changed in place and written once at the end; indexes follow each change at once. Agents whose
outbox may have something to do are *woken* and attended after the event itself, so that no rule calls another's.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import structlog

from consumers.runtime.api import AfterCommit, Ask, Effect, Emit, Store
from consumers.sender import keys, outcomes
from consumers.sender.early import Early
from consumers.sender.index import Index
from consumers.sender.keys import State
from consumers.sender.limits import Allowed, Limits, Pairs, allowed
from consumers.sender.quiet import quiet_end
from consumers.sender.ready import Ready
from consumers.sender.release import Quiet, Release, Situation, release
from consumers.sender.work import Live
from formatter.api import Notice, Text
from schemas.codec import encode
from schemas.config import AgentConfig, ChannelConfig, ConfigView, TenantConfig
from schemas.phone import comparison_key
from schemas.reasons import Mode, Suppressed
from schemas.records import Channel, Header, Item, OutboxEntry, Outcome
from schemas.topics import Cell

log = structlog.get_logger(__name__)

RECENT = 20
MANY = 10
"""Of at least so many recent attempts of more than one agent half must have failed."""
IN_A_ROW = 3
"""So many failures of the gateway one after the other open the breaker: fewer than a notice has attempts."""

V = TypeVar("V", bound=State)


def _no_opening(_: Notice) -> Sequence[str]:
    return ()


def _opens_nothing(_: ChannelConfig) -> bool:
    return False


def _chooses_nothing(_channel: ChannelConfig, _notification_id: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Fixed:
    """What does not change while a partition is owned. `chance` returns a float in [0, 1).

    `receipts` tells whether a channel's provider reports on what it accepted, `opens` whether it can open a
    conversation by a template, whose parameters `render_opening` makes; `message_id` gives the id under which an
    attempt is known to its provider, where we choose it.
    """

    cell: Cell
    partition: int
    partitions: int
    render: Callable[[Notice], Text]
    receipts: Callable[[ChannelConfig], bool]
    chance: Callable[[], float]
    app_version: str = ""
    limits: Limits = field(default_factory=Limits)
    quiet: Quiet = quiet_end
    render_opening: Callable[[Notice], Sequence[str]] = _no_opening
    opens: Callable[[ChannelConfig], bool] = _opens_nothing
    message_id: Callable[[ChannelConfig, str], str | None] = _chooses_nothing


def phone_of(agent: AgentConfig) -> str:
    """Return what tells the agent's phone from others, however its number is written."""
    return _compared(agent.number or "") or agent.agent


_compared = lru_cache(maxsize=65_536)(comparison_key)


class Recent:
    """How a channel's latest attempts went. In memory only: after a restore a bad channel shows itself soon."""

    def __init__(self) -> None:
        self._results: deque[tuple[str, bool]] = deque(maxlen=RECENT)
        self._gateway = 0

    def note(self, agent: str, *, ok: bool, gateway: bool = False) -> bool:
        """Note a result; True when the breaker is to open."""
        self._results.append((agent, ok))
        self._gateway = self._gateway + 1 if gateway and not ok else 0
        if ok:
            return False
        failed = [who for who, good in self._results if not good]
        many = len(self._results) >= MANY and 2 * len(failed) >= len(self._results) and len(set(failed)) > 1
        return self._gateway >= IN_A_ROW or many


class Memory:
    """What a partition remembers between turns without writing it down."""

    def __init__(self, limits: Limits) -> None:
        self.index = Index()
        self.ready = Ready(limits)
        self.pairs = Pairs()
        self.early = Early()
        self.recent: dict[str, Recent] = {}
        """Channel -> how its latest attempts went."""
        self.asking: dict[str, int] = {}
        """Agent -> until when an answer about the agent's tickets is still expected."""
        self.blocked: dict[str, dict[str, None]] = {}
        """Channel -> agents that wait for its breaker; after a restore their timers do."""
        self.pauses: set[str] = set()
        """Keys of operators' pauses, without the leading `p/`."""


class Turn:
    """One event's view of the partition."""

    def __init__(self, fixed: Fixed, memory: Memory, store: Store[State], config: ConfigView, now_ms: int) -> None:
        self.fixed = fixed
        self.memory = memory
        self.index = memory.index
        self.ready = memory.ready
        self.config = config
        self.now_ms = now_ms
        self.effects: list[Effect] = []
        self.outcomes: list[Outcome] = []
        self.counts: list[tuple[str, tuple[str, ...]]] = []
        """Metrics to raise: name and labels."""
        self.awake: dict[str, Live | None] = {}
        self._store = store
        self._seen: dict[str, State | None] = {}
        self._changed: dict[str, None] = {}

    # ── state ─────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, key: str, kind: type[V]) -> V | None:
        """Return a value; the same object within this turn."""
        if key not in self._seen:
            self._seen[key] = self._store.get(key)
        value = self._seen[key]
        if value is not None and not isinstance(value, kind):
            message = f"{key} holds a {type(value).__name__}"
            raise TypeError(message)
        return value

    def put(self, key: str, value: State) -> None:
        """Write a value at the end of the turn."""
        self._seen[key] = value
        self._changed[key] = None
        if isinstance(value, OutboxEntry):
            self.index.note(key, value)

    def drop(self, key: str) -> None:
        """Delete a value at the end of the turn."""
        self._seen[key] = None
        self._changed[key] = None
        if key[0] in "eu":
            self.index.note(key, None)

    def finish(self) -> list[Effect]:
        """Write the changes to the store and return the effects."""
        for key in self._changed:
            value = self._seen[key]
            if value is None:
                self._store.delete(key)
            else:
                self._store.put(key, value)
        return self.effects

    def entry(self, key: str) -> OutboxEntry | None:
        """Return an entry."""
        return self.get(key, OutboxEntry)

    def entries(self, found: Iterable[str]) -> list[tuple[str, OutboxEntry]]:
        """Return the entries of these keys that are present, oldest message first."""
        pairs = [(key, entry) for key in found if (entry := self.entry(key)) is not None]
        return sorted(pairs, key=lambda pair: (pair[1].first_ms, pair[1].received_ms, pair[0]))

    def held(self, agent: str) -> list[tuple[str, OutboxEntry]]:
        """Return the agent's HELD entries, oldest message first."""
        return self.entries(self.index.held(agent))

    def header(self, agent: str) -> Header:
        """Return the agent's outbox, a new one when there is none yet (not written until it is put)."""
        key = keys.header(agent)
        found = self.get(key, Header)
        if found is None:
            found = Header()
            self._seen[key] = found
        return found

    def outboxes(self) -> list[str]:
        """Return every agent who has an outbox in the store, empty ones too; walks through everything."""
        everything = self._store.keys()
        return [key[2:] for key in everything if key.startswith("o/")]

    def put_header(self, agent: str, header: Header) -> None:
        """Write the agent's outbox."""
        self.put(keys.header(agent), header)

    def channel(self, channel_id: str) -> Channel:
        """Return the channel's state, a closed one when there is none yet."""
        return self.get(keys.channel(channel_id), Channel) or Channel()

    # ── settings ──────────────────────────────────────────────────────────────────────────────────────────

    def tenant_of(self, agent: str) -> TenantConfig:
        """Return the rules of the agent's tenant."""
        return self.config.tenant(agent.partition("/")[0], keys.company_of(agent))

    def pauses(self, agent: str, tenant: TenantConfig) -> list[str]:
        """Return the operators' pauses that apply to the agent."""
        names = (
            f"lane/{tenant.lane or tenant.tenant}",
            f"tenant/{tenant.tenant}",
            f"agent/{agent}",
            f"channel/{tenant.channel_id}",
        )
        return [name for name in names if name in self.memory.pauses]

    def opens(self, channel_id: str | None) -> bool:
        """Tell whether the channel's provider can open a conversation by a template."""
        channel = self.config.channel(channel_id or "")
        return channel is not None and self.fixed.opens(channel)

    def allowed(self, channel_id: str) -> Allowed:
        """Return the channel's limits."""
        return allowed(self.config.channel(channel_id))

    def receipts(self, channel_id: str) -> bool:
        """Tell whether the channel's provider reports on what it accepted."""
        channel = self.config.channel(channel_id)
        return channel is not None and self.fixed.receipts(channel)

    def release(self, agent: str, me: AgentConfig, tenant: TenantConfig) -> Release:
        """Return when the agent may be disturbed next."""
        channel = None
        if tenant.mode == Mode.SHADOW:
            channel = Channel()  # nothing leaves, so nothing is missing or broken
        elif tenant.channel_id is not None and self.config.channel(tenant.channel_id) is not None:
            channel = self.channel(tenant.channel_id)
        pair_ms = self.memory.pairs.next_ms(tenant.channel_id or "", phone_of(me), self.now_ms)
        situation = Situation(self.header(agent), me, tenant, channel, self.pauses(agent, tenant), pair_ms)
        return release(situation, self.now_ms, self.fixed.quiet)

    # ── effects ───────────────────────────────────────────────────────────────────────────────────────────

    def wake(self, agent: str, live: Live | None = None) -> None:
        """Attend to the agent's outbox before this turn ends, with an answer that is at hand."""
        self.awake[agent] = live or self.awake.get(agent)

    def ask(self, work: Any) -> None:
        """Start a look-up."""
        self.effects.append(Ask(work))

    def after_commit(self, work: Any) -> None:
        """Start work once this turn's changes are durable."""
        self.effects.append(AfterCommit(work))

    def emit(self, emit: Emit) -> None:
        """Produce a record."""
        self.effects.append(emit)

    def count(self, name: str, *labels: str) -> None:
        """Raise a metric by one."""
        self.counts.append((name, labels))

    def outcome(
        self, kind: outcomes.Kind, key: str, entry: OutboxEntry, items: Sequence[Item] | None = None, **details: Any
    ) -> None:
        """Write down what became of the entry's items (all of them by default)."""
        concerned = entry.items if items is None else items
        shared = {"config_version": self.config.version, "app_version": self.fixed.app_version}
        for outcome in outcomes.build(kind, key, entry, concerned, self.now_ms, **shared, **details):
            self.outcomes.append(outcome)
            self.emit(Emit(self.fixed.cell.outcomes, outcomes.topic_key(outcome), encode(outcome)))

    def suppress(
        self, key: str, entry: OutboxEntry, reason: Suppressed, items: Sequence[Item] | None = None, **details: Any
    ) -> bool:
        """End these items of the entry (all by default) as suppressed; an empty entry goes. True if it is gone."""
        ended = entry.items if items is None else list(items)
        if ended or not entry.items:
            if ended:
                self.outcome("suppressed", key, entry, ended, reason=str(reason), **details)
            gone = {item.message_ref for item in ended}
            entry.items = [item for item in entry.items if item.message_ref not in gone]
            if not entry.items:
                self.drop(key)
                return True
            self.put(key, entry)
        return False

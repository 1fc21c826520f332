"""Many tenants, channels and agents around one partition of the sender, in virtual time.

Where `World` does all work at once, here look-ups and HTTP take as long as told, as discrete events.
"""

import heapq
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cdc.flavours.api import LiveRow, LiveTicket
from consumers.runtime.api import AfterCommit, Answer, Ask, Due, Effect, Emit, Event, Record
from consumers.sender.keys import State
from consumers.sender.limits import Limits
from consumers.sender.processor import SenderProcessor
from consumers.sender.turn import Fixed
from consumers.sender.work import NotStarted, Reported, Resolve, Send, Sent, Tell
from formatter.api import Notice, Text
from provider.api import Accepted, Rejected, Result, Unknown
from schemas.codec import decoder, encode
from schemas.config import (
    AgentConfig,
    ChannelConfig,
    Parameters,
    Snapshot,
    SourceConfig,
    StaticConfig,
    TenantConfig,
)
from schemas.reasons import Mode, Rejection
from schemas.records import Alert, AlertsRecord, Control, Item, OutboxEntry, Outcome, Scope
from schemas.topics import Cell
from tests.consumers.sender import laws

START = 1_795_000_000_000
CELL = Cell("test")
TIMED = {"UNRESOLVED", "SENT", "DEAD"}
PLAIN = Parameters(release_spread=0, pair_interval=0, agent_cap=0)
LOOK_UP_MS = 20
_outcomes = decoder(Outcome)

Gateway = Callable[[Send, int], tuple[int, Result]]
"""A channel's gateway: (send, now_ms) -> after how long it answers what."""


def working(latency_ms: int = 300) -> Gateway:
    return lambda send, _: (latency_ms, Accepted(f"wamid.{send.notification_id}"))


def hanging(send: Send, _now_ms: int) -> tuple[int, Result]:
    return send.timeout_ms, Unknown("timeout")


def refusing(kind: Rejection, after_ms: int = 5, retry_after_ms: int | None = None) -> Gateway:
    return lambda *_: (after_ms, Rejected(kind, str(kind), retry_after_ms=retry_after_ms, scope="gateway"))


def until(end_ms: int, before: Gateway, after: Gateway) -> Gateway:
    return lambda send, now_ms: (before if now_ms < end_ms else after)(send, now_ms)


class Objects:
    """A store of objects with a heap of due times, as the runtime's."""

    def __init__(self) -> None:
        self.data: dict[str, State] = {}
        self.due: dict[str, int] = {}
        self.heap: list[tuple[int, str]] = []

    def get(self, key: str) -> State | None:
        return self.data.get(key)

    def put(self, key: str, value: State) -> None:
        self.data[key] = value
        waits = not isinstance(value, OutboxEntry) or value.phase in TIMED
        due = value.due_ms if waits else None
        if due is None:
            self.due.pop(key, None)
        elif self.due.get(key) != due:
            self.due[key] = due
            heapq.heappush(self.heap, (due, key))

    def delete(self, key: str) -> None:
        self.data.pop(key, None)
        self.due.pop(key, None)

    def keys(self) -> Iterable[str]:
        return list(self.data)

    def next(self) -> tuple[int, str] | None:
        while self.heap and self.due.get(self.heap[0][1]) != self.heap[0][0]:
            heapq.heappop(self.heap)
        return self.heap[0] if self.heap else None


@dataclass(frozen=True)
class Shown:
    """A notice that arrived: when, for whom, and how long its oldest message had waited."""

    at_ms: int
    agent: str
    waited_ms: int


@dataclass(frozen=True)
class Shop:
    """A tenant with its channel and agents."""

    company: int
    agents: int = 1
    gateway: Gateway | None = None
    rate_per_minute: int | None = 0
    weight: int = 1
    quiet: str | None = None


class Simulation:
    """One partition with these shops. `alert` lets a customer of a shop write to one of its agents."""

    def __init__(self, shops: Sequence[Shop], *, limits: Limits | None = None, machine: Parameters = PLAIN) -> None:
        self.gateways = {f"c{shop.company}": shop.gateway or working() for shop in shops}
        # A rate of 0 cannot be stored; the sandbox has none.
        provider = {True: "sandbox", False: "evolution"}
        config = Snapshot(
            version=1,
            enabled=True,
            sources=(SourceConfig("s", "ticketz"),),
            tenants=tuple(
                TenantConfig(
                    f"s/{shop.company}", Mode.ON, lane=f"s/{shop.company}", channel_id=f"c{shop.company}",
                    machine=machine, zone="UTC", quiet_hours=shop.quiet,
                )
                for shop in shops
            ),
            agents=tuple(
                AgentConfig(
                    f"s/{shop.company}/{user}", number=f"+55119{shop.company:03d}{user:05d}",
                    verified=True, notify_on_new_message=True,
                )
                for shop in shops
                for user in range(1, shop.agents + 1)
            ),
            channels=tuple(
                ChannelConfig(
                    f"c{shop.company}", provider[shop.rate_per_minute == 0],
                    rate_per_minute=shop.rate_per_minute or None, weight=shop.weight,
                )
                for shop in shops
            ),
        )  # fmt: skip
        self.config = StaticConfig(config)
        self.limits = limits or Limits()
        self.now_ms = START
        self.store = Objects()
        self.shown: list[Shown] = []
        self.http: list[tuple[int, str]] = []
        self.outcomes: list[Outcome] = []
        self.admitted: list[str] = []
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._seq = START
        self._since: dict[str, int] = {}
        self._rows: dict[int, tuple[int, int, list[LiveRow]]] = {}
        self._offset = 0
        self.chance = itertools.cycle((0.1, 0.7, 0.3, 0.9, 0.5))
        self.start()

    def start(self) -> None:
        """Start, or start again after a crash: what is under way answers nobody any more."""
        self._events = []
        fixed = Fixed(
            cell=CELL, partition=0, partitions=1, render=lambda notice: Text(_body(notice), "t"),
            receipts=lambda _: False, chance=lambda: next(self.chance), limits=self.limits,
        )  # fmt: skip
        self.processor = SenderProcessor(fixed, lambda: self.config)
        self._apply(self.processor.restored(self.store, self.now_ms))

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────

    def alert(self, company: int, user: int, ticket: int | None = None) -> None:
        """Let a customer write to this agent."""
        self._seq += 1
        number = ticket if ticket is not None else self._seq - START
        row_id = f"m{self._seq}"
        item = Item(f"s/{number}/{row_id}", row_id, self._seq, self.now_ms, self.now_ms)
        rows = self._rows.setdefault(number, (company, user, []))[2]
        rows.append(LiveRow(row_id, "text", "oi", self.now_ms, read=False, deleted=False))
        self._since[item.message_ref] = self.now_ms
        self.admitted.append(item.message_ref)
        self.record(
            Alert(
                alert_id=f"{self._seq:032x}", lane=f"s/{company}", source="s", ticket_id=number, company_id=company,
                alert_no=1, reason="lead", items=[item], first_ms=self.now_ms, fired_ms=self.now_ms,
            )
        )  # fmt: skip

    def control(self, action: Any, company: int) -> None:
        scope = Scope(channel=f"c{company}")
        self.record(Control(lane=f"s/{company}", action=action, scope=scope, by="test", at_ms=self.now_ms))

    def record(self, record: AlertsRecord) -> None:
        self._offset += 1
        self._handle(Record(CELL.alerts, 0, self._offset, self.now_ms, b"k", encode(record)))

    def at(self, at_ms: int, happens: Callable[[], None]) -> None:
        """Let something happen then."""
        heapq.heappush(self._events, (at_ms, next(self._order), happens))

    def run(self, ms: int) -> None:
        """Let time pass."""
        end = self.now_ms + ms
        while True:
            due = self.store.next()
            event = self._events[0] if self._events else None
            at_ms = min(due[0] if due else end + 1, event[0] if event else end + 1)
            if at_ms > end:
                break
            self.now_ms = max(self.now_ms, at_ms)
            if event is not None and event[0] == at_ms:
                heapq.heappop(self._events)[2]()
            elif due is not None:
                heapq.heappop(self.store.heap)
                self.store.due.pop(due[1], None)
                self._handle(Due(due[1]))
                value = self.store.get(due[1])
                if value is not None and due[1] not in self.store.due and value.due_ms == due[0]:
                    self.at(self.now_ms + 1_000, lambda key=due[1]: self._handle(Due(key)))  # type: ignore[misc]
        self.now_ms = end

    # ── work ──────────────────────────────────────────────────────────────────────────────────────────────

    def _handle(self, event: Event) -> None:
        self._apply(self.processor.handle(event, self.store, self.now_ms))

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Emit):
                if effect.topic == CELL.outcomes and effect.value is not None:
                    self._outcome(_outcomes.decode(effect.value))
                continue
            assert isinstance(effect, Ask | AfterCommit)
            work = effect.work
            if isinstance(work, Resolve):
                self.at(self.now_ms + LOOK_UP_MS, lambda w=work: self._look_up(w))  # type: ignore[misc]
            elif isinstance(work, Send):
                self._send(work)
            else:
                assert isinstance(work, Tell)
                self.at(self.now_ms, lambda w=work: self._handle(Answer(w, Reported())))  # type: ignore[misc]

    def _look_up(self, work: Resolve) -> None:
        found = {}
        for question in work.questions:
            company, user, rows = self._rows[question.ticket_id]
            found[question.ticket_id] = LiveTicket(
                source="s", ticket_id=question.ticket_id, company_id=company, status="open", is_group=False,
                user_id=user, queue_id=None, queue_name=None, queue_members=(), admins=(), chatbot=False,
                menu=False,
                contact_name="Maria", contact_number="5511900001111", number=str(question.ticket_id),
                link_path=None, rows={row.row_id: row for row in rows if row.row_id in question.row_ids},
            )  # fmt: skip
        self._handle(Answer(work, found))

    def _send(self, work: Send) -> None:
        if self.now_ms - work.marked_ms >= work.lease_ms:
            self._handle(Answer(work, NotStarted()))
            return
        self.http.append((self.now_ms, work.agent))
        after_ms, result = self.gateways[work.channel.channel_id](work, self.now_ms)
        self.at(self.now_ms + after_ms, lambda: self._handle(Answer(work, Sent(result, after_ms))))

    def _outcome(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if outcome.kind == "sent" and outcome.agent is not None:
            oldest = min(self._since[ref] for ref in outcome.message_refs)
            self.shown.append(Shown(self.now_ms, outcome.agent, self.now_ms - oldest))

    # ── what one asks afterwards ──────────────────────────────────────────────────────────────────────────

    def ends(self) -> dict[tuple[str, str | None], int]:
        """Return how many messages ended how."""
        found: dict[tuple[str, str | None], int] = {}
        for outcome in self.outcomes:
            if outcome.kind in {"sent", "suppressed", "dead"}:
                key = outcome.kind, outcome.reason
                found[key] = found.get(key, 0) + len(outcome.message_refs)
        return found

    def waited(self, companies: Iterable[int]) -> list[int]:
        """Return how long notices of these shops took, sorted."""
        of = {f"s/{company}" for company in companies}
        return sorted(shown.waited_ms for shown in self.shown if shown.agent.rpartition("/")[0] in of)

    def check(self) -> None:
        """Assert the laws."""
        laws.check(self.admitted, self.outcomes, self.store.data)


def _body(notice: Notice) -> str:
    return ", ".join(ticket.number for ticket in notice.tickets)


def p99(values: Sequence[int]) -> int:
    """Return the 99th percentile of sorted values."""
    return values[min(len(values) - 1, len(values) * 99 // 100)]

"""A small world around the sender's core: a directory, phones, time, crashes. No broker, no HTTP, no sleep."""

import dataclasses
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cdc.flavours.api import LiveRow, LiveTicket
from consumers.directory.api import DirectoryDown
from consumers.runtime.api import AfterCommit, Answer, Ask, ConfigChanged, Due, Effect, Emit, Event, Record
from consumers.runtime.murmur2 import partition
from consumers.sender import keys
from consumers.sender.keys import KINDS, State
from consumers.sender.limits import Limits
from consumers.sender.processor import SenderProcessor
from consumers.sender.quiet import quiet_end
from consumers.sender.release import Quiet
from consumers.sender.turn import Fixed
from consumers.sender.work import NotStarted, Reported, Resolve, Send, Sent, Tell
from formatter.api import Notice, Text
from provider.api import Accepted, Rejected, Result
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
from schemas.identity import address_hash
from schemas.reasons import Rejection
from schemas.records import Alert, AlertsRecord, Header, Item, OutboxEntry, Outcome
from schemas.topics import Cell
from tests.consumers.sender import laws
from tests.consumers.sender.laws import Duty

START = 1_795_000_000_000
CELL = Cell("test")
PARTITIONS = 4
LANE = "vps1/1"
AT_ONCE = Parameters(release_spread=0)
"""So that tests can say when a night ends; how agents spread is a test of its own."""
HOME = partition(LANE.encode(), PARTITIONS)
TIMED = {"UNRESOLVED", "SENT", "DEAD"}
_outcomes = decoder(Outcome)
_alerts = decoder(Alert)


def agent(user: int) -> str:
    return f"{LANE}/{user}"


def agent_config(user: int, **changes: Any) -> AgentConfig:
    made = AgentConfig(
        agent=agent(user),
        name=f"Agent {user}",
        number=f"+55119{user:08d}",
        verified=True,
        notify_on_new_message=True,
    )
    return msgspec.structs.replace(made, **changes)


def snapshot(**changes: Any) -> Snapshot:
    made = Snapshot(
        version=1,
        enabled=True,
        sources=(SourceConfig("vps1", "ticketz"),),
        tenants=(TenantConfig(LANE, mode="on", name="Loja Sol", lane=LANE, channel_id="main", machine=AT_ONCE),),  # type: ignore[arg-type]
        agents=tuple(agent_config(user) for user in (1, 2, 3, 4, 5)),
        channels=(ChannelConfig("main", "sandbox"),),
    )
    return msgspec.structs.replace(made, **changes)


class ByteStore:
    """A store that forgets every object: what was not put is lost, as after a crash."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.due: dict[str, int] = {}
        self._decoders = {letter: decoder(kind) for letter, kind in KINDS.items()}

    def get(self, key: str) -> State | None:
        raw = self.data.get(key)
        return None if raw is None else self._decoders[key[0]].decode(raw)

    def put(self, key: str, value: State) -> None:
        self.data[key] = encode(value)
        self.due.pop(key, None)
        waits = not isinstance(value, OutboxEntry) or value.phase in TIMED
        if waits and value.due_ms is not None:
            self.due[key] = value.due_ms

    def delete(self, key: str) -> None:
        self.data.pop(key, None)
        self.due.pop(key, None)

    def keys(self) -> Iterable[str]:
        return list(self.data)


@dataclass
class Seen:
    """What a phone received."""

    at_ms: int
    agent: str
    notification_id: str
    body: str
    address: str


@dataclass
class Reply:
    """What happens to one attempt. `lost`: the answer never comes back; `seen`: the phone shows it."""

    result: Result | None = None
    seen: bool = True
    lost: bool = False


def accepted(identity: str) -> Reply:
    return Reply(Accepted(f"wamid.{identity}"))


def rejected(kind: Rejection, code: str = "x", retry_after_ms: int | None = None) -> Callable[[str], Reply]:
    return lambda _: Reply(Rejected(kind, code, retry_after_ms=retry_after_ms), seen=False)


@dataclass
class World:
    """Everything around one partition of the sender."""

    config: Snapshot = field(default_factory=snapshot)
    quiet: Quiet = quiet_end
    templates: bool = False
    receipts: bool = False
    chooses_ids: bool = False
    chance: float = 0.5
    limits: Limits = field(default_factory=Limits)
    home: int = HOME

    def __post_init__(self) -> None:
        self.now_ms = START
        self.store = ByteStore()
        self.tickets: dict[int, LiveTicket] = {}
        self.directory_down = False
        self.replies: deque[Callable[[str], Reply]] = deque()
        self.reply: Callable[[str], Reply] = accepted
        self.effects: list[Effect] = []
        self.asked: deque[Resolve] = deque()
        self.sends: deque[Send] = deque()
        self.marked: deque[Send] = deque()
        self.outcomes: list[Outcome] = []
        self.dead: list[Alert] = []
        self.dead_emits: list[Emit] = []
        self.forwarded: list[Alert] = []
        self.phones: list[Seen] = []
        self.sightings: Counter[Duty] = Counter()
        self.admitted: list[str] = []
        self.notices: list[Notice] = []
        self.tells: deque[Tell] = deque()
        self.told: list[Tell] = []
        self.database_down = False
        self.counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.seq = START
        self.offset = 0
        self.auto = True
        self._start()

    # ── the process ───────────────────────────────────────────────────────────────────────────────────────

    def _start(self) -> None:
        fixed = Fixed(
            cell=CELL,
            partition=self.home,
            partitions=PARTITIONS,
            render=self._render,
            receipts=lambda _: self.receipts,
            chance=lambda: self.chance,
            app_version="test",
            limits=self.limits,
            quiet=self.quiet,
            render_opening=lambda notice: [self._render(notice).body.replace("\n", " • ")],
            opens=lambda _: self.templates,
            message_id=lambda _, attempt: f"wamid.{attempt}" if self.chooses_ids else None,
        )
        self.processor = SenderProcessor(
            fixed, lambda: StaticConfig(self.config), lambda turn: self.counts.update(turn.counts)
        )
        self._apply(self.processor.restored(self.store, self.now_ms))

    def crash(self) -> None:
        """Lose everything but the state: work under way, answers, indexes."""
        self.asked.clear()
        self.sends.clear()
        self.marked.clear()
        self.tells.clear()
        self._start()
        self.settle()

    def _render(self, notice: Notice) -> Text:
        self.notices.append(notice)
        lines = [f"#{t.number}: " + " / ".join(m.body or "?" for m in t.messages) for t in notice.tickets]
        return Text("\n".join(lines), notice.template)

    def handle(self, event: Event) -> None:
        self._apply(self.processor.handle(event, self.store, self.now_ms))

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self.effects.append(effect)
            if isinstance(effect, Ask):
                self.asked.append(effect.work)
            elif isinstance(effect, AfterCommit):
                (self.tells if isinstance(effect.work, Tell) else self.marked).append(effect.work)
            else:
                self._emitted(effect)

    def _emitted(self, emit: Emit) -> None:
        assert emit.value is not None
        if emit.topic == CELL.outcomes:
            self.outcomes.append(_outcomes.decode(emit.value))
        elif emit.topic == CELL.dlq:
            self.dead.append(_alerts.decode(emit.value))
            self.dead_emits.append(emit)
        else:
            assert emit.topic == CELL.alerts
            self.forwarded.append(_alerts.decode(emit.value))

    # ── work ──────────────────────────────────────────────────────────────────────────────────────────────

    def settle(self) -> None:
        """Do all work that is under way, at once; nothing when the test drives it by hand."""
        while self.auto and (self.asked or self.marked or self.tells):
            self.step()

    def step(self) -> None:
        """Do one piece of work."""
        if self.asked:
            self.answer(self.asked.popleft())
        elif self.marked:
            self.send(self.marked.popleft())
        elif self.tells:
            self.tell(self.tells.popleft())

    def tell(self, work: Tell) -> None:
        """Let the recado database learn of a number, and everybody of that."""
        self.told.append(work)
        if self.database_down:
            self.handle(Answer(work, error=TimeoutError()))
            return
        changes: dict[str, Any] = {"suspended_at_ms": work.suspended_ms}
        if work.address is not None:
            changes = {"address": work.address, "address_source": work.source}
        self.config = msgspec.structs.replace(
            self.config,
            version=self.config.version + 1,
            agents=tuple(
                msgspec.structs.replace(a, **changes)
                if a.agent == work.agent and address_hash(a.number or "") == work.number_hash
                else a
                for a in self.config.agents
            ),
        )
        self.handle(Answer(work, Reported()))
        self.handle(ConfigChanged())

    def answer(self, work: Resolve) -> None:
        if self.directory_down:
            self.handle(Answer(work, error=DirectoryDown("down")))
            return
        found = {}
        for question in work.questions:
            ticket = self.tickets.get(question.ticket_id)
            if ticket is not None:
                rows = {i: row for i, row in ticket.rows.items() if i in question.row_ids}
                ticket = _replace(ticket, rows=rows)
            found[question.ticket_id] = ticket
        self.handle(Answer(work, found))

    def send(self, work: Send) -> None:
        if self.now_ms - work.marked_ms >= work.lease_ms:
            self.handle(Answer(work, NotStarted()))
            return
        duties = self._duties(work)
        reply = (self.replies.popleft() if self.replies else self.reply)(work.notification_id)
        if reply.seen:
            self.phones.append(Seen(self.now_ms, work.agent, work.notification_id, work.body, work.address.value))
            self.sightings.update(duties)
        if not reply.lost:
            assert reply.result is not None
            self.handle(Answer(work, Sent(reply.result, 7)))

    def _duties(self, work: Send) -> list[Duty]:
        header = self.store.get(keys.header(work.agent))
        assert isinstance(header, Header)
        assert header.sending is not None, "HTTP without a durable marker"
        assert header.sending.notification_id == work.notification_id
        duties = []
        for alert_id in header.sending.alert_ids:
            entry = self.store.get(keys.entry(work.agent, alert_id))
            if isinstance(entry, OutboxEntry):
                duties += [Duty(item.message_ref, work.agent, entry.hop) for item in entry.items]
        return duties

    # ── time ──────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, ms: int) -> None:
        """Let time pass, with timers at their time."""
        end = self.now_ms + ms
        self.settle()
        while True:
            due = min(((at_ms, key) for key, at_ms in self.store.due.items()), default=None)
            if due is None or due[0] > end:
                break
            self.now_ms = max(self.now_ms, due[0])
            self.handle(Due(due[1]))
            self.settle()
            if self.store.due.get(due[1]) == due[0]:  # unchanged: the runtime would fire it again a second later
                self.now_ms += 1_000
        self.now_ms = max(self.now_ms, end)

    # ── what happens in the world ─────────────────────────────────────────────────────────────────────────

    def ticket(self, number: int = 7, **changes: Any) -> LiveTicket:
        """Create or change a ticket of the living world."""
        old = self.tickets.get(number) or LiveTicket(
            source="vps1",
            ticket_id=number,
            company_id=1,
            status="open",
            is_group=False,
            user_id=1,
            queue_id=None,
            queue_name=None,
            queue_members=(),
            admins=(5,),
            chatbot=False,
            menu=False,
            contact_name="Maria",
            contact_number="5511900001111",
            number=str(number),
            link_path=f"/tickets/{number}",
        )
        self.tickets[number] = _replace(old, **changes)
        return self.tickets[number]

    def row(self, ref: str, **changes: Any) -> None:
        """Change a row."""
        _, number, row_id = ref.split("/", 2)
        ticket = self.tickets.get(int(number))
        rows = dict(ticket.rows) if ticket is not None else {}
        if row_id not in rows:
            return  # gone with its ticket
        rows[row_id] = _replace(rows[row_id], **changes)
        self.ticket(int(number), rows=rows)

    def items(self, number: int = 7, texts: Iterable[str] = ("oi",)) -> list[Item]:
        """Let a customer write."""
        made = []
        ticket = self.tickets.get(number) or self.ticket(number)
        rows = dict(ticket.rows)
        for text in texts:
            self.seq += 1
            row_id = f"m{self.seq - START}"
            rows[row_id] = LiveRow(row_id, "text", text, self.now_ms, read=False, deleted=False)
            made.append(Item(f"vps1/{number}/{row_id}", row_id, self.seq, self.now_ms, self.now_ms))
        self.ticket(number, rows=rows)
        return made

    def alert(self, number: int = 7, *texts: str, extra: Sequence[Item] = (), **changes: Any) -> Alert:
        """Let a customer write and the coalescer tell of it, of `extra` too; returns the alert."""
        alert = self.alert_later(number, *texts, extra=extra, **changes)
        self.tell_of(alert)
        return alert

    def tell_of(self, alert: Alert) -> None:
        """Let the coalescer tell of what was gathered."""
        self.admitted += [item.message_ref for item in alert.items]
        self.record(msgspec.structs.replace(alert, fired_ms=self.now_ms))

    def alert_later(self, number: int = 7, *texts: str, extra: Sequence[Item] = (), **changes: Any) -> Alert:
        """Let a customer write; the coalescer gathers."""
        items = [*extra, *self.items(number, texts or ("oi",))]
        alert = Alert(
            alert_id=f"{items[0].seq:032x}",
            lane=LANE,
            source="vps1",
            ticket_id=number,
            company_id=1,
            alert_no=1,
            reason="lead",
            items=items,
            first_ms=self.now_ms,
            fired_ms=self.now_ms,
        )
        return msgspec.structs.replace(alert, **changes)

    def record(self, record: AlertsRecord) -> None:
        """Put a record on topic `alerts`."""
        self.offset += 1
        self.handle(Record(CELL.alerts, self.home, self.offset, self.now_ms, LANE.encode(), encode(record)))
        self.settle()

    def configure(self, **changes: Any) -> None:
        """Change settings, and let the sender know."""
        self.config = msgspec.structs.replace(self.config, version=self.config.version + 1, **changes)
        self.handle(ConfigChanged())
        self.settle()

    def tenant(self, **changes: Any) -> None:
        """Change the tenant's settings; `machine` as a dict of parameters."""
        old = self.config.tenants[0]
        machine = changes.pop("machine", {})
        changed = msgspec.structs.replace(
            old, machine=msgspec.structs.replace(old.machine, **machine) if machine else old.machine, **changes
        )
        self.configure(tenants=(changed,))

    def agent(self, user: int, **changes: Any) -> None:
        """Change an agent's preferences."""
        agents = tuple(
            msgspec.structs.replace(a, **changes) if a.agent == agent(user) else a for a in self.config.agents
        )
        self.configure(agents=agents)

    # ── what one asks afterwards ──────────────────────────────────────────────────────────────────────────

    def state(self) -> dict[str, Any]:
        return {key: self.store.get(key) for key in list(self.store.data)}

    def header(self, user: int = 1) -> Header:
        found = self.store.get(keys.header(agent(user)))
        assert isinstance(found, Header)
        return found

    def entry(self, alert: Alert, user: int = 1) -> OutboxEntry | None:
        found = self.store.get(keys.entry(agent(user), alert.alert_id))
        assert found is None or isinstance(found, OutboxEntry)
        return found

    def story(self, *, info: bool = False) -> list[tuple[str, int | None, str | None]]:
        """Return (kind, user, reason) of every outcome; `info` with held, attempt and receipt."""
        return [
            (o.kind, int(o.agent.rpartition("/")[2]) if o.agent else None, o.reason)
            for o in self.outcomes
            if info or o.kind not in {"held", "attempt", "receipt"}
        ]

    def check(self) -> None:
        """Assert all laws."""
        state = self.state()
        laws.check(self.admitted, self.outcomes, state)
        laws.check_phones(self.sightings, self.outcomes, state)


def _replace(value: Any, **changes: Any) -> Any:
    return dataclasses.replace(value, **changes)


def machine(**changes: int) -> Parameters:
    return msgspec.structs.replace(Parameters(), **changes)

"""A slow and plain coalescer, written from the design's table and not from the code, to compare the code with.

It keeps everything that ever happened: nothing is forgotten but by an explicit rule, and each rule is spelled out.
One source, one tenant, ticketz rows.
"""

from dataclasses import dataclass, field

from schemas.config import Parameters
from schemas.identity import alert_id

HOUR = 3_600_000
AHEAD = 300_000


@dataclass
class Message:
    ref: str
    seq: int
    created: int
    admitted: int


@dataclass
class Ticket:
    """`memory` is every admitted row with the stream's time at its admission. Times are None until they happen."""

    phase: str
    due: int
    memory: dict[str, int] = field(default_factory=dict)
    last_seq: int = 0
    waiting: list[Message] = field(default_factory=list)
    burst_began: int = 0
    last_customer: int = 0
    last_alert: int = 0
    window: tuple[int, int] = (0, 0)
    window_end: int = 0
    level: int = 0
    told_since_answer: int = 0
    alerts: int = 0
    hour: tuple[int, int] = (0, 0)
    horizon: int = 0
    more: int = 0


Out = tuple[object, ...]


class Reference:
    """`row` and `timers` return what must come out: tuples of alert, suppressed, retraction or ignored."""

    def __init__(self, parameters: Parameters, source: str = "wpp") -> None:
        self.p = parameters
        self.source = source
        self.off = False
        self.disabled_at = 0
        self.tickets: dict[int, Ticket] = {}
        self.stream_time = 0
        self.stream_time_is_whole = True

    # ── rows ──────────────────────────────────────────────────────────────────────────────────────────────

    def row(
        self, person: str, ticket: int, waid: str, created: int, ts: int, now: int, *, sweep: bool = False
    ) -> list[Out]:
        if self.off:
            return [("ignored", "mode_off")]
        if person == "bot":
            return []
        ref = f"{self.source}/{ticket}/{waid}"
        t = self.tickets.get(ticket)
        if t is not None and ref in t.memory:
            return [("ignored", "duplicate")]
        self._look_back(ts, now, sweep=sweep)
        if ts < self.stream_time - self.p.seen_keep and not sweep:
            return [("ignored", "replay")]
        if ts > self.stream_time:
            self.stream_time = max(self.stream_time, min(ts, now + AHEAD))
        created = min(created, now)
        message = Message(ref, max(t.last_seq + 1 if t else 0, now), created, now)
        if person == "customer" and now - created > self.p.max_age:
            out = self._only_remember(ticket, now) or [("suppressed", "stale", (ref,))]
        elif person == "customer":
            out = self._customer(ticket, message, now)
        elif person == "human":
            out = self._human(ticket, message, now)
        else:
            out = self._undecided(ticket, now)
        t = self.tickets[ticket]
        t.last_seq = message.seq
        # Right after a restart the ticket itself may know the stream's time better.
        known = max(self.stream_time, self.last_mark(t))
        t.memory = {r: mark for r, mark in t.memory.items() if mark >= known - self.p.seen_keep}
        t.memory[ref] = known
        return out

    def _look_back(self, ts: int, now: int, *, sweep: bool) -> None:
        """After a restart the stream's time is read from the tickets, when an old row asks for it."""
        del sweep
        if not self.stream_time_is_whole and ts < now + AHEAD - self.p.seen_keep:
            self.stream_time_is_whole = True
            self.stream_time = max([self.stream_time, *(self.last_mark(t) for t in self.tickets.values())])

    def restart(self) -> None:
        self.stream_time = 0
        self.stream_time_is_whole = False

    @staticmethod
    def last_mark(t: Ticket) -> int:
        return max(t.memory.values(), default=0)

    def _only_remember(self, ticket: int, now: int) -> list[Out]:
        if ticket not in self.tickets:
            self.tickets[ticket] = Ticket("STUB", now + self.p.seen_keep)
        return []

    def _customer(self, ticket: int, m: Message, now: int) -> list[Out]:
        t = self.tickets.get(ticket)
        if t is None:
            t = self.tickets[ticket] = Ticket("STUB", now)
        if m.created < t.horizon - self.p.late_grace:
            return [("suppressed", "answered", (m.ref,))]
        silence, t.last_customer = now - t.last_customer, now
        if t.phase == "STUB":
            if silence > self.p.reset_after:
                t.level = 0
            t.phase, t.waiting, t.burst_began = "SETTLING", [m], now
            t.due = now + self.p.settle
            return []
        if len(t.waiting) == self.p.max_pending:
            t.more += 1
            return [("suppressed", "folded", (m.ref,))]
        t.waiting.append(m)
        full = len(t.waiting) >= self.p.max_items
        if t.phase == "SETTLING":
            t.due = now if full else min(now + self.p.settle, t.burst_began + self.p.max_settle)
        else:
            began, level = t.window
            t.window_end = min(t.window_end, began + self.length(level))
            t.due = t.window_end
            if full:
                t.due = min(t.window_end, max(now, t.last_alert + self.p.window))
        return []

    def _human(self, ticket: int, m: Message, now: int) -> list[Out]:
        t = self.tickets.get(ticket)
        if t is None:
            self.tickets[ticket] = Ticket("STUB", now + self.p.seen_keep, horizon=m.created)
            return []
        out: list[Out] = []
        if t.waiting:
            out.append(("suppressed", "answered", tuple(x.ref for x in t.waiting)))
        if t.told_since_answer:
            out.append(("retraction", ticket, m.seq, m.ref))
        t.waiting, t.told_since_answer, t.more, t.level = [], 0, 0, 0
        t.horizon = max(t.horizon, m.created)
        t.phase, t.window = "GATHERING", (now, 0)
        t.due = t.window_end = now + self.length(0)
        return out

    def _undecided(self, ticket: int, now: int) -> list[Out]:
        t = self.tickets.get(ticket)
        if t is None:
            return self._only_remember(ticket, now)
        t.level = 0
        if t.phase == "GATHERING" and not t.waiting:
            if now + self.length(0) > t.window_end:
                t.window, t.window_end = (now, 0), now + self.length(0)
            t.due = t.window_end
        return []

    # ── timers ────────────────────────────────────────────────────────────────────────────────────────────

    def timers(self, now: int) -> list[Out]:
        out: list[Out] = []
        while due := sorted((t.due, n) for n, t in self.tickets.items() if t.due <= now):
            for _, number in due:
                out += self._due(number, now)
        return out

    def _due(self, number: int, now: int) -> list[Out]:
        t = self.tickets[number]
        if t.phase == "STUB":
            expired = self.stream_time > self.last_mark(t) + self.p.seen_keep
            if expired and now >= t.last_alert + self.p.reset_after:
                del self.tickets[number]
            else:
                t.due = now + self.p.seen_keep
            return []
        out: list[Out] = []
        lost = [m for m in t.waiting if self.off or m.admitted <= self.disabled_at]
        if lost:
            out.append(("suppressed", "tenant_disabled", tuple(m.ref for m in lost)))
            t.waiting = [m for m in t.waiting if m not in lost]
        if not t.waiting:
            t.phase, t.due, t.more = "STUB", now + self.p.seen_keep, 0
            return out
        hour_began, in_hour = t.hour
        if now >= hour_began + HOUR:
            hour_began, in_hour = now, 0
        t.hour = (hour_began, in_hour)
        if in_hour == self.p.ticket_cap:
            t.phase, t.window = "GATHERING", (hour_began + HOUR, t.window[1])
            t.due = t.window_end = hour_began + HOUR
            return out
        reason = "lead" if t.phase == "SETTLING" else "summary"
        t.alerts += 1
        refs = tuple(m.ref for m in t.waiting)
        identity = alert_id(self.source, number, t.waiting[0].seq)
        out.append(("alert", reason, number, t.alerts, identity, refs, t.more, t.level))
        t.waiting, t.more = [], 0
        t.told_since_answer += 1
        t.hour = (hour_began, in_hour + 1)
        t.last_alert = now
        t.phase, t.window = "GATHERING", (now, t.level)
        t.due = t.window_end = now + self.length(t.level)
        t.level += 1
        return out

    def length(self, level: int) -> int:
        length = self.p.window
        for _ in range(min(level, 64)):
            length = min(2 * length, self.p.max_window)
        return min(length, self.p.max_window)

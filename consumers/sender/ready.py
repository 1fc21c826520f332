"""Ready queues: who waits for a place on a channel, and who has one. In memory only; empty after a restore.

Within a channel the oldest message goes first. Between channels places are shared by deficit round robin: a channel
gets its weight's worth of places a round, so that a busy one never takes the others' turns. Nothing is ever
dropped: who has no place waits, and a timer in the state stands behind each wait.
"""

from collections import deque
from heapq import heappop, heappush

from consumers.sender.limits import BURST, Allowed, Bucket, Limits, interval_ms

__all__ = ["Limits", "Ready"]

_ANY = Allowed()


class _Queue:
    """The agents that wait for one channel, and the channel's own limits."""

    def __init__(self) -> None:
        self.waiting: dict[str, int] = {}
        """Agent -> when its oldest message came."""
        self.heap: list[tuple[int, str]] = []
        self.taken = 0
        self.bound: int | None = None
        self.allowed = _ANY
        self.bucket: Bucket | None = None
        self.deficit = 0
        self.woken: tuple[str, int] = ("", 0)
        """Whose timer fires when the next token is there, and when that is."""

    def limit(self, allowed: Allowed, now_ms: int) -> None:
        """Take the channel's limits; a changed rate starts anew."""
        if allowed == self.allowed:
            return
        if allowed.per_minute != self.allowed.per_minute:
            interval = interval_ms(allowed.per_minute) if allowed.per_minute else 0
            self.bucket = Bucket(interval, BURST, now_ms) if interval else None
        self.allowed = allowed

    def push(self, agent: str, since_ms: int) -> None:
        if self.waiting.get(agent) != since_ms:
            self.waiting[agent] = since_ms
            heappush(self.heap, (since_ms, agent))

    def pop(self) -> tuple[str, int] | None:
        """Return who waits with the oldest message, None when nobody waits."""
        while self.heap:
            since_ms, agent = heappop(self.heap)
            if self.waiting.get(agent) == since_ms:
                del self.waiting[agent]
                return agent, since_ms
        return None

    def first(self) -> str | None:
        """Return who would be popped."""
        while self.heap and self.waiting.get(self.heap[0][1]) != self.heap[0][0]:
            heappop(self.heap)
        return self.heap[0][1] if self.heap else None

    @property
    def idle(self) -> bool:
        return not self.waiting and not self.taken and self.bound is None and self.bucket is None


class Ready:
    """Places of one partition. A channel belongs to one lane, so its count here is exact."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places: dict[str, str] = {}
        self._spent: set[str] = set()
        self._called: dict[str, tuple[str, int]] = {}
        self._queues: dict[str, _Queue] = {}
        self._waits: dict[str, str] = {}
        self._ring: deque[str] = deque()

    def bound(self, channel_id: str, places: int | None) -> None:
        """Bound a channel for now (0 while its breaker is open, 1 while half open), None for the usual bound."""
        self._queue(channel_id).bound = places
        self._tidy(channel_id)

    def claim(
        self,
        agent: str,
        channel_id: str,
        now_ms: int = 0,
        allowed: Allowed = _ANY,
        since_ms: int = 0,
        *,
        alone: bool = True,
    ) -> bool:
        """Take a place on the channel with its token, or wait in its queue. An agent that has its place keeps it.

        Args:
            agent: who wants to leave.
            channel_id: through which.
            now_ms: for the channel's rate.
            allowed: the channel's limits.
            since_ms: when the agent's oldest message came; the oldest goes first.
            alone: nobody else is about to claim now, so that there is nobody to be compared with.
        """
        held = self._places.get(agent)
        if held == channel_id:
            return True
        if held is not None:
            self.free(agent)
        queue = self._queue(channel_id)
        queue.limit(allowed, now_ms)
        called = self._called.pop(agent, ("", 0))[0] == channel_id
        first = called or (alone and queue.waiting.keys() <= {agent} and not self._scarce())
        if not first or self._free(queue, now_ms) <= 0:
            self._wait(agent, channel_id, since_ms)
            return False
        self._leave(agent)
        if queue.bucket is not None:
            queue.bucket.take(now_ms)
        self._places[agent] = channel_id
        queue.taken += 1
        return True

    def spend(self, agent: str) -> None:
        """Something leaves in the agent's place: its token is used, whatever comes of it."""
        self._spent.add(agent)

    def free(self, agent: str) -> None:
        """Give the agent's place back, if it has one, and its token if nothing left. It waits for none either."""
        self._leave(agent)
        channel_id = self._places.pop(agent, None)
        spent = agent in self._spent
        self._spent.discard(agent)
        if channel_id is None:
            return
        queue = self._queue(channel_id)
        queue.taken -= 1
        if queue.bucket is not None and not spent:
            queue.bucket.give_back()
        self._tidy(channel_id)

    def waits(self, agent: str, channel_id: str) -> bool:
        """Tell whether the agent waits for the channel."""
        return self._waits.get(agent) == channel_id

    def wait_ms(self, channel_id: str) -> int:
        """Return how long the one who came last will wait for a token, by the channel's rate alone."""
        queue = self._queue(channel_id)
        return 0 if queue.bucket is None else len(queue.waiting) * queue.bucket.interval_ms

    def alarms(self, now_ms: int) -> list[tuple[str, int]]:
        """Return (agent, when): whose timers must fire so that no token is left lying. One for each channel.

        Places that are given back wake the next one by themselves; a token comes with time alone.
        """
        found = []
        for channel_id in self._ring:
            queue = self._queue(channel_id)
            first = queue.first()
            if queue.bucket is None or first is None or queue.bucket.ready(now_ms):
                continue  # no rate, nobody waits, or a place is what is missing
            agent, at_ms = queue.woken
            if at_ms <= now_ms or agent not in queue.waiting:
                queue.woken = first, queue.bucket.next_ms
                found.append(queue.woken)
        return found

    def next(self, now_ms: int = 0) -> list[str]:
        """Return agents that may try now, at most one for each free place; they leave their queues.

        What they do not claim before the next call is somebody else's.
        """
        self._called.clear()
        chosen: list[str] = []
        promised: dict[str, int] = {}
        room = self._limits.partition - len(self._places)
        fruitless = 0
        while len(chosen) < room and fruitless < len(self._ring):
            channel_id = self._ring[0]
            queue = self._queue(channel_id)
            free = self._free(queue, now_ms) - promised.get(channel_id, 0)
            first = queue.pop() if free > 0 else None
            if first is None:
                queue.deficit = 0
                self._turn(channel_id)
                fruitless += 1
                continue
            fruitless = 0
            agent, since_ms = first
            self._waits.pop(agent, None)
            chosen.append(agent)
            self._called[agent] = channel_id, since_ms
            promised[channel_id] = promised.get(channel_id, 0) + 1
            queue.deficit = (queue.deficit or queue.allowed.weight) - 1
            if not queue.deficit:
                self._turn(channel_id)
        return chosen

    def recall(self, agent: str) -> None:
        """Put one that was called back into its queue: it has been attended to already, with nothing to show."""
        channel_id, since_ms = self._called.pop(agent)
        self._wait(agent, channel_id, since_ms)

    def _scarce(self) -> bool:
        """Tell whether somebody waits for whom there may be no place, if others just take theirs."""
        return bool(self._ring) and len(self._places) + len(self._ring) >= self._limits.partition

    def _leave(self, agent: str) -> None:
        channel_id = self._waits.pop(agent, None)
        if channel_id is not None:
            self._queue(channel_id).waiting.pop(agent, None)
            self._tidy(channel_id)

    def _wait(self, agent: str, channel_id: str, since_ms: int) -> None:
        if self._waits.get(agent) not in (None, channel_id):
            self._leave(agent)
        self._waits[agent] = channel_id
        self._queue(channel_id).push(agent, since_ms)
        if channel_id not in self._ring:
            self._ring.append(channel_id)

    def _turn(self, channel_id: str) -> None:
        """Let the next channel have its turn; one for which nobody waits leaves the ring."""
        self._ring.popleft()
        if self._queue(channel_id).waiting:
            self._ring.append(channel_id)
        self._tidy(channel_id)

    def _free(self, queue: _Queue, now_ms: int) -> int:
        usual = queue.allowed.places if queue.allowed.places is not None else self._limits.channel
        bound = usual if queue.bound is None else min(queue.bound, usual)
        free = min(bound - queue.taken, self._limits.partition - len(self._places))
        return free if queue.bucket is None else min(free, queue.bucket.ready(now_ms))

    def _queue(self, channel_id: str) -> _Queue:
        return self._queues.setdefault(channel_id, _Queue())

    def _tidy(self, channel_id: str) -> None:
        if self._queues[channel_id].idle:
            del self._queues[channel_id]

"""The wall of phones: names, totals, and who listens."""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from provider.api import digits
from provider.sandbox.ledger import Seen

SHOWN: Final = 50
"""Messages of each phone that a page gets when it opens."""
BACKLOG: Final = 2_000
"""Events that a slow page may be behind before it is sent away (it reconnects and starts anew)."""


class Phone(msgspec.Struct, frozen=True):
    """A phone on the wall. `note` is a line under the name: a company, a role."""

    number: str
    name: str = ""
    note: str = ""


class Total(msgspec.Struct, frozen=True):
    """A phone with what it has seen. `key` is the digits of its number; the page shows only the last four."""

    key: str
    name: str
    note: str
    seen: int


class Bubble(msgspec.Struct, frozen=True):
    """A message on the page. `repeated`: this phone has seen this attempt (if it names one) before."""

    n: int
    at_ms: int
    phone: str
    body: str
    channel: str
    repeated: bool


class Wall(msgspec.Struct, frozen=True):
    """Everything that a page needs when it opens."""

    phones: list[Total]
    messages: list[Bubble]
    seen: int
    repeated: int


Event = tuple[str, bytes]


class Phones:
    """What the page shows. Built from the ledger at the start, fed by the gateway."""

    def __init__(self, lines: list[Seen]) -> None:
        self._named: dict[str, Phone] = {}
        self._counts: Counter[str] = Counter()
        self._recent: dict[str, deque[Bubble]] = defaultdict(lambda: deque(maxlen=SHOWN))
        self._attempts: set[tuple[str, str]] = set()
        self._repeated = 0
        self._listeners: set[asyncio.Queue[Event | None]] = set()
        for line in lines:
            self._take(line)

    def name(self, phones: list[Phone]) -> None:
        """Replace the names; phones that have messages stay on the wall without one."""
        self._named = {digits(phone.number): phone for phone in phones}
        self._tell("wall", msgspec.json.encode(self.wall()))

    def saw(self, line: Seen) -> None:
        """Show a message."""
        self._tell("message", msgspec.json.encode(self._take(line)))

    def wall(self) -> Wall:
        """Return the whole picture: named phones first, in their order, then the others by number."""
        others = sorted(self._counts.keys() - self._named.keys())
        phones = [
            Total(key, phone.name if phone else "", phone.note if phone else "", self._counts[key])
            for key, phone in [*self._named.items(), *((key, None) for key in others)]
        ]
        bubbles = sorted((each for recent in self._recent.values() for each in recent), key=lambda each: each.n)
        return Wall(phones, bubbles, self._counts.total(), self._repeated)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Queue[Event | None]]:
        """Give a queue of events, beginning with the whole wall; None in it ends the listener."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue(BACKLOG)
        queue.put_nowait(("wall", msgspec.json.encode(self.wall())))
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    def close(self) -> None:
        """Send all listeners away."""
        for queue in list(self._listeners):
            self._dismiss(queue)

    def _take(self, line: Seen) -> Bubble:
        attempt = (line.phone, line.attempt_id)
        repeated = bool(line.attempt_id) and attempt in self._attempts
        self._attempts.add(attempt)
        self._repeated += repeated
        self._counts[line.phone] += 1
        bubble = Bubble(line.n, line.at_ms, line.phone, line.body, line.channel, repeated)
        self._recent[line.phone].append(bubble)
        return bubble

    def _tell(self, kind: str, data: bytes) -> None:
        for queue in list(self._listeners):
            if queue.full():
                self._dismiss(queue)
            else:
                queue.put_nowait((kind, data))

    def _dismiss(self, queue: asyncio.Queue[Event | None]) -> None:
        self._listeners.discard(queue)
        while queue.full():
            queue.get_nowait()
        queue.put_nowait(None)

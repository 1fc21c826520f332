"""What the sender asks of the world, and what comes back. Built and read by the core, performed by the adapter."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from consumers.directory.api import LiveTicket, TicketQuestion
from consumers.sender import keys
from provider.api import Address, Opening, Result
from schemas.config import ChannelConfig
from schemas.records import OutboxEntry


@dataclass(frozen=True, slots=True)
class Resolve:
    """Look up tickets of one source with these rows. `key` is the state key (`u/…` or `o/…`) that waits for it."""

    key: str
    questions: tuple[TicketQuestion, ...]
    asked_ms: int
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Live:
    """The answer: tickets as they stood at `asked_ms`, None for one that does not exist. The only place of texts.

    `whole` marks the answer to a question about everything that an agent has waiting; `unchecked` one that never
    came: the notice leaves without a look at the living world.
    """

    asked_ms: int
    tickets: Mapping[int, LiveTicket | None] = field(default_factory=dict)
    rows: Mapping[int, frozenset[str]] = field(default_factory=dict)
    whole: bool = False
    unchecked: bool = False

    def covers(self, entry: OutboxEntry) -> bool:
        """Tell whether every row of the entry was asked for."""
        if self.unchecked:
            return not entry.forced
        asked = self.rows.get(entry.ticket_id)
        return asked is not None and all(item.row_id in asked for item in entry.items)


@dataclass(frozen=True, slots=True)
class Send:
    """Start one HTTP attempt, if the marker of `marked_ms` is still younger than `lease_ms`."""

    agent: str
    notification_id: str
    attempt: int
    resends: int
    marked_ms: int
    lease_ms: int
    timeout_ms: int
    channel: ChannelConfig
    address: Address
    body: str = field(repr=False)
    template_id: str = ""
    language: str = "pt_BR"
    opening: Opening | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """The state key that waits for the answer: the agent's outbox."""
        return keys.header(self.agent)


@dataclass(frozen=True, slots=True)
class Sent:
    """The attempt's result."""

    result: Result
    latency_ms: int


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The marker had grown too old before HTTP could start: nothing was sent, mark again."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the recado database what was learnt of a number, if it is still the agent's (by its hash).

    Either the address that providers take, with its source, or since when and why the number is suspended.
    """

    agent: str
    number_hash: str
    address: str | None = field(default=None, repr=False)
    source: str = "lookup"
    suspended_ms: int = 0
    code: str = ""

    @property
    def key(self) -> str:
        """The state key that waits for the answer: the agent's outbox."""
        return keys.header(self.agent)


@dataclass(frozen=True, slots=True)
class Reported:
    """The database has it, or the number is another one meanwhile."""

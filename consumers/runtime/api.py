"""What an application gives to the runtime and gets from it. The runtime's specification for its users.

An `App` makes one `Processor` per input partition. A processor is pure: no Kafka, no I/O, no clock but the `now_ms`
it is given. It changes the partition's `Store` and returns effects. Everything it changed and emitted is committed
with the input offset in one Kafka transaction, or not at all.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

S = TypeVar("S")

Headers = list[tuple[str, bytes | None]]


class Record(msgspec.Struct, frozen=True, gc=False):
    """An input record. `key` and `value` are the bytes on the topic, None when null."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = []


class Due(msgspec.Struct, frozen=True):
    """The timer of `key` is due: the state's own due time is at or before now."""

    key: str


class Answer(msgspec.Struct, frozen=True):
    """The result of `work`: what `App.perform` returned, or the exception that it raised."""

    work: Any
    result: Any = None
    error: BaseException | None = None


class NeverStarted(Exception):
    """The error of an `Answer` to work that was certainly not begun: its partition was about to leave."""


class ConfigChanged(msgspec.Struct, frozen=True):
    """The application's configuration was swapped, or may have been before a restore: due times need a new look."""


Event = Record | Due | Answer | ConfigChanged


class Emit(msgspec.Struct, frozen=True):
    """Produce a record in this transaction. `partition` None lets the murmur2 partitioner choose by key."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = []
    partition: int | None = None
    timestamp_ms: int | None = None


class Ask(msgspec.Struct, frozen=True):
    """Perform `work` at once, outside the transaction; its `Answer` comes back to this partition's processor.

    Nothing durable depends on it: after a crash or a revocation the answer never comes, so the state must hold a
    due time at which the question is asked again. A work's `key`, where it has one, names the state key that it
    belongs to: when the rules fail on the answer, it is that key which is put aside (RCD-213).
    """

    work: Any


class AfterCommit(msgspec.Struct, frozen=True):
    """Perform `work` only once this transaction is committed and while the partition is still owned."""

    work: Any


Effect = Emit | Ask | AfterCommit


class Undecodable(Exception):
    """Raised by a processor for a record that it cannot read; the runtime dead-letters it byte for byte.

    Args:
        code: stable short reason in ASCII, for filters.
        detail: what was wrong; never a message text.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Store(Protocol[S]):
    """The state of one input partition: string keys, values of the application's own types.

    `get` returns the application's object; changing it in place has no effect until it is `put` again.
    """

    def get(self, key: str) -> S | None:
        """Return the value, None when absent."""
        ...

    def put(self, key: str, value: S) -> None:
        """Set the value; its timer becomes what `App.due_ms` says of it."""
        ...

    def delete(self, key: str) -> None:
        """Remove the key (a tombstone in the changelog) and its timer."""
        ...

    def keys(self) -> Iterable[str]:
        """Iterate over all keys present."""
        ...


class Processor(Protocol[S]):
    """The rules of an application for one input partition."""

    def restored(self, store: Store[S], now_ms: int) -> Sequence[Effect]:
        """Build in-memory indexes from the restored state; called once, before any other event."""
        ...

    def handle(self, event: Event, store: Store[S], now_ms: int) -> Sequence[Effect]:
        """Apply one event.

        Raises:
            Undecodable: only for a `Record`, before anything was changed.
        """
        ...


class App(Protocol[S]):
    """An application of the runtime. `state_format` is the major version of its state values."""

    name: str
    input_topic: str
    changelog_topic: str
    dead_letter_topic: str
    state_format: int

    def processor(self, partition: int, partitions: int) -> Processor[S]:
        """Return a fresh processor for `partition` of `partitions`."""
        ...

    def encode(self, value: S) -> bytes:
        """Encode a state value."""
        ...

    def decode(self, key: str, raw: bytes) -> S:
        """Decode a state value.

        Raises:
            Fatal: RCD-205 when the value's version is unknown.
        """
        ...

    def due_ms(self, value: S) -> int | None:
        """Return when the value wants a `Due` event, None for never."""
        ...

    def peek_due_ms(self, key: str, raw: bytes) -> int | None:
        """Return the same from the encoded value, as cheaply as possible (restore calls it for every key)."""
        ...

    def dead_letter(self, record: Record, error: Undecodable, now_ms: int) -> Emit:
        """Return the dead-letter record of an input record: key, value, timestamp and headers byte for byte."""
        ...

    async def perform(self, work: Any) -> Any:
        """Do I/O for an `Ask` or `AfterCommit`, on the asyncio thread. What it raises becomes `Answer.error`."""
        ...


class MemoryStore(Generic[S]):
    """A `Store` in a dict, for tests of pure cores and for simulations."""

    def __init__(self) -> None:
        self.data: dict[str, S] = {}

    def get(self, key: str) -> S | None:
        """Return the value, None when absent."""
        return self.data.get(key)

    def put(self, key: str, value: S) -> None:
        """Set the value."""
        self.data[key] = value

    def delete(self, key: str) -> None:
        """Remove the key."""
        self.data.pop(key, None)

    def keys(self) -> Iterable[str]:
        """Iterate over all keys present."""
        return list(self.data)

"""One partition of the sender: an event goes to the rule that owns it, then the woken agents are attended."""

from collections.abc import Callable, Sequence

import msgspec
import structlog

from consumers.runtime.api import Answer, ConfigChanged, Due, Effect, Event, Record, Store, Undecodable
from consumers.sender import (
    breaker,
    controls,
    keys,
    numbers,
    outbox,
    receipts,
    retraction,
    settle,
    silence,
    unresolved,
)
from consumers.sender.keys import State
from consumers.sender.turn import Fixed, Memory, Turn
from consumers.sender.work import Live, Resolve, Send, Tell
from schemas.config import ConfigView
from schemas.records import (
    FORMAT,
    Alert,
    AlertsRecord,
    Channel,
    Command,
    Control,
    Header,
    OutboxEntry,
    Paused,
    Receipt,
    Retraction,
)

log = structlog.get_logger(__name__)
_decoder: "msgspec.json.Decoder[AlertsRecord]" = msgspec.json.Decoder(AlertsRecord)


def decode(record: Record) -> AlertsRecord:
    """Read a record of topic `alerts`.

    Raises:
        Undecodable: a foreign record, a tombstone, or one of an unknown version.
    """
    if record.value is None:
        raise Undecodable("tombstone", "a record of alerts has a value")
    try:
        found = _decoder.decode(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Undecodable("foreign", str(error)) from error
    if found.v > FORMAT:
        raise Undecodable("version", f"version {found.v}")
    return found


class SenderProcessor:
    """`consumers.runtime.api.Processor` of the sender. Pure: what it knows of the world comes in as answers.

    Args:
        fixed: what does not change while the partition is owned.
        config: returns the settings in force; asked once an event.
        observe: told each finished turn, for metrics.
    """

    def __init__(
        self, fixed: Fixed, config: Callable[[], ConfigView], observe: Callable[[Turn], None] = lambda _: None
    ) -> None:
        self.fixed = fixed
        self.memory = Memory(fixed.limits)
        self._config = config
        self._observe = observe

    def restored(self, store: Store[State], now_ms: int) -> Sequence[Effect]:
        """Build the indexes; timers bring everything else back."""
        turn = self._turn(store, now_ms)
        for key in list(store.keys()):
            value = store.get(key)
            if isinstance(value, OutboxEntry):
                self.memory.index.note(key, value)
            elif isinstance(value, Channel):
                breaker.restore(turn, key[2:])
            elif isinstance(value, Paused):
                self.memory.pauses.add(key[2:])
        return self._finish(turn)

    def handle(self, event: Event, store: Store[State], now_ms: int) -> Sequence[Effect]:
        """Apply one event."""
        turn = self._turn(store, now_ms)
        if isinstance(event, Record):
            self._record(turn, decode(event))
        elif isinstance(event, Due):
            self._due(turn, event.key)
        elif isinstance(event, Answer):
            self._answer(turn, event)
        elif isinstance(event, ConfigChanged):
            controls.reconsider(turn)
        return self._finish(turn)

    def _turn(self, store: Store[State], now_ms: int) -> Turn:
        return Turn(self.fixed, self.memory, store, self._config(), now_ms)

    def _finish(self, turn: Turn) -> list[Effect]:
        """Attend to who was woken, and to who may have a place now; then write."""
        tried: set[str] = set()
        while True:
            while turn.awake:
                agent = next(iter(turn.awake))
                outbox.attend(turn, agent, turn.awake.pop(agent))
            called = self.memory.ready.next(turn.now_ms)
            ready = [agent for agent in called if agent not in tried]
            for agent in called:
                if agent in tried:
                    self.memory.ready.recall(agent)
            if not ready:
                break
            tried.update(ready)
            for agent in ready:
                turn.wake(agent)
        for agent, at_ms in self.memory.ready.alarms(turn.now_ms):
            header = turn.header(agent)
            if header.due_ms is None or header.due_ms > at_ms:
                header.due_ms = at_ms
                turn.put_header(agent, header)
        effects = turn.finish()
        self._observe(turn)
        return effects

    def _record(self, turn: Turn, record: AlertsRecord) -> None:
        match record:
            case Alert():
                unresolved.take(turn, record)
            case Retraction():
                retraction.retract(turn, record)
            case Receipt():
                receipts.receive(turn, record)
            case Control():
                controls.control(turn, record)
            case Command():
                # Words from the phone change preferences, which the control plane owns: nothing here waits for one.
                turn.count("recado_alerts_dropped_total", "command")

    def _due(self, turn: Turn, key: str) -> None:
        value: State | None
        if key[0] == "o":
            agent = key[2:]
            value = turn.get(key, Header)
            if value is not None:
                turn.wake(agent)
        elif key[0] == "c":
            breaker.half_open_if_due(turn, key[2:])
        elif key[0] == "k":
            turn.drop(key)
        elif key[0] in "eu" and (entry := turn.entry(key)) is not None:
            if entry.phase == "UNRESOLVED":
                unresolved.ask(turn, key, entry)
            elif entry.phase == "SENT" and silence.is_waiting(entry):
                silence.due(turn, key, entry)
            elif entry.phase in {"SENT", "DEAD"}:
                turn.drop(key)  # S28

    def _answer(self, turn: Turn, answer: Answer) -> None:
        work = answer.work
        if isinstance(work, Send):
            settle.answered(turn, answer)
            receipts.join(turn, answer)
            return
        if isinstance(work, Tell):
            numbers.told(turn, work, answer.result)
            return
        if not isinstance(work, Resolve):
            message = f"not a work of the sender: {work!r}"
            raise TypeError(message)
        agent = work.key[2:] if work.key[0] == "o" else None
        if answer.error is not None:
            if agent is not None:
                outbox.unanswered(turn, agent, answer.error)
            else:
                unresolved.unanswered(turn, work, answer.error)
            return
        rows = {question.ticket_id: frozenset(question.row_ids) for question in work.questions}
        live = Live(work.asked_ms, answer.result, rows, whole=agent is not None)
        if agent is None:
            unresolved.answered(turn, work, live)
        else:
            self.memory.asking.pop(agent, None)
            turn.wake(agent, live)


__all__ = ["SenderProcessor", "decode", "keys"]

"""Settling: what an attempt's result does to its outbox. Rows S16-S22."""

from typing import Any

import structlog

from consumers.runtime.api import Answer, NeverStarted
from consumers.sender import births, breaker, flight, loop_guard, numbers, redrive, silence, waits
from consumers.sender.flight import carried, retracted
from consumers.sender.release import back_off, count_told
from consumers.sender.turn import Turn
from consumers.sender.waits import MAX_BACK_OFF
from consumers.sender.work import NotStarted, Send, Sent
from provider.api import Accepted, Rejected, Result, Unknown
from schemas.config import Parameters
from schemas.reasons import Dead, Rejection, Suppressed
from schemas.records import Header, OutboxEntry, Sending

log = structlog.get_logger(__name__)

DEFINITE = frozenset(
    {
        Rejection.PERMANENT_RECIPIENT,
        Rejection.PERMANENT_PAYLOAD,
        Rejection.THROTTLE_PAIR,
        Rejection.WINDOW_CLOSED,
    }
)
"""Refusals of this message or recipient: the channel itself is in order."""
NO_RESULT = "no_result"
"""Of an attempt that ended without an answer of its own (a crash, a bug): says nothing about the channel."""


def answered(turn: Turn, answer: Answer) -> None:
    """Apply the answer to a `Send`; one to an attempt that is settled already changes nothing."""
    work: Send = answer.work
    header = turn.header(work.agent)
    sending = header.sending
    same = sending is not None and (sending.notification_id, sending.attempt, sending.resends) == (
        work.notification_id, work.attempt, work.resends,
    )  # fmt: skip
    if sending is None or not same:
        turn.count("recado_alerts_dropped_total", "late_result")
        return
    if isinstance(answer.result, NotStarted) or isinstance(answer.error, NeverStarted):
        if work.marked_ms != sending.started_ms:  # an earlier marker's, whose transaction was perhaps not committed
            turn.count("recado_alerts_dropped_total", "late_result")
            return
        _not_started(turn, work.agent, header, sending)
        return
    if isinstance(answer.result, Sent):
        settle(turn, work.agent, header, sending, answer.result.result, answer.result.latency_ms)
        return
    log.error("send ended without a result", agent=work.agent, error=repr(answer.error))
    settle(turn, work.agent, header, sending, Unknown(NO_RESULT), 0)


def _not_started(turn: Turn, agent: str, header: Header, sending: Sending) -> None:
    """Nothing left (the lease ran out, or the partition was leaving): S15 again, with its checks.

    A resend was decided already; it only needs a younger marker.
    """
    if sending.resends:
        flight.mark(turn, agent, header)
        return
    for key, entry in carried(turn, agent, sending):
        if not turn.suppress(key, entry, Suppressed.ANSWERED, retracted(header, entry)):
            back(turn, key, entry)
    header.sending = None
    turn.put_header(agent, header)
    turn.ready.free(agent)
    turn.wake(agent)


def settle(
    turn: Turn, agent: str, header: Header, sending: Sending, result: Result, latency_ms: int | None = None
) -> None:
    """Apply a result to the attempt in flight, or to an unknown one whose receipt has come."""
    details = _details(turn, sending, result, latency_ms)
    if isinstance(result, Accepted):
        numbers.worked(turn, agent, header, sending, result)
        accepted(turn, agent, header, sending, details)
    elif isinstance(result, Unknown):
        if sending.unknown_until_ms is None:
            if result.code != NO_RESULT:
                breaker.failed(turn, sending.channel_id, agent, result.code, gateway=True)
            flight.unknown(turn, agent, header, sending, result.code)  # S22
    else:
        _rejected(turn, agent, header, sending, result, details)


def _details(turn: Turn, sending: Sending, result: Result, latency_ms: int | None) -> dict[str, Any]:
    channel = turn.config.channel(sending.channel_id)
    details: dict[str, Any] = {
        "notification_id": sending.notification_id,
        "attempt": sending.attempt + sending.resends,
        "channel_id": sending.channel_id,
        "provider": channel.provider if channel else None,
        "http": result.http,
        "latency_ms": latency_ms,
        "marked_ms": sending.started_ms,
    }
    if isinstance(result, Accepted):
        details |= {
            "provider_message_id": result.provider_message_id,
            "address_hash": sending.address_hash,
            "text_hash": flight.text_hash(sending.body),
            "text_len": len(sending.body),
            "template_id": sending.template_id,
            "flags": list(sending.flags),
        }
    else:
        details["code"] = result.code
    return details


def accepted(turn: Turn, agent: str, header: Header, sending: Sending, details: dict[str, Any]) -> None:
    """The provider took it (S16); also a receipt that says so (S23)."""
    receipts = turn.receipts(sending.channel_id)
    for key, entry in carried(turn, agent, sending):
        births.tell_siblings(turn, key, agent)
        loop_guard.told(turn, agent, entry)
        turn.outcome("sent", key, entry, **details)
        if receipts:
            entry.phase = "SENT"
            entry.provider_message_id = details["provider_message_id"]
            entry.address_hash = None
            silence.listen(turn, agent, entry, sending.channel_id)
            turn.put(key, entry)
        else:
            turn.drop(key)
    count_told(header, turn.now_ms)
    flight.settled(header)
    header.sending = None
    turn.put_header(agent, header)
    turn.ready.free(agent)
    breaker.worked(turn, sending.channel_id, agent)
    turn.wake(agent)


def _rejected(
    turn: Turn, agent: str, header: Header, sending: Sending, result: Rejected, details: dict[str, Any]
) -> None:
    family = carried(turn, agent, sending)
    machine = turn.tenant_of(agent).machine
    for key, entry in family:
        if sending.resends:
            entry.flags = ["maybe_duplicate"]  # this one was refused, but the one before it may have been shown
        turn.outcome("attempt", key, entry, reason=str(result.kind), **details)
    header.sending = None
    dead: Dead | None = None
    channel_id = sending.channel_id
    if result.kind in DEFINITE and turn.channel(channel_id).breaker != "open":
        breaker.worked(turn, channel_id, agent)  # whatever it says of this message, it works
    match result.kind:
        case Rejection.TRANSIENT:  # S17
            probe = breaker.probing(turn, channel_id)
            if result.scope != "recipient":
                breaker.failed(turn, channel_id, agent, result.code, gateway=result.scope in {"gateway", "account"})
            _transient(turn, header, family, result, machine, burn=not probe)
        case _ if waits.wait(turn, header, channel_id, result):  # S18, S19
            pass
        case Rejection.WINDOW_CLOSED if not header.as_template:
            # S20: rendered anew, from rows that are looked up anew, as a template that may open a conversation.
            header.as_template = True
            header.template_until_ms = turn.now_ms + flight.CLOSED_FOR_MS
        case Rejection.PERMANENT_RECIPIENT:
            again = numbers.refused(turn, agent, header, result.code, sending.address_hash)
            dead = None if again else Dead.RECIPIENT
        case _:
            dead = Dead.PAYLOAD
    if dead is not None:
        header.as_template = False
    for key, entry in family:
        if turn.suppress(key, entry, Suppressed.ANSWERED, retracted(header, entry)):
            continue
        if dead is not None:  # S21: permanent for everything that this message carried
            _bury(turn, key, entry, dead, result.code, sending)
        elif entry.attempts >= machine.attempts:  # S21
            _bury(turn, key, entry, Dead.ATTEMPTS, result.code, sending)
        else:
            back(turn, key, entry)
    turn.put_header(agent, header)
    turn.ready.free(agent)
    turn.wake(agent)


def back(turn: Turn, key: str, entry: OutboxEntry) -> None:
    """The series is dissolved: the entry waits in the outbox again."""
    entry.phase = "HELD"
    entry.due_ms = turn.now_ms
    entry.notification_id = None
    turn.put(key, entry)


def _transient(
    turn: Turn, header: Header, family: flight.Leaving, result: Rejected, machine: Parameters, *, burn: bool
) -> None:
    """Burn an attempt of every entry and back off by the one that failed most often."""
    for _, entry in family:
        entry.attempts += burn
        entry.first_failed_ms = entry.first_failed_ms or turn.now_ms
    failures = max((entry.attempts for _, entry in family), default=1)
    wait = back_off(machine.base, failures, turn.fixed.chance(), MAX_BACK_OFF)
    header.retry_at_ms = turn.now_ms + max(wait, result.retry_after_ms or 0)


def _bury(turn: Turn, key: str, entry: OutboxEntry, reason: Dead, code: str, sending: Sending) -> None:
    entry.address_hash = sending.address_hash
    redrive.bury(turn, key, entry, reason, code, sending.notification_id)

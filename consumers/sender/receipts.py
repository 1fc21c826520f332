"""Receipts: what the provider reports later about an attempt that is known. Only ever forward. Rows S23, S27."""

from typing import NamedTuple

from consumers.runtime.api import Answer
from consumers.sender import births, flight, keys, numbers, redrive, settle, silence, waits
from consumers.sender.release import back_off
from consumers.sender.turn import Turn
from consumers.sender.waits import MAX_BACK_OFF
from consumers.sender.work import Sent
from provider.api import Accepted, Rejected
from schemas.reasons import Dead, Rejection, Suppressed
from schemas.records import Header, OutboxEntry, Receipt

Bounced = list[tuple[str, OutboxEntry]]
FAILED = -1


def receive(turn: Turn, receipt: Receipt) -> None:
    """Apply a receipt; one about nothing that we know changes nothing."""
    if _in_flight(turn, receipt):
        return
    pairs = _known(turn, receipt)
    if not pairs and turn.index.in_flight():
        # Its attempt may be one whose answer has not come yet.
        for _ in range(turn.memory.early.keep(receipt, turn.now_ms)):
            turn.count("recado_alerts_dropped_total", "unknown_receipt")
    elif not pairs:
        turn.count("recado_alerts_dropped_total", "unknown_receipt")
    failed: dict[str, Bounced] = {}
    for key, entry in pairs:
        if entry.phase != "SENT" or (receipt.rank == FAILED and entry.receipt_rank > 1):
            continue  # delivered already: a failure that arrives later is of something else
        if receipt.rank == FAILED:
            silence.speaks(turn, entry)
            failed.setdefault(keys.parse_entry(key).agent or "", []).append((key, entry))
        elif receipt.rank > entry.receipt_rank:
            silence.heard(turn, key, entry, receipt.rank)
            turn.outcome(
                "receipt", key, entry, reason=receipt.status, channel_id=receipt.channel_id,
                notification_id=entry.notification_id, provider_message_id=receipt.provider_message_id,
            )  # fmt: skip
    for agent, bounced in failed.items():
        _bounce(turn, agent, bounced, receipt)


def join(turn: Turn, answer: Answer) -> None:
    """Apply what was reported of a message before the answer that names it."""
    sent = answer.result.result if isinstance(answer.result, Sent) else None
    if isinstance(sent, Accepted):
        channel: str = answer.work.channel.channel_id
        for receipt in turn.memory.early.join(channel, sent.provider_message_id, turn.now_ms):
            receive(turn, receipt)


def _in_flight(turn: Turn, receipt: Receipt) -> bool:
    """Apply it to the attempt in flight or unknown that it names (S23); its answer may come later, or never."""
    attempt = receipt.notification_id or _attempt(turn, receipt)
    if attempt is None:
        return False
    agent = turn.index.of_notification(attempt)
    sending = turn.header(agent).sending if agent is not None else None
    if agent is None or sending is None or sending.notification_id != attempt:
        return False
    if sending.channel_id != receipt.channel_id:
        return False  # who may report for one channel may not for another
    if receipt.rank == FAILED:
        if sending.unknown_until_ms is None:
            return True  # its own answer will tell more
        kind = _kind(receipt) or Rejection.PERMANENT_RECIPIENT
        result: Accepted | Rejected = Rejected(kind, receipt.code or receipt.status)
    else:
        result = Accepted(receipt.provider_message_id, raw_status=receipt.status)
    settle.settle(turn, agent, turn.header(agent), sending, result)
    if receipt.rank != FAILED:
        for key, entry in _known(turn, receipt):
            silence.heard(turn, key, entry, receipt.rank)
    return True


def _attempt(turn: Turn, receipt: Receipt) -> str | None:
    """Return the attempt in flight whose message's id we chose, where that is the one reported.

    Computed forwards: the id need not lead back. Few are in flight, and what was accepted is known by its id.
    """
    channel = turn.config.channel(receipt.channel_id)
    if channel is None or turn.index.of_message(receipt.provider_message_id):
        return None
    for attempt in turn.index.in_flight():
        chosen = turn.fixed.message_id(channel, attempt)
        if chosen is None:
            return None
        if chosen == receipt.provider_message_id:
            return attempt
    return None


def _known(turn: Turn, receipt: Receipt) -> list[tuple[str, OutboxEntry]]:
    """Return the entries that the message carried, if it left through the channel that reports."""
    found = turn.entries(turn.index.of_message(receipt.provider_message_id))
    return [pair for pair in found if pair[1].channel_id in (None, receipt.channel_id)]


def _kind(receipt: Receipt) -> Rejection | None:
    return Rejection(receipt.kind) if receipt.kind in set(Rejection) else None


def _bounce(turn: Turn, agent: str, bounced: Bounced, receipt: Receipt) -> None:
    """S27: accepted, but not delivered after all: the duty lives again. A failure that will not pass is dead."""
    header = turn.header(agent)
    machine = turn.tenant_of(agent).machine
    code = receipt.code or receipt.status
    verdict = _verdict(turn, agent, header, receipt, code)
    for key, entry in bounced:
        too_long = entry.first_failed_ms and turn.now_ms - entry.first_failed_ms >= machine.stale_ttl
        _reborn(turn, key, entry, receipt)
        entry.attempts += verdict.burn
        if turn.suppress(key, entry, Suppressed.ANSWERED, flight.retracted(header, entry)):
            continue
        if verdict.dead is not None and (not verdict.burn or entry.attempts >= machine.attempts):
            me = turn.config.agent(agent)
            entry.address_hash = numbers.hash_of(me) if me is not None else None
            redrive.bury(turn, key, entry, verdict.dead, code, entry.notification_id)
        elif too_long and not verdict.burn:
            # Accepted and refused again and again, at no attempt's cost: it ends as what is held does (S14).
            turn.suppress(key, entry, Suppressed.EXPIRED)
        else:
            settle.back(turn, key, entry)
    if verdict.back_off:
        failures = max([1, *(entry.attempts for _, entry in bounced)])
        wait = back_off(machine.base, failures, turn.fixed.chance(), MAX_BACK_OFF)
        header.retry_at_ms = max(header.retry_at_ms, turn.now_ms + wait)
    turn.put_header(agent, header)
    turn.wake(agent)


def _reborn(turn: Turn, key: str, entry: OutboxEntry, receipt: Receipt) -> None:
    entry.hop = births.next_hop(turn, key, entry)
    entry.first_failed_ms = entry.first_failed_ms or turn.now_ms
    entry.received_ms = turn.now_ms
    entry.receipt_rank = 0
    turn.outcome(
        "bounced", key, entry, reason=receipt.status, code=receipt.code, channel_id=receipt.channel_id,
        notification_id=entry.notification_id, provider_message_id=receipt.provider_message_id,
    )  # fmt: skip
    entry.provider_message_id = None


class _Verdict(NamedTuple):
    """What a failure means for what the message carried: `dead` at once, or when `burn` has burnt all attempts."""

    dead: Dead | None = None
    burn: bool = False
    back_off: bool = False


def _verdict(turn: Turn, agent: str, header: Header, receipt: Receipt, code: str) -> _Verdict:
    """Decide once for a message, and let channel, pair or number react as to a refusal at once."""
    kind = _kind(receipt)
    if kind is not None and waits.wait(turn, header, receipt.channel_id, Rejected(kind, code), later=True):
        return _Verdict()
    match kind:
        case Rejection.TRANSIENT:
            return _Verdict(Dead.ATTEMPTS, burn=True, back_off=True)
        case Rejection.WINDOW_CLOSED:
            # The first time it goes out as a template. Where those were in use already, it has only so many tries.
            again = header.template_until_ms > turn.now_ms
            header.as_template, header.template_until_ms = True, turn.now_ms + flight.CLOSED_FOR_MS
            return _Verdict(Dead.PAYLOAD if again else None, burn=again, back_off=True)
        case Rejection.PERMANENT_RECIPIENT if numbers.refused(turn, agent, header, code):
            return _Verdict(back_off=True)  # the message was in order; it goes to the other form of the number
        case Rejection.PERMANENT_PAYLOAD:
            return _Verdict(Dead.PAYLOAD)
        case _:
            return _Verdict(Dead.RECIPIENT)

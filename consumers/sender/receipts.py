"""Receipts: what the provider reports later about an attempt that is known. Only ever forward. Rows S23, S27."""

from consumers.runtime.api import Answer
from consumers.sender import births, flight, keys, numbers, redrive, settle, silence
from consumers.sender.release import back_off
from consumers.sender.turn import Turn
from consumers.sender.work import Sent
from provider.api import Accepted, Rejected
from schemas.reasons import Dead, Rejection, Suppressed
from schemas.records import OutboxEntry, Receipt

RETRYABLE = frozenset(
    {
        Rejection.TRANSIENT,
        Rejection.SESSION_DOWN,
        Rejection.THROTTLE_PAIR,
        Rejection.THROTTLE_SENDER,
        Rejection.THROTTLE_APP,
    }
)
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
    for key, entry in pairs:
        if entry.phase != "SENT" or (receipt.rank == FAILED and entry.receipt_rank > 1):
            continue  # delivered already: a failure that arrives later is of something else
        if receipt.rank == FAILED:
            silence.speaks(turn, entry)
            _bounce(turn, key, entry, receipt)
        elif receipt.rank > entry.receipt_rank:
            silence.heard(turn, key, entry, receipt.rank)
            turn.outcome(
                "receipt", key, entry, reason=receipt.status, channel_id=receipt.channel_id,
                notification_id=entry.notification_id, provider_message_id=receipt.provider_message_id,
            )  # fmt: skip


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


def _bounce(turn: Turn, key: str, entry: OutboxEntry, receipt: Receipt) -> None:
    """S27: accepted, but not delivered after all: the duty lives again. A failure that will not pass is dead."""
    agent, _ = keys.parse_entry(key)
    if agent is None:
        return
    header = turn.header(agent)
    entry.hop = births.next_hop(turn, key, entry)
    entry.attempts += 1
    entry.first_failed_ms = entry.first_failed_ms or turn.now_ms
    entry.received_ms = turn.now_ms
    entry.receipt_rank = 0
    turn.outcome(
        "bounced", key, entry, reason=receipt.status, code=receipt.code, channel_id=receipt.channel_id,
        notification_id=entry.notification_id, provider_message_id=receipt.provider_message_id,
    )  # fmt: skip
    entry.provider_message_id = None
    if turn.suppress(key, entry, Suppressed.ANSWERED, flight.retracted(header, entry)):
        return
    machine = turn.tenant_of(agent).machine
    kind = _kind(receipt)
    if kind == Rejection.WINDOW_CLOSED:
        header.as_template, header.template_until_ms = True, turn.now_ms + flight.CLOSED_FOR_MS
    again = kind == Rejection.PERMANENT_RECIPIENT and numbers.refused(
        turn, agent, header, receipt.code or receipt.status
    )
    if again or kind == Rejection.WINDOW_CLOSED:
        entry.attempts -= 1  # the message was in order; it goes out in another way
    elif kind not in RETRYABLE or entry.attempts >= machine.attempts:
        reason = Dead.ATTEMPTS if kind in RETRYABLE else Dead.RECIPIENT
        turn.put_header(agent, header)
        me = turn.config.agent(agent)
        entry.address_hash = numbers.hash_of(me) if me is not None else None
        redrive.bury(turn, key, entry, reason, receipt.code or receipt.status, entry.notification_id)
        return
    settle.back(turn, key, entry)
    wait = back_off(machine.base, entry.attempts, turn.fixed.chance(), settle.MAX_BACK_OFF)
    header.retry_at_ms = max(header.retry_at_ms, turn.now_ms + wait)
    turn.put_header(agent, header)
    turn.wake(agent)

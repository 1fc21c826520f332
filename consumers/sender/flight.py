"""A notice on its way: marker, HTTP within the lease, what is done when nobody knows. Rows S15, S15s, S22-S25."""

import hashlib

import structlog

from consumers.sender import births, keys, loop_guard, notice, numbers, redrive, switches
from consumers.sender.release import count_told
from consumers.sender.turn import Turn, phone_of
from consumers.sender.work import Live, Send
from formatter.api import Text
from provider.api import Address, Opening
from schemas.config import HOUR, MINUTE, SECOND, TenantConfig
from schemas.identity import notification_id
from schemas.reasons import Dead, Hold, Mode, Suppressed
from schemas.records import Header, Item, OutboxEntry, Sending, Template

log = structlog.get_logger(__name__)

Leaving = list[tuple[str, OutboxEntry]]

SLACK_MS = 2 * SECOND
"""Beyond lease and HTTP timeout: after that no result of the attempt can still come from a living process."""
OPENING = "opening"
"""The template that may open a conversation (S20)."""
CLOSED_FOR_MS = 24 * HOUR
"""Once a window was found closed, templates are used for so long: trying free text first costs a request each."""
QUEUED_MS = 30 * SECOND
OUTAGES = frozenset({Hold.BREAKER, Hold.SESSION_DOWN, Hold.CONFIGURATION, Hold.RETRY})
LATE_MS = 15 * MINUTE
"""After an outage of this length the notice says that it comes late."""


def leave(turn: Turn, agent: str, header: Header, leaving: Leaving, live: Live) -> None:
    """Render what survived the re-check and mark it (S15), or write down that it would have left (S15s)."""
    tenant = turn.tenant_of(agent)
    me = turn.config.agent(agent)
    if me is None:
        return
    entries = [entry for _, entry in leaving]
    channel = turn.config.channel(tenant.channel_id) if tenant.channel_id else None
    opens = header.as_template or header.template_until_ms > turn.now_ms
    built = notice.build(
        tenant,
        me,
        entries,
        live,
        turn.now_ms,
        provider=channel.provider if channel else "",
        template=OPENING if opens and not turn.opens(tenant.channel_id) else None,
        quiet_since_ms=header.quiet_since_ms or None,
        late_since_ms=_outage_since(turn, header),
    )
    try:
        text = turn.fixed.render(built)
        opening = None
        if opens and turn.opens(tenant.channel_id):
            parameters = [*turn.fixed.render_opening(built)]
            opening = Template(parameters, language=me.language or tenant.language)
            text = Text(" ".join(parameters), OPENING)
    except Exception:
        # One ticket that cannot be rendered must not stop its partition: to redrive it needs a corrected release.
        log.exception("notice cannot be rendered", agent=agent)
        for key, entry in leaving:
            redrive.bury(turn, key, entry, Dead.PAYLOAD, code="render")
        turn.ready.free(agent)
        turn.wake(agent)
        return
    # A new outbox (also one whose lane moved here) must not give an identity away that an older one has given.
    header.send_no = header.send_no + 1 if header.send_no else turn.now_ms
    identity = notification_id(agent, header.send_no)
    if tenant.mode == Mode.SHADOW:
        _shadow(turn, agent, header, leaving, text, identity, live)
        return
    header.sending = Sending(
        notification_id=identity,
        attempt=max(entry.attempts for entry in entries) + 1,
        alert_ids=[keys.parse_entry(key).alert_id for key, _ in leaving],
        channel_id=tenant.channel_id or "",
        body=text.body,
        address=numbers.address_of(me, header).value,
        address_hash=numbers.hash_of(me),
        started_ms=turn.now_ms,
        deadline_ms=0,
        template_id=text.template_id,
        flags=["unchecked"] if live.unchecked else [],
        opening=opening,
    )
    for key, entry in leaving:
        entry.phase = "SENDING"
        entry.notification_id = identity
        turn.put(key, entry)
    mark(turn, agent, header)


def _outage_since(turn: Turn, header: Header) -> int | None:
    """Return since when an outage held it, when so long that the reader should be told why it comes late."""
    held = header.technical_since_ms if header.hold_reason in OUTAGES else 0
    return held if held and turn.now_ms - held >= LATE_MS else None


def mark(turn: Turn, agent: str, header: Header) -> None:
    """Write the marker and start HTTP once it is durable; used again when the lease ran out before that."""
    sending = header.sending
    tenant = turn.tenant_of(agent)
    channel = turn.config.channel(sending.channel_id) if sending is not None else None
    if sending is None:
        return
    if channel is None:
        _dissolve(turn, agent, header, sending)
        return
    machine = tenant.machine
    sending.started_ms = turn.now_ms
    sending.deadline_ms = turn.now_ms + machine.send_lease + machine.http_timeout + SLACK_MS
    sending.unknown_until_ms = None
    header.due_ms = sending.deadline_ms
    turn.put_header(agent, header)
    turn.ready.spend(agent)
    me = turn.config.agent(agent)
    if me is not None:
        turn.memory.pairs.told(
            sending.channel_id, phone_of(me), machine.pair_interval, machine.pair_burst, turn.now_ms
        )
    address = numbers.address_of(me, header) if me is not None else None
    if address is None or address.value != sending.address:
        address = Address(sending.address)
    turn.after_commit(
        Send(
            agent=agent,
            notification_id=sending.notification_id,
            attempt=sending.attempt,
            resends=sending.resends,
            marked_ms=sending.started_ms,
            lease_ms=machine.send_lease,
            timeout_ms=machine.http_timeout,
            channel=channel,
            address=address,
            body=sending.body,
            template_id=sending.template_id,
            language=(me.language if me else None) or tenant.language,
            opening=_opening(sending),
        )
    )


def _opening(sending: Sending) -> Opening | None:
    if sending.opening is None:
        return None
    stored = sending.opening
    return Opening(stored.name, stored.language, tuple(stored.parameters), stored.url_suffix)


def _dissolve(turn: Turn, agent: str, header: Header, sending: Sending) -> None:
    """The channel was removed in this very moment: nothing starts. Only a resend leaves the doubt that it had."""
    turn.ready.free(agent)
    if sending.resends:
        sending.unknown_until_ms = header.due_ms = turn.now_ms
        for key, entry in carried(turn, agent, sending):
            entry.phase = "UNKNOWN"
            turn.put(key, entry)
    else:
        for key, entry in carried(turn, agent, sending):
            entry.phase, entry.due_ms, entry.notification_id = "HELD", turn.now_ms, None
            turn.put(key, entry)
        header.sending = None
    turn.put_header(agent, header)
    turn.wake(agent)


def carried(turn: Turn, agent: str, sending: Sending) -> Leaving:
    """Return the entries that the attempt carries and that are still there."""
    return turn.entries(
        key
        for key in (keys.entry(agent, alert_id) for alert_id in sending.alert_ids)
        if (entry := turn.entry(key)) is not None and entry.phase in {"SENDING", "UNKNOWN"}
    )


def retracted(header: Header, entry: OutboxEntry) -> list[Item]:
    """Return the entry's messages that were answered while the attempt was under way (S8)."""
    up_to = header.retracted.get(str(entry.ticket_id), -1)
    return [item for item in entry.items if item.seq <= up_to]


def attend(turn: Turn, agent: str, header: Header) -> None:
    """Watch over an attempt: its deadline (S22), then the time that an unknown one waits for a receipt."""
    sending = header.sending
    if sending is None:
        return
    due = sending.deadline_ms if sending.unknown_until_ms is None else sending.unknown_until_ms
    if due > turn.now_ms:
        if header.due_ms is None or header.due_ms != due:
            header.due_ms = due
            turn.put_header(agent, header)
        return
    if sending.unknown_until_ms is None:
        unknown(turn, agent, header, sending, code="no_result")
    else:
        _decide(turn, agent, header, sending)


def unknown(turn: Turn, agent: str, header: Header, sending: Sending, code: str) -> None:
    """Nobody knows whether it was sent (S22): the bytes freeze until a receipt or a decision."""
    machine = turn.tenant_of(agent).machine
    turn.ready.free(agent)
    wait = machine.unknown_wait_receipts if turn.receipts(sending.channel_id) else machine.unknown_wait
    sending.unknown_until_ms = header.due_ms = turn.now_ms + wait
    turn.put_header(agent, header)
    for key, entry in carried(turn, agent, sending):
        entry.phase = "UNKNOWN"
        turn.put(key, entry)
        turn.outcome(
            "attempt", key, entry, reason="unknown", code=code, attempt=sending.attempt + sending.resends,
            notification_id=sending.notification_id, channel_id=sending.channel_id,
        )  # fmt: skip
    turn.wake(agent)


def _decide(turn: Turn, agent: str, header: Header, sending: Sending) -> None:
    """An unknown attempt whose time is up: answered meanwhile (S24), resent once, or dead (S25)."""
    tenant = turn.tenant_of(agent)
    family = carried(turn, agent, sending)
    off = switches.tenant_off(turn.config, tenant) or births.off(turn, agent)
    answered = all(len(retracted(header, entry)) == len(entry.items) for _, entry in family)
    may_resend = tenant.unknown_policy == "resend" and "maybe_duplicate" not in sending.flags
    if family and off is None and not answered and may_resend and not any(entry.flags for _, entry in family):
        _resend(turn, agent, header, sending, family)
        return
    # Both the attempt and its resend may have been shown, however the duty ends.
    twice = [flag for flag in sending.flags if flag == "maybe_duplicate"]
    for key, entry in family:
        resent = bool(entry.flags)
        entry.flags = ["maybe_duplicate"]
        if off is not None or answered:
            turn.suppress(key, entry, off or Suppressed.ANSWERED, flags=twice)
        elif turn.suppress(key, entry, Suppressed.ANSWERED, retracted(header, entry), flags=twice):
            continue
        elif may_resend and not resent:
            # Merged with one that has had its resend: it gets its own, in a new text.
            entry.phase, entry.due_ms = "HELD", turn.now_ms
            turn.put(key, entry)
        else:
            redrive.bury(turn, key, entry, Dead.UNKNOWN, "unknown", sending.notification_id, flags=twice)
    header.sending = None
    turn.put_header(agent, header)
    turn.wake(agent)


def _resend(turn: Turn, agent: str, header: Header, sending: Sending, family: Leaving) -> None:
    """Send the same bytes under the same id once more, when the channel has a place."""
    channel = turn.channel(sending.channel_id)
    waits = channel.breaker == "open" and channel.probe_ms > turn.now_ms
    if waits or not turn.ready.claim(
        agent, sending.channel_id, turn.now_ms, turn.allowed(sending.channel_id), sending.started_ms
    ):
        sending.unknown_until_ms = header.due_ms = max(turn.now_ms + QUEUED_MS, channel.probe_ms)
        turn.put_header(agent, header)
        return
    sending.resends += 1
    sending.flags = [*sending.flags, "maybe_duplicate"]
    for key, entry in family:
        entry.phase = "SENDING"
        turn.put(key, entry)
    mark(turn, agent, header)


def _shadow(
    turn: Turn, agent: str, header: Header, leaving: Leaving, text: Text, identity: str, live: Live
) -> None:
    tenant: TenantConfig = turn.tenant_of(agent)
    count_told(header, turn.now_ms)
    settled(header)
    turn.put_header(agent, header)
    for key, entry in leaving:
        births.tell_siblings(turn, key, agent)
        loop_guard.told(turn, agent, entry)
        turn.outcome(
            "sent", key, entry, notification_id=identity, attempt=1, channel_id=tenant.channel_id,
            flags=["shadow", *(["unchecked"] if live.unchecked else [])],
            text_hash=text_hash(text.body), text_len=len(text.body), template_id=text.template_id,
        )  # fmt: skip
        turn.drop(key)
    turn.wake(agent)


def settled(header: Header) -> None:
    """The outbox has just left: nothing holds it any more."""
    header.hold_reason = None
    header.hold_since_ms = header.technical_since_ms = header.quiet_since_ms = header.retry_at_ms = 0
    header.as_template = False
    header.due_ms = None


def text_hash(body: str) -> str:
    """Return a short hash of a text, to tell texts apart without keeping them (16 hex digits)."""
    return hashlib.blake2b(body.encode("utf-8", "surrogatepass"), digest_size=8, person=b"recado-text").hexdigest()

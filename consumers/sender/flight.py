"""A notice on its way: marker, HTTP within the lease, what is done when nobody knows. Rows S15, S15s, S22-S25."""

import hashlib

import structlog

from consumers.sender import births, keys, notice, redrive, switches
from consumers.sender.release import count_told
from consumers.sender.turn import Turn
from consumers.sender.work import Live, Send
from formatter.api import Text
from provider.api import Address
from schemas.config import MINUTE, SECOND, AgentConfig, TenantConfig
from schemas.identity import address_hash, notification_id
from schemas.reasons import Dead, Hold, Mode, Suppressed
from schemas.records import Header, Item, OutboxEntry, Sending

log = structlog.get_logger(__name__)

Leaving = list[tuple[str, OutboxEntry]]

SLACK_MS = 2 * SECOND
"""Beyond lease and HTTP timeout: after that no result of the attempt can still come from a living process."""
OPENING = "opening"
"""The template that may open a conversation (S20)."""
QUEUED_MS = 30 * SECOND
OUTAGES = frozenset({Hold.BREAKER, Hold.SESSION_DOWN, Hold.CONFIGURATION, Hold.RETRY})
LATE_MS = 15 * MINUTE
"""After an outage of this length the notice says that it comes late."""


def hash_of(agent: AgentConfig) -> str:
    """Return the hash of the number that the agent is told at now."""
    return address_hash(agent.number or "")


def address_of(agent: AgentConfig) -> Address:
    """Return where the agent is told: what the provider wants when a look-up found it, else the number."""
    if agent.address:
        return Address(agent.address, "lookup")
    return Address(agent.number or "", "e164")


def leave(turn: Turn, agent: str, header: Header, leaving: Leaving, live: Live) -> None:
    """Render what survived the re-check and mark it (S15), or write down that it would have left (S15s)."""
    tenant = turn.tenant_of(agent)
    me = turn.config.agent(agent)
    if me is None:
        return
    entries = [entry for _, entry in leaving]
    channel = turn.config.channel(tenant.channel_id) if tenant.channel_id else None
    quiet_since = header.hold_since_ms if header.hold_reason == Hold.QUIET else None
    built = notice.build(
        tenant,
        me,
        entries,
        live,
        turn.now_ms,
        provider=channel.provider if channel else "",
        template=OPENING if header.as_template else None,
        quiet_since_ms=quiet_since,
        late_since_ms=_outage_since(turn, header),
    )
    try:
        text = turn.fixed.render(built)
    except Exception:
        # One ticket that cannot be rendered must not stop its partition: to redrive it needs a corrected release.
        log.exception("notice cannot be rendered", agent=agent)
        for key, entry in leaving:
            redrive.bury(turn, key, entry, Dead.PAYLOAD, code="render")
        turn.ready.free(agent)
        turn.wake(agent)
        return
    header.send_no += 1
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
        address=address_of(me).value,
        address_hash=hash_of(me),
        started_ms=turn.now_ms,
        deadline_ms=0,
        template_id=text.template_id,
        flags=["unchecked"] if live.unchecked else [],
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
    machine = tenant.machine
    sending.started_ms = turn.now_ms
    sending.deadline_ms = turn.now_ms + machine.send_lease + machine.http_timeout + SLACK_MS
    sending.unknown_until_ms = None
    header.due_ms = sending.deadline_ms
    turn.put_header(agent, header)
    if channel is None:
        return  # removed in this very moment: nothing starts, the deadline decides
    me = turn.config.agent(agent)
    address = address_of(me) if me is not None else None
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
        )
    )


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
    off = switches.tenant_off(turn.config, tenant) or switches.agent_off(turn.config.agent(agent))
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
    if waits or not turn.ready.claim(agent, sending.channel_id):
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
    header.hold_since_ms = header.technical_since_ms = header.retry_at_ms = 0
    header.as_template = False
    header.due_ms = None


def text_hash(body: str) -> str:
    """Return a short hash of a text, to tell texts apart without keeping them (16 hex digits)."""
    return hashlib.blake2b(body.encode("utf-8", "surrogatepass"), digest_size=8, person=b"recado-text").hexdigest()

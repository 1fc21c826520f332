"""An agent's outbox: hold, re-check, and leave as one message. Rows S9-S15s."""

import structlog

from consumers.directory.api import TicketQuestion
from consumers.sender import births, breaker, flight, keys, lanes, moves, numbers, recheck, recipients, switches
from consumers.sender.quiet import NEVER_ENDS
from consumers.sender.release import PATIENT, Release
from consumers.sender.traits import traits
from consumers.sender.turn import Turn
from consumers.sender.work import Live, Resolve
from schemas.config import SECOND, TenantConfig
from schemas.reasons import Hold, Mode, Suppressed
from schemas.records import Header, HoldInfo, OutboxEntry

log = structlog.get_logger(__name__)

Held = list[tuple[str, OutboxEntry]]

SHARED = frozenset({Hold.QUIET, Hold.CHANNEL, Hold.RESTRICTED})
"""Holds that end for many agents at the same moment."""
QUEUED_MS = 30 * SECOND
"""Timer of an agent who waits in a ready queue: only a net under the queue, which is in memory."""
UNCHECKED_AFTER = 60 * SECOND
"""A directory that is down for so long no longer holds a notice (S11)."""
SLACK_MS = SECOND


def attend(turn: Turn, agent: str, live: Live | None) -> None:
    """Do what can be done for the agent now. Safe to call at any time; `live` is an answer that is at hand."""
    header = turn.header(agent)
    if header.sending is not None:
        flight.attend(turn, agent, header)
        return
    held = turn.held(agent)
    if not held:
        rest(turn, agent, header)
        return
    tenant = turn.tenant_of(agent)
    me = turn.config.agent(agent)
    held = [pair for pair in held if not lanes.emigrates(turn, *pair, tenant)]
    if not held:
        rest(turn, agent, header)
        return
    off = switches.tenant_off(turn.config, tenant) or births.off(turn, agent)
    if off is not None or me is None:  # S12: switched off while it waited
        for key, entry in held:
            turn.suppress(key, entry, off or Suppressed.AGENT_DISABLED)
        rest(turn, agent, header)
        return
    soonest = min(entry.due_ms for _, entry in held)
    if soonest > turn.now_ms:
        header.due_ms = soonest
        turn.put_header(agent, header)
        return
    until = turn.release(agent, me, tenant)
    if until.at_ms > turn.now_ms:
        hold(turn, agent, header, held, tenant, until)
        return
    shadow = tenant.mode == Mode.SHADOW
    if not shadow and not _place(turn, agent, header, tenant, held):
        return
    fresh = live is not None and turn.now_ms - live.asked_ms <= tenant.machine.fresh_ms
    ready = [pair for pair in held if live is not None and fresh and live.covers(pair[1])]
    if live is None or not ready or (len(ready) < len(held) and not live.whole):
        _ask(turn, agent, header, held, tenant)
        return
    turn.memory.asking.pop(agent, None)
    survivors = [pair for pair in ready if live.unchecked or _survives(turn, *pair, tenant, live)]
    if survivors:
        flight.leave(turn, agent, header, survivors, live)
    else:
        turn.ready.free(agent)
        turn.wake(agent)


def rest(turn: Turn, agent: str, header: Header) -> None:
    """Nothing waits: no timer, no hold, no place on the channel."""
    turn.ready.free(agent)
    turn.memory.asking.pop(agent, None)
    if header != (at_rest := _rested(turn, agent, header)):
        turn.put_header(agent, at_rest)


def _rested(turn: Turn, agent: str, header: Header) -> Header:
    tickets = {str(turn.index.facts(key).ticket_id) for key in turn.index.of_agent(agent)}
    calm = Header(**{name: getattr(header, name) for name in header.__struct_fields__})
    calm.due_ms = None
    calm.hold_reason = None
    calm.hold_since_ms = calm.technical_since_ms = calm.quiet_since_ms = 0
    # Retractions are remembered only for what may still come back: attempts under way, SENT, DEAD.
    calm.retracted = {ticket: seq for ticket, seq in header.retracted.items() if ticket in tickets}
    return calm


def note_hold(turn: Turn, header: Header, held: Held, reason: Hold, until_ms: int) -> None:
    """Remember why and since when the outbox waits; say so when the reason is a new one (S9)."""
    if header.hold_reason != reason:
        header.hold_reason = str(reason)
        header.hold_since_ms = turn.now_ms
        if reason == Hold.QUIET:
            header.quiet_since_ms = header.quiet_since_ms or turn.now_ms
        info = HoldInfo(reason=str(reason), from_ms=turn.now_ms, until_ms=until_ms)
        for key, entry in held:
            agent, _ = keys.parse_entry(key)
            through = turn.tenant_of(agent).channel_id if agent is not None else None
            turn.outcome("held", key, entry, reason=str(reason), hold=info, channel_id=through)
    if reason in PATIENT:
        header.technical_since_ms = 0
    elif not header.technical_since_ms:
        header.technical_since_ms = turn.now_ms


def hold(turn: Turn, agent: str, header: Header, held: Held, tenant: TenantConfig, until: Release) -> None:
    """Wait until `until` (S9); drop what the tenant wants dropped (S10); let technical holds expire (S14)."""
    reason = until.reason or Hold.RETRY
    turn.ready.free(agent)
    turn.memory.asking.pop(agent, None)
    if reason == Hold.QUIET and (tenant.quiet_policy == "drop" or until.at_ms >= NEVER_ENDS):
        for key, entry in held:
            turn.suppress(key, entry, Suppressed.QUIET)
        rest(turn, agent, header)
        return
    note_hold(turn, header, held, reason, until.at_ms)
    if tenant.channel_id is not None and _shut(turn, tenant.channel_id):
        turn.memory.blocked.setdefault(tenant.channel_id, {})[agent] = None
    expiry = expire(turn, header, held, tenant, reason)
    if not turn.index.held(agent):
        rest(turn, agent, header)
        return
    at_ms = until.at_ms
    if reason in SHARED and at_ms - turn.now_ms > tenant.machine.release_spread:
        # Many are released at the same moment: they leave spread over a little time, in another order each time.
        at_ms += int(tenant.machine.release_spread * turn.fixed.chance())
    header.due_ms = at_ms if expiry is None else min(at_ms, expiry)
    turn.put_header(agent, header)


def _shut(turn: Turn, channel_id: str) -> bool:
    channel = turn.channel(channel_id)
    return channel.breaker != "closed" or breaker.restricted(channel, turn.now_ms)


def expire(turn: Turn, header: Header, held: Held, tenant: TenantConfig, reason: Hold) -> int | None:
    """End what a technical hold has kept for too long; return when the next one expires, None for never."""
    if reason in PATIENT:
        return None
    ends = []
    for key, entry in held:
        end = max(entry.received_ms, header.technical_since_ms) + tenant.machine.stale_ttl
        if end <= turn.now_ms:
            turn.suppress(key, entry, Suppressed.EXPIRED)
        else:
            ends.append(end)
    return min(ends, default=None)


def unanswered(turn: Turn, agent: str, error: BaseException) -> None:
    """Take note that the directory did not answer (S11): back off, expire, or at last go on unchecked."""
    turn.memory.asking.pop(agent, None)
    header = turn.header(agent)
    held = turn.held(agent)
    if header.sending is not None or not held:
        return
    tenant = turn.tenant_of(agent)
    turn.ready.free(agent)
    wait = max(2 * SECOND, min(turn.now_ms - header.hold_since_ms, 15 * SECOND))
    if header.hold_reason != Hold.STALE_CHECK:
        log.warning("directory does not answer", agent=agent, error=type(error).__name__)
        wait = 2 * SECOND
    note_hold(turn, header, held, Hold.STALE_CHECK, turn.now_ms + wait)
    expire(turn, header, held, tenant, Hold.STALE_CHECK)
    down_ms = turn.now_ms - header.hold_since_ms
    if down_ms > UNCHECKED_AFTER and any(not entry.forced for _, entry in turn.held(agent)):
        turn.put_header(agent, header)
        turn.wake(agent, Live(turn.now_ms, whole=True, unchecked=True))
    elif not turn.index.held(agent):
        rest(turn, agent, header)
    else:
        header.due_ms = turn.now_ms + wait
        turn.put_header(agent, header)


def _place(turn: Turn, agent: str, header: Header, tenant: TenantConfig, held: Held) -> bool:
    """Claim a place on the tenant's channel, or wait in its ready queue, those with the oldest message first."""
    channel_id = tenant.channel_id or ""
    breaker.half_open_if_due(turn, channel_id)
    waited = turn.ready.waits(agent, channel_id)
    since = min((entry.first_ms for _, entry in held), default=turn.now_ms)
    if turn.ready.claim(agent, channel_id, turn.now_ms, turn.allowed(channel_id), since, alone=not turn.awake):
        return True
    if not waited or header.due_ms is None or header.due_ms <= turn.now_ms:
        header.due_ms = turn.now_ms + max(QUEUED_MS, turn.ready.wait_ms(channel_id))
        turn.put_header(agent, header)
    return False


def _ask(turn: Turn, agent: str, header: Header, held: Held, tenant: TenantConfig) -> None:
    """Look up every ticket that waits (S11); the timer asks again when no answer comes."""
    timeout = tenant.machine.resolve_timeout
    if turn.memory.asking.get(agent, 0) > turn.now_ms:
        return
    rows: dict[int, list[str]] = {}
    for _, entry in held:
        rows.setdefault(entry.ticket_id, []).extend(item.row_id for item in entry.items)
    source = agent.partition("/")[0]
    questions = tuple(TicketQuestion(source, ticket, tuple(found)) for ticket, found in rows.items())
    turn.memory.asking[agent] = header.due_ms = turn.now_ms + timeout + SLACK_MS
    turn.put_header(agent, header)
    turn.ask(Resolve(keys.header(agent), questions, turn.now_ms, timeout))


def _survives(turn: Turn, key: str, entry: OutboxEntry, tenant: TenantConfig, live: Live) -> bool:
    """Re-check one entry against the living world (S12, S13); True when it may leave."""
    ticket = live.tickets.get(entry.ticket_id)
    over = recheck.ticket_ended(turn.config, tenant, ticket)
    if over is not None or ticket is None:
        turn.suppress(key, entry, over or Suppressed.GONE)
        return False
    known = traits(turn.config, entry.source)
    for reason, items in recheck.items_ended(turn.config, tenant, known, ticket, entry.items):
        if turn.suppress(key, entry, reason, items):
            return False
    agent, _ = keys.parse_entry(key)
    me = turn.config.agent(agent or "")
    # What was held when the agent switched notices off is not sent when they are on again.
    before = [item for item in entry.items if me is not None and item.admitted_ms <= me.disabled_at_ms]
    if before and turn.suppress(key, entry, Suppressed.AGENT_DISABLED, before):
        return False
    if entry.address_hash is not None and me is not None and entry.address_hash != numbers.hash_of(me):
        turn.suppress(key, entry, Suppressed.BAD_NUMBER)  # redriven to the original number, which has changed since
        return False
    now_responsible = recipients.responsible(ticket, tenant)
    if agent not in now_responsible.agents:
        moves.move(turn, key, entry, tenant, now_responsible, live)
        return False
    return True

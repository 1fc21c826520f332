"""Alerts whose recipients are not known yet: taken in, resolved, or waiting for the bot. Rows S1-S6."""

import msgspec
import structlog

from cdc.flavours.api import LiveTicket
from consumers.directory.api import TicketQuestion
from consumers.runtime.api import Emit
from consumers.sender import births, keys, lanes, recheck, recipients, redrive, switches
from consumers.sender.carried import entry_of
from consumers.sender.recheck import bot_talks
from consumers.sender.traits import traits
from consumers.sender.turn import Turn
from consumers.sender.work import Live, Resolve
from schemas.codec import encode
from schemas.config import MINUTE, SECOND, TenantConfig
from schemas.identity import hash64
from schemas.reasons import Dead, Hold, Suppressed
from schemas.records import Alert, HoldInfo, Known, OutboxEntry, Rejected

log = structlog.get_logger(__name__)

MAX_FORWARDS = 3
MAX_KNOWN = 64
BACK_OFF = 2 * SECOND
MAX_BACK_OFF = MINUTE
BOT_LOOK = 3 * SECOND
BOT_LOOK_MAX = 15 * SECOND
SLACK_MS = SECOND


def take(turn: Turn, alert: Alert) -> None:
    """Take an alert in (S1-S3), or revive what a redrive record means (S29, S30)."""
    if alert.redrive_of is not None:
        dead = redrive.find(turn, alert)
        if dead is not None:
            _revive(turn, *dead, alert)
            return
        if not _forward(turn, alert):
            redrive.refuse(turn, "not_dead")
        return
    if _forward(turn, alert):
        return
    if alert.agent is not None:
        lanes.immigrates(turn, alert)
        return
    if turn.index.of_alert(alert.alert_id) or not _first_time(turn, alert):  # S1
        turn.count("recado_alerts_dropped_total", "known")
        return
    ask(turn, keys.unresolved(alert.alert_id), entry_of(turn, alert, "UNRESOLVED"))


def ask(turn: Turn, key: str, entry: OutboxEntry) -> None:
    """Ask who is responsible (S3); the timer asks again when no answer comes."""
    timeout = turn.config.tenant(entry.source, entry.company_id).machine.resolve_timeout
    entry.due_ms = turn.now_ms + timeout + SLACK_MS
    turn.put(key, entry)
    question = TicketQuestion(entry.source, entry.ticket_id, tuple(item.row_id for item in entry.items))
    turn.ask(Resolve(key, (question,), turn.now_ms, timeout))


def _forward(turn: Turn, alert: Alert) -> bool:
    """Send on what belongs to another partition, at most three times; then it is dealt with where it is (S2)."""
    lane = lanes.of(turn.config.tenant(alert.source, alert.company_id))
    target = lanes.partition_of(lane, turn.fixed.partitions)
    if target == turn.fixed.partition or alert.forwards >= MAX_FORWARDS:
        return False
    moved = msgspec.structs.replace(alert, lane=lane, forwards=alert.forwards + 1)
    turn.emit(Emit(turn.fixed.cell.alerts, lane.encode(), encode(moved), partition=target))
    turn.count("recado_alerts_dropped_total", "forwarded")
    return True


def _first_time(turn: Turn, alert: Alert) -> bool:
    """Remember the alert for a day, so that one that is written again by another tool tells nobody twice."""
    key = keys.known(alert.source, alert.ticket_id)
    known = turn.get(key, Known)
    mark = hash64(alert.alert_id)
    if known is not None and mark in known.alerts:
        return False
    earlier = known.alerts if known is not None else []
    ttl = turn.config.tenant(alert.source, alert.company_id).machine.receipt_ttl
    echoes = known.echoes if known is not None else {}
    turn.put(key, Known(alerts=[*earlier, mark][-MAX_KNOWN:], due_ms=turn.now_ms + ttl, echoes=echoes))
    return True


def _revive(turn: Turn, key: str, entry: OutboxEntry, alert: Alert) -> None:
    agent, _ = keys.parse_entry(key)
    if not redrive.revive(turn, key, entry, alert):
        return
    if agent is None:
        ask(turn, key, entry)
    else:
        turn.wake(agent)


def answered(turn: Turn, work: Resolve, live: Live) -> None:
    """Apply the answer to the alert's question (S4-S5); one that came twice changes nothing."""
    entry = turn.entry(work.key)
    if entry is None or entry.phase != "UNRESOLVED":
        return
    entry.unresolved_tries = 0
    ticket = live.tickets.get(entry.ticket_id)
    if ticket is None:
        turn.suppress(work.key, entry, Suppressed.GONE)
        return
    if ticket.company_id is not None:
        entry.company_id = ticket.company_id
    tenant = turn.config.tenant(entry.source, entry.company_id)
    over = switches.tenant_off(turn.config, tenant) or recheck.ticket_ended(turn.config, tenant, ticket)
    if over is not None:
        turn.suppress(work.key, entry, over)
        return
    known = traits(turn.config, entry.source)
    for reason, items in recheck.items_ended(turn.config, tenant, known, ticket, entry.items):
        if turn.suppress(work.key, entry, reason, items):
            return
    rule = bot_talks(ticket, known)
    if rule is not None and _waits_for_bot(turn, work.key, entry, tenant, rule):
        return
    assign(turn, work.key, entry, tenant, ticket, live)


def _waits_for_bot(turn: Turn, key: str, entry: OutboxEntry, tenant: TenantConfig, rule: str) -> bool:
    """S4b: look again in 3 s, later every 15 s, until the bot is done or has had its time."""
    machine = tenant.machine
    since = entry.bot_since_ms if entry.bot_since_ms is not None else turn.now_ms
    until = since + (machine.bot_hold if rule == "chatbot" else machine.menu_hold)
    if turn.now_ms >= until:
        if tenant.bot_policy == "suppress":
            turn.suppress(key, entry, Suppressed.BOT)
            return True
        return False
    if entry.bot_since_ms is None:
        entry.bot_since_ms = since
        hold = HoldInfo(reason=str(Hold.BOT), from_ms=since, until_ms=until)
        turn.outcome("held", key, entry, reason=str(Hold.BOT), hold=hold)
    entry.due_ms = min(until, turn.now_ms + min(max(turn.now_ms - since, BOT_LOOK), BOT_LOOK_MAX))
    turn.put(key, entry)
    return True


def assign(turn: Turn, key: str, entry: OutboxEntry, tenant: TenantConfig, ticket: LiveTicket, live: Live) -> None:
    """S5: the alert becomes a duty to tell each recipient."""
    _, alert_id = keys.parse_entry(key)
    found = recipients.responsible(ticket, tenant)
    chosen = recipients.choose(found.agents, tenant, lambda agent: births.rank(turn, agent))
    if not chosen:
        turn.suppress(key, entry, Suppressed.NOBODY)
        return
    entry.via_queue = (ticket.queue_name or "") if found.rule == "queue" else None
    entry.informed = len(chosen)
    entry.lane = lanes.of(tenant)  # wherever it is dealt with: only a change from here on moves it
    entry.resolved_ms = turn.now_ms
    left_out = [Rejected(agent, "fan_out") for agent in found.agents if agent not in chosen]
    turn.drop(key)
    for agent in chosen:
        turn.outcome("assigned", keys.entry(agent, alert_id), entry, rejected=left_out)
        births.bear(turn, agent, alert_id, entry, live)


def unanswered(turn: Turn, work: Resolve, error: BaseException) -> None:
    """S6: the directory is down; wait for it as long as a technical hold may last, then dead."""
    entry = turn.entry(work.key)
    if entry is None or entry.phase != "UNRESOLVED":
        return
    tenant = turn.config.tenant(entry.source, entry.company_id)
    if turn.now_ms - entry.received_ms >= tenant.machine.stale_ttl:
        redrive.bury(turn, work.key, entry, Dead.DIRECTORY, code="directory")
        return
    entry.first_failed_ms = entry.first_failed_ms or turn.now_ms
    entry.unresolved_tries += 1
    entry.due_ms = turn.now_ms + min(BACK_OFF * 2 ** min(entry.unresolved_tries - 1, 8), MAX_BACK_OFF)
    if entry.unresolved_tries == 1:
        log.warning(
            "directory does not answer", source=entry.source, ticket=entry.ticket_id, error=type(error).__name__
        )
        hold = HoldInfo(reason=str(Hold.STALE_CHECK), from_ms=turn.now_ms, until_ms=entry.due_ms)
        turn.outcome("held", work.key, entry, reason=str(Hold.STALE_CHECK), hold=hold)
    turn.put(work.key, entry)


def due(turn: Turn, key: str, entry: OutboxEntry) -> None:
    """The question was not answered, or it is time to look again."""
    ask(turn, key, entry)

"""An operator's actions on the sender's state. Row S31."""

from collections.abc import Iterator

from consumers.sender import breaker, keys, switches
from consumers.sender.index import Facts
from consumers.sender.turn import Turn
from schemas.identity import ticket_key
from schemas.reasons import Suppressed
from schemas.records import Control, OutboxEntry, Paused, Scope

WAITING = frozenset({"HELD", "UNRESOLVED"})


def control(turn: Turn, record: Control) -> None:
    """Carry out an operator's action."""
    match record.action:
        case "pause" | "resume":
            _pause(turn, record)
        case "probe":
            for channel_id in _channels(turn, record.scope):
                breaker.half_open(turn, channel_id)
        case "purge":
            _purge(turn, record)
        case "erase":
            _purge(turn, record)
            _erase(turn, record)
        case "config":
            pass
    reconsider(turn, record.scope, record.lane)


def reconsider(turn: Turn, scope: Scope | None = None, lane: str = "") -> None:
    """Look anew at every outbox in the scope: what held it may be gone, or may hold it now."""
    agents: dict[str, None] = {}
    for key, facts in turn.index.all():
        if scope is not None and not _in_scope(turn, key, facts, scope, lane):
            continue
        if facts.phase == "HELD" and facts.agent is not None:
            agents[facts.agent] = None
        elif facts.phase == "UNRESOLVED" and (entry := turn.entry(key)) is not None:
            # The question is asked again by its own timer; only a switch that went off must not be missed.
            off = switches.tenant_off(turn.config, turn.config.tenant(entry.source, entry.company_id))
            if off is not None:
                turn.suppress(key, entry, off)
    for agent in agents:
        turn.wake(agent)


def _pause(turn: Turn, record: Control) -> None:
    scope = record.scope
    named = {"agent": scope.agent, "channel": scope.channel, "tenant": scope.tenant}
    names = [(kind, name) for kind, name in named.items() if name is not None] or [("lane", record.lane)]
    for kind, name in names:
        key = keys.paused(kind, name)
        if record.action == "pause":
            turn.put(key, Paused(by=record.by, since_ms=record.at_ms or turn.now_ms))
            turn.memory.pauses.add(key[2:])
        else:
            turn.drop(key)
            turn.memory.pauses.discard(key[2:])


def _channels(turn: Turn, scope: Scope) -> Iterator[str]:
    if scope.channel is not None:
        yield scope.channel
    elif scope.tenant is not None:
        source, _, company = scope.tenant.partition("/")
        channel_id = turn.config.tenant(source, int(company) if company.isdecimal() else None).channel_id
        if channel_id is not None:
            yield channel_id


def _waiting(turn: Turn, record: Control) -> list[tuple[str, OutboxEntry]]:
    return turn.entries(
        key
        for key, facts in turn.index.all()
        if facts.phase in WAITING and _in_scope(turn, key, facts, record.scope, record.lane)
    )


def _purge(turn: Turn, record: Control) -> None:
    for key, entry in _waiting(turn, record):
        turn.suppress(key, entry, Suppressed.PURGED)
        agent, _ = keys.parse_entry(key)
        if agent is not None:
            turn.wake(agent)


def _erase(turn: Turn, record: Control) -> None:
    """Forget what has ended already; what is under way ends by itself and is gone with its timer."""
    for key, facts in turn.index.all():
        if facts.phase in {"SENT", "DEAD"} and _in_scope(turn, key, facts, record.scope, record.lane):
            turn.drop(key)
    scope = record.scope
    if scope.channel is not None or scope.ticket is not None:
        return
    for agent in turn.outboxes():
        wanted = (scope.agent, agent), (scope.tenant, keys.tenant_of(agent))
        named = [(want, is_) for want, is_ in wanted if want is not None]
        if named and all(want == is_ for want, is_ in named) and not turn.index.of_agent(agent):
            turn.drop(keys.header(agent))  # with the hash of the number, and what was learnt of it


def _in_scope(turn: Turn, key: str, facts: Facts, scope: Scope, lane: str) -> bool:
    entry = turn.entry(key)
    if entry is None:
        return False
    tenant = turn.config.tenant(facts.source, entry.company_id)
    wanted = (
        (scope.tenant, tenant.tenant),
        (scope.agent, facts.agent),
        (scope.channel, tenant.channel_id),
        (scope.ticket, ticket_key(facts.source, facts.ticket_id)),
    )
    named = [(want, is_) for want, is_ in wanted if want is not None]
    return all(want == is_ for want, is_ in named) and (bool(named) or (tenant.lane or tenant.tenant) == lane)

"""Births: an alert's messages become the duty to tell an agent. Rows S5, S13, S26."""

from collections.abc import Iterable

import msgspec

from consumers.sender import keys, loop_guard, numbers, switches
from consumers.sender.turn import Turn
from consumers.sender.work import Live
from schemas.reasons import Suppressed
from schemas.records import OutboxEntry


def rank(turn: Turn, agent: str) -> tuple[int, ...]:
    """Rank an agent for the fan-out: who can be told first, then the least recently notified."""
    me = turn.config.agent(agent)
    if me is None or off(turn, agent) is not None:
        return (1, 0, 0)
    at_ms = turn.release(agent, me, turn.tenant_of(agent)).at_ms
    return (0, max(at_ms, turn.now_ms), turn.header(agent).last_sent_ms)


def off(turn: Turn, agent: str) -> Suppressed | None:
    """Return why this agent may not be told now, None when they may."""
    me = turn.config.agent(agent)
    return switches.agent_off(me) or numbers.suspended(me, turn.header(agent))


def bear(turn: Turn, agent: str, alert_id: str, model: OutboxEntry, live: Live | None) -> None:
    """Put `model` into the agent's outbox as HELD; the outcome that is its birth was written by the caller.

    An agent who is switched off, unverified or has a bad number ends it at once (S5).
    """
    key = keys.entry(agent, alert_id)
    header = turn.header(agent)
    # S26: while a notice is under way, what comes later waits for its own merge.
    settle = turn.tenant_of(agent).machine.settle if header.sending is not None else 0
    entry = msgspec.structs.replace(
        model,
        phase="HELD",
        due_ms=turn.now_ms + settle,
        company_id=keys.company_of(agent),
        resolved_ms=turn.now_ms,
        items=list(model.items),
        told_to=list(model.told_to),
        flags=list(model.flags),
        notification_id=None,
        provider_message_id=None,
        receipt_rank=0,
        dead=None,
    )
    turn.put(key, entry)
    ended = off(turn, agent)
    if ended == Suppressed.BAD_NUMBER:
        numbers.tell(turn, agent, header)
    if ended is None and entry.moved_from is None:
        ended = loop_guard.silenced(turn, agent, entry)
    if ended is not None:
        turn.suppress(key, entry, ended)
    else:
        turn.wake(agent, live)


def siblings(turn: Turn, key: str) -> list[tuple[str, OutboxEntry]]:
    """Return the other agents' entries of the same alert, whatever their phase."""
    _, alert_id = keys.parse_entry(key)
    return turn.entries(other for other in turn.index.of_alert(alert_id) if other != key and other[0] == "e")


def next_hop(turn: Turn, key: str, entry: OutboxEntry) -> int:
    """Return a hop that no obligation of this alert has had yet, and let every entry of the alert know it.

    Counting per entry is not enough: two agents who hold the same alert may both pass it to a third, who passed the
    first one on in between; with the same hop that obligation would have two births.
    """
    family = siblings(turn, key)
    hop = 1 + max(max(e.hop, e.top_hop) for e in [entry, *(e for _, e in family)])
    for other_key, other in family:
        other.top_hop = hop
        turn.put(other_key, other)
    entry.top_hop = hop
    return hop


def tell_siblings(turn: Turn, key: str, agent: str) -> None:
    """Let the other entries of the alert know that this agent was told (S16): nobody hands it back to them."""
    for other_key, other in siblings(turn, key):
        if agent not in other.told_to:
            other.told_to = [*other.told_to, agent]
            turn.put(other_key, other)


def holders(turn: Turn, alert_id: str, candidates: Iterable[str]) -> set[str]:
    """Return those who hold the alert now or had their say on it: any entry of theirs but a DEAD one."""
    found = set()
    for agent in candidates:
        entry = turn.entry(keys.entry(agent, alert_id))
        if entry is not None and entry.phase != "DEAD":
            found.add(agent)
    return found

"""Ready queues: who waits for a place on a channel, and who has one. In memory only; empty after a restore.

The order between channels is plain turn-taking. Deficit round robin, with weights, plugs in at `next`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How many notices may be under way (from look-up to result) for one channel and for one partition."""

    channel: int = 16
    partition: int = 256
    process: int = 1_000


class Ready:
    """Places of one partition. A channel belongs to one lane, so its count here is exact."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places: dict[str, str] = {}
        self._taken: dict[str, int] = {}
        self._waiting: dict[str, dict[str, None]] = {}
        self._bounds: dict[str, int] = {}

    def bound(self, channel_id: str, places: int | None) -> None:
        """Bound a channel for now (0 while its breaker is open, 1 while half open), None for the usual bound."""
        if places is None:
            self._bounds.pop(channel_id, None)
        else:
            self._bounds[channel_id] = places

    def claim(self, agent: str, channel_id: str) -> bool:
        """Take a place on the channel, or wait in its queue. An agent that has its place keeps it."""
        held = self._places.get(agent)
        if held == channel_id:
            return True
        if held is not None:
            self.free(agent)
        if self._room(channel_id) <= 0:
            self._waiting.setdefault(channel_id, {})[agent] = None
            return False
        self.leave(agent, channel_id)
        self._places[agent] = channel_id
        self._taken[channel_id] = self._taken.get(channel_id, 0) + 1
        return True

    def free(self, agent: str) -> None:
        """Give the agent's place back, if it has one."""
        channel_id = self._places.pop(agent, None)
        if channel_id is None:
            return
        self._taken[channel_id] -= 1
        if not self._taken[channel_id]:
            del self._taken[channel_id]

    def leave(self, agent: str, channel_id: str) -> None:
        """Leave the channel's queue."""
        waiting = self._waiting.get(channel_id)
        if waiting is not None:
            waiting.pop(agent, None)
            if not waiting:
                del self._waiting[channel_id]

    def next(self) -> list[str]:
        """Return agents that may try now, at most one for each free place; they leave their queues."""
        chosen: list[str] = []
        room = self._limits.partition - len(self._places)
        for channel_id in list(self._waiting):
            free = min(self._room(channel_id), room - len(chosen))
            for agent in list(self._waiting[channel_id])[: max(free, 0)]:
                chosen.append(agent)
                self.leave(agent, channel_id)
        return chosen

    def _room(self, channel_id: str) -> int:
        bound = min(self._bounds.get(channel_id, self._limits.channel), self._limits.channel)
        return min(bound - self._taken.get(channel_id, 0), self._limits.partition - len(self._places))

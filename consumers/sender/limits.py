"""Limits: how fast a channel may send, how fast one phone may be told. In memory only; empty after a restore. Pure.

A limiter is a token bucket kept as one number (GCRA): the time at which it would be full again.
"""

from dataclasses import dataclass
from typing import Final

from schemas.config import MINUTE, ChannelConfig

UNLIMITED: Final = 0
USUAL_PER_MINUTE: Final[dict[str, int]] = {
    "sandbox": UNLIMITED,
    "meta": 60 * 60,
    "twilio": 10 * 60,
    "apprise": 60,
    "whaticket-ticketz": 20,
    "whaticket-press": 20,
}
"""By provider: Meta allows 80 a second, both ways counted together; Twilio queues beyond 10; ticketz lets one
message out in 3 s, for all its users together; Press Ticket takes 300 requests in 15 minutes."""
UNOFFICIAL_PER_MINUTE: Final = 60
"""Gateways that drive a phone's own session: faster looks like spam and costs the number."""
BURST: Final = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """How many notices may be under way (from look-up to result) for one channel, one partition, one process."""

    channel: int = 16
    partition: int = 256
    process: int = 1_000


@dataclass(frozen=True, slots=True)
class Allowed:
    """What one channel may do: notices a minute (0: as many as there are), under way at once, share of places."""

    per_minute: int = UNLIMITED
    places: int | None = None
    weight: int = 1


def allowed(channel: ChannelConfig | None) -> Allowed:
    """Return a channel's limits: its own, else what is usual for its provider."""
    if channel is None:
        return Allowed()
    usual = USUAL_PER_MINUTE.get(channel.provider, UNOFFICIAL_PER_MINUTE)
    rate = channel.rate_per_minute if channel.rate_per_minute is not None else usual
    return Allowed(rate, channel.in_flight, max(channel.weight, 1))


class Bucket:
    """A token bucket: one token every `interval_ms`, at most `burst` saved up. Starts with a single one."""

    __slots__ = ("_full_ms", "burst", "interval_ms")

    def __init__(self, interval_ms: int, burst: int, now_ms: int) -> None:
        self.interval_ms, self.burst = interval_ms, burst
        self._full_ms = now_ms + (burst - 1) * interval_ms

    @classmethod
    def full(cls, interval_ms: int, burst: int) -> "Bucket":
        """Return one with all its tokens."""
        made = cls(interval_ms, burst, 0)
        made._full_ms = 0
        return made

    @property
    def next_ms(self) -> int:
        """When the next token is there; may lie in the past."""
        return self._full_ms - (self.burst - 1) * self.interval_ms

    def ready(self, now_ms: int) -> int:
        """Return how many tokens there are."""
        if now_ms < self.next_ms:
            return 0
        return min(self.burst, 1 + (now_ms - self.next_ms) // self.interval_ms)

    def take(self, now_ms: int) -> None:
        """Take a token, also one that is not there yet: the next ones come later then."""
        self._full_ms = max(self._full_ms, now_ms) + self.interval_ms

    def give_back(self) -> None:
        """Return a token that was not used."""
        self._full_ms -= self.interval_ms


class Pairs:
    """Limiters of (channel, phone). Phones are told apart by the key without the ninth digit."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def next_ms(self, channel_id: str, phone: str, now_ms: int) -> int:
        """Return when this phone may be told again through the channel, 0 for at once."""
        bucket = self._buckets.get((channel_id, phone))
        if bucket is None:
            return 0
        return bucket.next_ms if bucket.next_ms > now_ms else 0

    def told(self, channel_id: str, phone: str, interval_ms: int, burst: int, now_ms: int) -> None:
        """Count a notice that is about to leave."""
        if interval_ms <= 0:
            return
        if len(self._buckets) > 10_000:
            self._buckets = {k: b for k, b in self._buckets.items() if b.ready(now_ms) < b.burst}
        bucket = self._buckets.get((channel_id, phone))
        if bucket is None or (bucket.interval_ms, bucket.burst) != (interval_ms, burst):
            bucket = self._buckets[channel_id, phone] = Bucket.full(interval_ms, burst)
        bucket.take(now_ms)


def interval_ms(per_minute: int) -> int:
    """Return the time between two tokens (at least 1 ms)."""
    return max(1, MINUTE // per_minute)

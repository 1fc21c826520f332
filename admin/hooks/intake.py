"""What is taken in: a channel's lanes, and which of its statuses say something new. Pure."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from provider.api import ReceiptEvent
from schemas.config import HOUR, TenantConfig
from schemas.records import Receipt

REMEMBERED: Final = 50_000
"""Messages whose highest acknowledged rank is remembered: about 10 MB."""
LONGEST_ID: Final = 512
"""No gateway's message id is longer; such a one is not remembered nor passed on."""
FAILED: Final = -1
LANE_KEPT_MS: Final = 24 * HOUR
"""For so long what a tenant sent through a channel that it has left can still be reported."""


class Lanes:
    """Which lanes a channel's messages may belong to: those that use it now, and those that did a day ago."""

    def __init__(self) -> None:
        self._until: dict[str, dict[str, int]] = {}

    def learn(self, tenants: Iterable[TenantConfig], now_ms: int) -> None:
        """Take the tenants in force."""
        for tenant in tenants:
            if tenant.channel_id is not None:
                lane = tenant.lane or tenant.tenant
                self._until.setdefault(tenant.channel_id, {})[lane] = now_ms + LANE_KEPT_MS
        for channel, lanes in list(self._until.items()):
            left = {lane: until for lane, until in lanes.items() if until > now_ms}
            if left:
                self._until[channel] = left
            else:
                del self._until[channel]

    def of(self, channel_id: str) -> list[str]:
        """Return the channel's lanes; nothing for one that no tenant uses."""
        return sorted(self._until.get(channel_id, ()))


class Acknowledged:
    """Statuses that Kafka has, so that a gateway's repetitions end here.

    Only ever a saving: the sender applies the same rule to what it has written down itself.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._seen: OrderedDict[tuple[str, str], tuple[int, bool]] = OrderedDict()

    def new(self, channel_id: str, events: Iterable[ReceiptEvent]) -> list[ReceiptEvent]:
        """Return the statuses that rank higher than what is known, each once, and failures that are not known."""
        ranks: dict[tuple[str, str], tuple[int, bool]] = {}
        found = []
        for event in events:
            key = (channel_id, event.provider_message_id)
            known = ranks.get(key) or self._seen.get(key, (0, False))
            ranks[key] = _merged(known, event)
            if ranks[key] != known and 0 < len(event.provider_message_id) <= LONGEST_ID:
                found.append(event)
        return found

    def note(self, channel_id: str, events: Iterable[ReceiptEvent]) -> None:
        """Remember what Kafka has acknowledged."""
        for event in events:
            key = (channel_id, event.provider_message_id)
            self._seen[key] = _merged(self._seen.pop(key, (0, False)), event)
        while len(self._seen) > self._remembered:
            self._seen.popitem(last=False)


def _merged(known: tuple[int, bool], event: ReceiptEvent) -> tuple[int, bool]:
    rank, failed = known
    return (rank, True) if event.rank == FAILED else (max(rank, event.rank), failed)


def records(channel_id: str, lanes: Iterable[str], events: Iterable[ReceiptEvent]) -> list[Receipt]:
    """Return the records of these statuses. A lane that does not know the message drops it."""
    listed = list(events)
    return [
        Receipt(
            lane=lane,
            channel_id=channel_id,
            notification_id=event.attempt_id,
            provider_message_id=event.provider_message_id,
            rank=event.rank,
            status=event.status,
            code=event.code,
            at_ms=event.at_ms,
            kind=None if event.kind is None else str(event.kind),
        )
        for lane in lanes
        for event in listed
    ]

"""Receipts that overtake the answer of their own attempt: kept for a moment, until the answer names the message.

In memory only: what a restart forgets is information, never a duty. Where a receipt names the attempt it needs no
keeping (S23).
"""

from collections import OrderedDict
from typing import Final

from schemas.config import SECOND
from schemas.records import Receipt

KEPT_MS: Final = 60 * SECOND
KEPT: Final = 1_000
"""Messages. More are not under way at once in one partition; a session that we share reports on all of its own."""


class Early:
    """Receipts of messages that nobody knows yet, by channel and message."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[int, list[Receipt]]] = OrderedDict()

    def keep(self, receipt: Receipt, now_ms: int) -> int:
        """Keep a receipt; return how many messages were given up for it, by age or for want of room."""
        key = (receipt.channel_id, receipt.provider_message_id)
        until, kept = self._kept.pop(key, (now_ms + KEPT_MS, []))
        given_up = 0
        while self._kept and (len(self._kept) >= KEPT or next(iter(self._kept.values()))[0] <= now_ms):
            self._kept.popitem(last=False)
            given_up += 1
        if receipt.rank not in {one.rank for one in kept}:
            kept = [*kept, receipt]
        self._kept[key] = (until, kept)
        return given_up

    def join(self, channel_id: str, provider_message_id: str, now_ms: int) -> list[Receipt]:
        """Return what came before the answer, in the order in which it came."""
        until, kept = self._kept.pop((channel_id, provider_message_id), (0, []))
        return kept if until > now_ms else []

"""The questions that the sender asks about the living world, and their answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cdc.flavours.api import LiveRow, LiveTicket

__all__ = ["Directory", "DirectoryDown", "LiveRow", "LiveTicket", "TicketQuestion"]


@dataclass(frozen=True, slots=True)
class TicketQuestion:
    """Tell me of this ticket, and of these rows of it."""

    source: str
    ticket_id: int
    row_ids: tuple[str, ...]


class DirectoryDown(Exception):
    """The source's database did not answer in time, or refused. Only this source waits; try again with back-off."""


class Directory(Protocol):
    """Live look-ups, batched per source, each within `resolve_timeout`."""

    async def ticket(self, question: TicketQuestion) -> LiveTicket | None:
        """Return the ticket as it stands now, None when it does not exist.

        Raises:
            DirectoryDown: no usable answer in time.
        """
        ...

    async def close(self) -> None:
        """Close all pools."""
        ...


Questions = Sequence[TicketQuestion]

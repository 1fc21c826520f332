"""What the sender gives the formatter and gets back."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class MessageFact:
    """One live row: `kind` as in `schemas.records.Item`; `body` None when it could not be read."""

    kind: str
    body: str | None
    created_ms: int


@dataclass(frozen=True, slots=True)
class TicketFact:
    """One ticket of a notice, with the messages not yet told, oldest first; `omitted` more are only counted."""

    number: str
    contact_name: str
    contact_number: str | None
    link: str | None
    messages: tuple[MessageFact, ...]
    omitted: int = 0
    queue_name: str | None = None
    via_queue: bool = False
    moved: bool = False
    reason: Literal["lead", "summary"] = "lead"
    first_ms: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """Everything one text is made of. All tickets belong to one tenant and go to one agent."""

    tenant_name: str
    agent_name: str
    tickets: tuple[TicketFact, ...]
    now_ms: int
    language: str = "pt_BR"
    template: str = "plan"
    marker: str = "[Whaticket]"
    informed: int = 1
    mark_invisibly: bool = False
    quiet_since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """The rendered text and its form (`single`, `burst`, `media`, `moved`, `queue`, `several`)."""

    body: str
    template_id: str

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
    """Everything one text is made of. All tickets belong to one tenant and go to one agent.

    `quiet_since_ms` is set when quiet hours held it, since when; `late_since_ms` when an outage on our side or the
    gateway's did. `zone` is the agent's: times of day are told in it.
    """

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
    late_since_ms: int | None = None
    zone: str = "America/Sao_Paulo"


Form = Literal["single", "burst", "media", "moved", "queue", "several", "morning", "late", "activation"]


@dataclass(frozen=True, slots=True)
class Text:
    """The rendered text and its `Form`."""

    body: str
    template_id: str

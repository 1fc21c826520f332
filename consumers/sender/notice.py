"""The notice: live tickets and entries become what the formatter renders. Pure; texts pass through, none stay."""

from collections.abc import Sequence

from cdc.flavours.api import LiveTicket
from consumers.sender.quiet import zone_of
from consumers.sender.work import Live
from formatter.api import MessageFact, Notice, TicketFact
from schemas.config import AgentConfig, TenantConfig
from schemas.records import OutboxEntry

WHATICKET = "whaticket"
"""Providers of this name send through the helpdesk's own connection: an invisible mark keeps the text out of it."""


def build(
    tenant: TenantConfig,
    agent: AgentConfig,
    entries: Sequence[OutboxEntry],
    live: Live,
    now_ms: int,
    *,
    provider: str = "",
    template: str | None = None,
    quiet_since_ms: int | None = None,
    late_since_ms: int | None = None,
) -> Notice:
    """Return the notice of these entries (not empty), which leave together.

    Args:
        tenant: whose rules and language apply.
        agent: who is told.
        entries: what survived the re-check, oldest first.
        live: the answer that the re-check used.
        now_ms: for ages in words.
        provider: the channel's provider.
        template: a form other than the tenant's.
        quiet_since_ms: when quiet hours held it, since when.
        late_since_ms: when an outage held it, since when.
    """
    by_ticket: dict[int, list[OutboxEntry]] = {}
    for entry in entries:
        by_ticket.setdefault(entry.ticket_id, []).append(entry)
    tickets = tuple(_ticket(found, live.tickets.get(number), tenant) for number, found in by_ticket.items())
    return Notice(
        tenant_name=tenant.name or tenant.tenant,
        agent_name=agent.name,
        tickets=tickets,
        now_ms=now_ms,
        language=agent.language or tenant.language,
        template=template or tenant.template,
        marker=tenant.marker,
        informed=max(entry.informed for entry in entries),
        mark_invisibly=provider.startswith(WHATICKET),
        quiet_since_ms=quiet_since_ms,
        late_since_ms=late_since_ms,
        zone=zone_of(agent, tenant),
    )


def _ticket(entries: Sequence[OutboxEntry], ticket: LiveTicket | None, tenant: TenantConfig) -> TicketFact:
    items = sorted((item for entry in entries for item in entry.items), key=lambda item: item.seq)
    rows = {} if ticket is None else ticket.rows
    messages = []
    for item in items:
        row = rows.get(item.row_id)
        if row is None or row.deleted:  # a deleted one is suppressed before; should one ever pass, not its text
            messages.append(MessageFact(item.kind, None, item.created_ms))
        else:
            messages.append(MessageFact(row.kind, row.body, item.created_ms))
    path = ticket.link_path if ticket else None
    return TicketFact(
        number=ticket.number if ticket else str(entries[0].ticket_id),
        contact_name=ticket.contact_name if ticket else "",
        contact_number=ticket.contact_number if ticket else None,
        link=tenant.frontend_url.rstrip("/") + path if tenant.frontend_url and path else None,
        messages=tuple(messages),
        omitted=sum(entry.omitted for entry in entries),
        queue_name=ticket.queue_name if ticket else entries[-1].via_queue,
        via_queue=any(entry.via_queue is not None for entry in entries),
        moved=any(entry.moved_from is not None for entry in entries),
        reason="summary" if all(entry.reason == "summary" for entry in entries) else "lead",
        first_ms=min(entry.first_ms for entry in entries) or items[0].created_ms,
    )

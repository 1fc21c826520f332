"""The notice: what the formatter is given, and that it can render all of it."""

from cdc.flavours.api import LiveRow
from consumers.sender.notice import build
from consumers.sender.work import Live
from formatter.api import MessageFact, TicketFact
from formatter.render import render
from schemas.records import Item, OutboxEntry
from tests.consumers.sender.world import START, World, agent_config, snapshot

TENANT = snapshot().tenants[0]


def entry(number: int, *seqs: int, omitted: int = 0) -> OutboxEntry:
    items = [Item(f"vps1/{number}/m{seq}", f"m{seq}", seq, START + seq, START) for seq in seqs]
    return OutboxEntry(
        phase="HELD",
        due_ms=0,
        source="vps1",
        ticket_id=number,
        company_id=1,
        items=items,
        omitted=omitted,
        first_ms=START,
    )


def row(seq: int, text: str) -> LiveRow:
    return LiveRow(f"m{seq}", "text", text, START + seq, read=False, deleted=False)


def test_two_alerts_of_one_ticket_are_one_ticket_in_the_order_of_writing() -> None:
    ticket = World().ticket(7, rows={f"m{seq}": row(seq, f"t{seq}") for seq in (1, 2, 3)})
    live = Live(START, {7: ticket})
    notice = build(TENANT, agent_config(1), [entry(7, 3, omitted=2), entry(7, 1, 2)], live, START)
    assert notice.tickets == (
        TicketFact(
            number="7",
            contact_name="Maria",
            contact_number="5511900001111",
            link=None,
            messages=tuple(MessageFact("text", f"t{seq}", START + seq) for seq in (1, 2, 3)),
            omitted=2,
            first_ms=START,
        ),
    )
    assert (notice.tenant_name, notice.agent_name, notice.informed) == ("Loja Sol", "Agent 1", 1)


def test_an_unchecked_notice_still_has_a_text() -> None:
    notice = build(TENANT, agent_config(1), [entry(7, 1)], Live(START, unchecked=True), START)
    assert notice.tickets[0].messages == (MessageFact("text", None, START + 1),)
    assert "#7" in render(notice).body


def test_the_helpdesks_own_connection_gets_an_invisible_mark() -> None:
    live = Live(START, {7: World().ticket(7, rows={"m1": row(1, "oi")})})
    notice = build(TENANT, agent_config(1), [entry(7, 1)], live, START, provider="whaticket")
    assert render(notice).body.startswith("\u200e")

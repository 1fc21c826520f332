"""The notice: what the formatter is given, and that it can render all of it."""

import msgspec

from cdc.flavours.api import LiveRow
from consumers.sender.notice import build
from consumers.sender.work import Live
from formatter.api import MessageFact, TicketFact
from formatter.render import render
from schemas.config import HOUR, MINUTE
from schemas.reasons import Rejection
from schemas.records import Item, OutboxEntry
from tests.consumers.sender.world import START, World, agent_config, rejected, snapshot

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


def test_a_deleted_messages_text_goes_nowhere_even_if_it_gets_this_far() -> None:
    gone = LiveRow("m1", "text", "segredo", START, read=False, deleted=True)
    live = Live(START, {7: World().ticket(7, rows={"m1": gone})})
    assert "segredo" not in render(build(TENANT, agent_config(1), [entry(7, 1)], live, START)).body


def test_why_it_comes_late_and_the_zone_go_with_the_notice() -> None:
    live = Live(START, {7: World().ticket(7, rows={"m1": row(1, "oi")})})
    notice = build(
        TENANT, agent_config(1), [entry(7, 1)], live, START, quiet_since_ms=START - 2, late_since_ms=START - 1
    )
    assert (notice.quiet_since_ms, notice.late_since_ms, notice.zone) == (START - 2, START - 1, TENANT.zone)


def test_after_a_long_outage_the_notice_says_that_it_is_late() -> None:
    world = World()
    world.replies.extend([rejected(Rejection.SESSION_DOWN)] * 100)
    world.alert()
    world.run(20 * MINUTE)
    world.replies.clear()
    world.run(20 * MINUTE)
    assert len(world.phones) == 1
    assert world.notices[-1].late_since_ms == world.notices[1].now_ms - 30_000


def test_what_waited_through_the_night_says_so_also_when_something_else_holds_it_in_the_morning() -> None:
    world = World(quiet=lambda _agent, _tenant, now_ms: START + HOUR if now_ms < START + HOUR else None)
    world.alert()
    world.replies.append(rejected(Rejection.SESSION_DOWN))
    world.run(HOUR + 2 * MINUTE)
    assert [notice.quiet_since_ms for notice in world.notices] == [START, START]
    assert [notice.late_since_ms for notice in world.notices] == [None, None]
    world.alert(8)
    assert world.notices[-1].quiet_since_ms is None
    world.check()


def test_what_comes_while_the_mornings_notice_is_under_way_did_not_wait_through_the_night() -> None:
    world = World(quiet=lambda _agent, _tenant, now_ms: START + HOUR if now_ms < START + HOUR else None)
    world.alert()
    world.auto = False
    world.run(HOUR)
    while world.asked:
        world.step()
    world.alert(8)
    world.auto = True
    world.run(MINUTE)
    assert [notice.quiet_since_ms for notice in world.notices] == [START, None]
    world.check()


def test_after_a_short_one_it_does_not() -> None:
    world = World()
    world.replies.append(rejected(Rejection.SESSION_DOWN))
    world.alert()
    world.run(20 * MINUTE)
    assert [notice.late_since_ms for notice in world.notices] == [None, None]


def test_an_agent_who_lives_in_another_zone_reads_its_clock() -> None:
    hours = '{"ranges": [{"start": "20:00", "end": "08:00"}], "zone": "America/Manaus"}'
    agent = msgspec.structs.replace(agent_config(1), quiet_hours=hours)
    live = Live(START, {7: World().ticket(7, rows={"m1": row(1, "oi")})})
    assert build(TENANT, agent, [entry(7, 1)], live, START).zone == "America/Manaus"

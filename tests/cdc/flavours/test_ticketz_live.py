"""ticketz's live look-ups, on its true tables with the recorded shop's rows, as the role that may read them."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, text

from cdc.flavours import live, ticketz_live
from cdc.flavours.api import LiveRow, LiveTicket
from cdc.flavours.detect import detect, read_shape
from cdc.flavours.registry import flavour
from tests.cdc.shop import Shop
from tests.stack_fixture import Database

pytestmark = pytest.mark.stack

TICKETZ = flavour("ticketz")
ANA, BRUNO, CARLA, DIEGO, EVA, ADMIN = 2, 3, 4, 5, 7, 1
SOL_ADMIN = 6


@pytest.fixture
def shop(ticketz: Database) -> Iterator[Shop]:
    made = Shop(ticketz, TICKETZ)
    yield made
    made.close()


def message(shop: Shop, row_id: str, ticket: int, body: str, **columns: Any) -> None:
    row = {"mediaType": None, "read": False, "isDeleted": False} | columns
    shop.write(
        """INSERT INTO "Messages" (id, "ticketId", body, "mediaType", read, "isDeleted", "createdAt", "updatedAt")
           VALUES (%s, %s, %s, %s, %s, %s, '2026-11-22 12:44:24.258601-03', now())""",
        [row_id, ticket, body, row["mediaType"], row["read"], row["isDeleted"]],
    )


def uuid_of(shop: Shop, ticket: int) -> str:
    with shop.engine.connect() as connection:
        return str(connection.scalar(text('SELECT uuid FROM "Tickets" WHERE id = :id'), {"id": ticket}))


def test_an_owned_ticket_is_told_whole(shop: Shop) -> None:
    message(shop, "A", 1, "Oi")
    message(shop, "B", 1, "", mediaType="image", read=True)
    message(shop, "C", 1, "sticker", mediaType="image", isDeleted=True)
    message(shop, "A", 2, "a mesma id em outro atendimento")
    assert shop.look({1: ["A", "B", "C", "gone", "A"]}) == {
        1: LiveTicket(
            source="loja",
            ticket_id=1,
            company_id=1,
            status="open",
            is_group=False,
            user_id=ANA,
            queue_id=1,
            queue_name="Suporte",
            queue_members=(ANA, BRUNO),
            admins=(ADMIN, CARLA),
            chatbot=False,
            menu=False,
            contact_name="João da Silva",
            contact_number="5511991110001",
            number="1",
            link_path=f"/tickets/{uuid_of(shop, 1)}",
            contact_id=1,
            rows={
                "A": LiveRow("A", "text", "Oi", 1795362264258, read=False, deleted=False),
                "B": LiveRow("B", "image", "", 1795362264258, read=True, deleted=False),
                "C": LiveRow("C", "sticker", "sticker", 1795362264258, read=False, deleted=True),
            },
        )
    }


def test_tickets_of_several_companies_are_read_together_and_kept_apart(shop: Shop) -> None:
    message(shop, "A", 13, "Bom dia")
    found = shop.look({1: [], 13: ["A"], 999_999: ["A"]})
    assert {ticket: (t.company_id, t.queue_members, t.admins, tuple(t.rows)) for ticket, t in found.items()} == {
        1: (1, (ANA, BRUNO), (ADMIN, CARLA), ()),
        13: (2, (EVA,), (SOL_ADMIN,), ("A",)),
    }


def test_statements_are_three_whatever_the_number_of_tickets(shop: Shop) -> None:
    seen: list[str] = []
    event.listen(shop.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
    shop.look({ticket: ["A", "B"] for ticket in range(1, 23)})
    assert len(seen) == 3
    shop.look({999: ["A"]})
    assert len(seen) == 4


def test_a_ticket_without_queue_has_no_members(shop: Shop) -> None:
    shop.write('UPDATE "Tickets" SET "queueId" = NULL, "userId" = NULL, status = \'pending\' WHERE id = 1')
    found = shop.look({1: []})[1]
    assert (found.user_id, found.queue_id, found.queue_name, found.queue_members, found.admins, found.status) == (
        None, None, None, (), (ADMIN, CARLA), "pending",
    )  # fmt: skip


def test_a_member_from_another_company_is_not_told(shop: Shop) -> None:
    shop.write('INSERT INTO "UserQueues" VALUES (%s, 1, now(), now())', [EVA])
    shop.write("UPDATE \"Users\" SET super = true, profile = 'admin' WHERE id = %s", [EVA])
    found = shop.look({1: []})[1]
    assert (found.queue_members, found.admins) == ((ANA, BRUNO), (ADMIN, CARLA))


def test_an_admin_who_is_also_a_member_of_several_asked_queues_counts_once(shop: Shop) -> None:
    shop.write('INSERT INTO "UserQueues" VALUES (%s, 1, now(), now()), (%s, 2, now(), now())', [ADMIN, ADMIN])
    shop.write('UPDATE "Tickets" SET "queueId" = 2 WHERE id = 2')
    found = shop.look({1: [], 2: []})
    assert (found[1].queue_members, found[2].queue_members) == ((ADMIN, ANA, BRUNO), (ADMIN, BRUNO, DIEGO))
    assert found[1].admins == found[2].admins == (ADMIN, CARLA)


def test_a_connection_with_several_queues_offers_a_menu(shop: Shop) -> None:
    shop.write('UPDATE "Tickets" SET "whatsappId" = 1, chatbot = true WHERE id = 1')
    shop.write('UPDATE "Tickets" SET "whatsappId" = NULL, chatbot = NULL WHERE id = 2')
    found = shop.look({1: [], 2: []})
    assert [(found[t].menu, found[t].chatbot) for t in (1, 2)] == [(True, True), (False, False)]


def test_a_contact_known_only_by_an_internal_id_has_no_number(shop: Shop) -> None:
    shop.write("UPDATE \"Contacts\" SET number = '106157515863373@lid' WHERE id = 1")
    assert shop.look({1: []})[1].contact_number is None


def test_a_ticket_without_contact_or_uuid_is_still_told(shop: Shop) -> None:
    shop.write('UPDATE "Tickets" SET "contactId" = NULL, uuid = NULL WHERE id = 1')
    found = shop.look({1: []})[1]
    assert (found.contact_name, found.contact_number, found.link_path) == ("", None, None)


@pytest.mark.parametrize("ticket", [0, -1, 2**31, 2**63 - 1])
def test_an_id_that_no_ticket_can_have_does_not_spoil_the_others(shop: Shop, ticket: int) -> None:
    assert set(shop.look({ticket: ["A"], 1: ["with\0zero"]})) == {1}


def test_nothing_asked_is_nothing_read(shop: Shop) -> None:
    assert shop.look({}) == {}


def test_tickets_and_messages_are_found_by_key_even_in_large_tables(shop: Shop) -> None:
    shop.write(
        """INSERT INTO "Messages" (id, "ticketId", body, "createdAt", "updatedAt")
           SELECT 'M' || n, n / 10, 'x', now(), now() FROM generate_series(1, 30000) n"""
    )
    shop.write(
        """INSERT INTO "Tickets" (id, "companyId", "createdAt", "updatedAt")
           SELECT n, 1, now(), now() FROM generate_series(1000, 9000) n"""
    )
    shop.write("ANALYZE")
    asked = {"ids": ["M1", "M2"], "tickets": [1, 2]}
    with shop.engine.connect() as connection:
        plan = "\n".join(
            line
            for statement in (ticketz_live.TICKETS, live.ROWS)
            for (line,) in connection.execute(text(f"EXPLAIN {statement.text}"), asked)
        )
    assert 'Index Scan using "Tickets_pkey" on "Tickets"' in plan
    assert 'on "Messages" m' in plan
    assert 'Seq Scan on "Tickets"' not in plan
    assert 'Seq Scan on "Messages"' not in plan


def test_the_flavour_is_detected_by_a_role_that_may_read_almost_nothing(shop: Shop) -> None:
    with shop.engine.connect() as connection:
        shape = read_shape(connection)
    assert detect(shape).name == "ticketz"
    assert shape["Messages"].primary_key == ("id", "ticketId")
    assert shape["Settings"].primary_key == ()
    described = {name: (c.type, c.nullable) for name, c in shape["Messages"].columns.items()}
    assert {name: described[name] for name in ("id", "body", "createdAt", "error", "contactId")} == {
        "id": ("varchar(255)", False),
        "body": ("text", False),
        "createdAt": ("timestamp with time zone", False),
        "error": ("jsonb", True),
        "contactId": ("integer", True),
    }

"""canove's live look-ups on PostgreSQL, on its true tables, as the role that may read them."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, text

from cdc.flavours import canove_live, live
from cdc.flavours.api import LiveRow, LiveTicket
from cdc.flavours.detect import detect, read_shape
from cdc.flavours.registry import flavour
from tests.cdc.shop import Shop
from tests.stack_fixture import Database

pytestmark = pytest.mark.stack

CANOVE = flavour("canove")
ADMIN, ANA, BRUNO, CARLA = 1, 2, 3, 4


@pytest.fixture
def shop(canove: Database) -> Iterator[Shop]:
    made = Shop(canove, CANOVE)
    yield made
    made.close()


def message(shop: Shop, row_id: str, ticket: int, body: str, **columns: Any) -> None:
    row = {"mediaType": "chat", "read": False, "isDeleted": False} | columns
    shop.write(
        """INSERT INTO "Messages" (id, "ticketId", body, "mediaType", read, "isDeleted", "createdAt", "updatedAt")
           VALUES (%s, %s, %s, %s, %s, %s, '2026-11-22 12:44:24.258601-03', now())""",
        [row_id, ticket, body, row["mediaType"], row["read"], row["isDeleted"]],
    )


def test_an_owned_ticket_is_told_whole(shop: Shop) -> None:
    message(shop, "A", 1, "Oi", read=True)
    message(shop, "B", 1, "WEi3o-1795363353125.webp", mediaType="image", isDeleted=True)
    message(shop, "C", 2, "de outro atendimento")
    assert shop.look({1: ["A", "B", "C", "gone", "A"]}) == {
        1: LiveTicket(
            source="loja",
            ticket_id=1,
            company_id=0,
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
            link_path="/tickets/1",
            contact_id=1,
            rows={
                "A": LiveRow("A", "text", "Oi", 1795362264258, read=True, deleted=False),
                "B": LiveRow("B", "sticker", "WEi3o-1795363353125.webp", 1795362264258, read=False, deleted=True),
            },
        )
    }


def test_statements_are_three_whatever_the_number_of_tickets(shop: Shop) -> None:
    seen: list[str] = []
    event.listen(shop.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
    assert len(shop.look({ticket: ["A", "B"] for ticket in range(1, 23)})) == 12
    assert len(seen) == 3


def test_a_ticket_in_the_first_menu_has_no_queue_and_no_user(shop: Shop) -> None:
    found = shop.look({11: []})[11]
    assert (found.menu, found.queue_id, found.user_id, found.queue_members, found.admins, found.status) == (
        True, None, None, (), (ADMIN, CARLA), "pending",
    )  # fmt: skip


def test_what_deleted_users_and_queues_left_behind_does_not_count(shop: Shop) -> None:
    shop.write('INSERT INTO "UserQueues" VALUES (99, 1, now(), now())')
    shop.write('INSERT INTO "WhatsappQueues" VALUES (2, 99, now(), now())')
    found = shop.look({1: []})[1]
    assert (found.queue_members, found.menu) == ((ANA, BRUNO), False)


def test_an_admin_who_is_also_a_member_of_several_asked_queues_counts_once(shop: Shop) -> None:
    shop.write('INSERT INTO "UserQueues" VALUES (%s, 1, now(), now()), (%s, 2, now(), now())', [ADMIN, ADMIN])
    shop.write('UPDATE "Tickets" SET "queueId" = 2 WHERE id = 2')
    found = shop.look({1: [], 2: []})
    assert (found[1].queue_members, found[2].queue_members) == ((ADMIN, ANA, BRUNO), (ADMIN, BRUNO))
    assert found[1].admins == found[2].admins == (ADMIN, CARLA)


def test_a_group_is_known_as_one(shop: Shop) -> None:
    shop.write('UPDATE "Tickets" SET "isGroup" = true WHERE id = 1')
    assert shop.look({1: []})[1].is_group


@pytest.mark.parametrize("ticket", [0, -1, 2**31, 2**63 - 1])
def test_an_id_that_no_ticket_can_have_does_not_spoil_the_others(shop: Shop, ticket: int) -> None:
    assert set(shop.look({ticket: ["A"], 1: ["with\0zero"]})) == {1}


def test_tickets_and_messages_are_found_by_key_even_in_large_tables(shop: Shop) -> None:
    shop.write(
        """INSERT INTO "Messages" (id, "ticketId", body, "createdAt", "updatedAt")
           SELECT 'M' || n, n / 10, 'x', now(), now() FROM generate_series(1, 30000) n"""
    )
    shop.write(
        """INSERT INTO "Tickets" (id, "createdAt", "updatedAt")
           SELECT n, now(), now() FROM generate_series(1000, 9000) n"""
    )
    shop.write("ANALYZE")
    asked = {"ids": ["M1", "M2"], "tickets": [1, 2]}
    with shop.engine.connect() as connection:
        plan = "\n".join(
            line
            for statement in (canove_live.TICKETS, live.ROWS)
            for (line,) in connection.execute(text(f"EXPLAIN {statement.text}"), asked)
        )
    assert 'Seq Scan on "Tickets"' not in plan
    assert 'Seq Scan on "Messages"' not in plan


def test_the_flavour_is_detected_by_a_role_that_may_read_almost_nothing(shop: Shop) -> None:
    with shop.engine.connect() as connection:
        shape = read_shape(connection)
    assert detect(shape).name == "canove"
    assert shape["Messages"].primary_key == ("id",)
    assert shape["Messages"].columns["createdAt"].type == "timestamp with time zone"
    assert shape["Messages"].columns["fromMe"].type == "boolean"

"""What a source's database gets, and that all of it can be taken away again."""

from dataclasses import replace

import psycopg
import pytest

from cdc import slot
from cdc.flavours.registry import flavour
from cdc.postgres import Publication, Role, connect, names, read_state
from cdc.provision import ensure, remove, require_publication, to_install, to_remove
from schemas.errors import Fatal
from tests.cdc.test_postgres import EMPTY, PLAIN
from tests.cdc.ticketz_database import INSERT, as_role
from tests.stack_fixture import Database

TICKETZ = flavour("ticketz")
READER = Role(login=True, replication=False, superuser=False)
FOLLOWER = Role(login=True, replication=True, superuser=False)
COMPLETE = replace(EMPTY, publication=PLAIN, cdc_role=FOLLOWER, app_role=READER, missing_grants={})


def test_a_plan_of_an_empty_database_names_every_step_with_its_undo() -> None:
    steps = to_install(replace(EMPTY, missing_grants={"Contacts": ("id", "name")}), TICKETZ)
    assert [(step.sql, step.undo) for step in steps] == [
        (
            "CREATE PUBLICATION recado_loja FOR TABLE public.\"Messages\" WITH (publish = 'insert')",
            "DROP PUBLICATION IF EXISTS recado_loja",
        ),
        ("CREATE ROLE recado_cdc_loja LOGIN REPLICATION", "DROP ROLE IF EXISTS recado_cdc_loja"),
        ("ALTER ROLE recado_cdc_loja PASSWORD <generated>", None),
        ("CREATE ROLE recado_app_loja LOGIN CONNECTION LIMIT 10", "DROP ROLE IF EXISTS recado_app_loja"),
        ("ALTER ROLE recado_app_loja PASSWORD <generated>", None),
        (
            "ALTER ROLE recado_app_loja SET default_transaction_read_only = on; "
            "ALTER ROLE recado_app_loja SET statement_timeout = '2s'",
            None,
        ),
        (
            'GRANT SELECT ("id", "name") ON public."Contacts" TO recado_app_loja',
            'REVOKE SELECT ("id", "name") ON public."Contacts" FROM recado_app_loja',
        ),
    ]


def test_where_everything_is_there_nothing_is_to_be_done() -> None:
    assert to_install(COMPLETE, TICKETZ) == ()


def test_a_lost_password_is_the_only_step_when_all_else_is_there() -> None:
    steps = to_install(COMPLETE, TICKETZ, ["recado_app_loja"])
    assert [step.sql for step in steps] == ["ALTER ROLE recado_app_loja PASSWORD <generated>"]


def test_a_role_that_lost_an_attribute_gets_it_back() -> None:
    steps = to_install(replace(COMPLETE, cdc_role=replace(FOLLOWER, replication=False)), TICKETZ)
    assert [step.sql for step in steps] == ["ALTER ROLE recado_cdc_loja LOGIN REPLICATION"]


def test_a_publication_that_publishes_more_is_narrowed_to_ours() -> None:
    more = replace(PLAIN, operations=frozenset({"insert", "update"}))
    assert [step.sql for step in to_install(replace(COMPLETE, publication=more), TICKETZ)] == [
        'ALTER PUBLICATION recado_loja SET TABLE public."Messages"; '
        "ALTER PUBLICATION recado_loja SET (publish = 'insert')"
    ]


def test_a_publication_of_all_tables_is_made_anew() -> None:
    everything = Publication(True, frozenset({"insert"}), frozenset(), narrowed=False)
    assert [step.sql.split()[0] for step in to_install(replace(COMPLETE, publication=everything), TICKETZ)] == [
        "DROP",
        "CREATE",
    ]


def test_who_may_not_publish_is_told_what_the_owner_must_run() -> None:
    with pytest.raises(Fatal) as caught:
        to_install(replace(EMPTY, may_publish=False, table_owner="app"), TICKETZ)
    assert str(caught.value) == (
        "RCD-104: to be run by app: "
        "CREATE PUBLICATION recado_loja FOR TABLE public.\"Messages\" WITH (publish = 'insert')"
    )


@pytest.mark.parametrize(
    ("publication", "words"),
    [(None, "is missing"), (replace(PLAIN, narrowed=True), "publishes something else")],
)
def test_a_missing_or_different_publication_is_an_error_with_the_remedy(
    publication: Publication | None, words: str
) -> None:
    with pytest.raises(Fatal, match=f"RCD-104: publication recado_loja {words}; SQL: (CREATE|ALTER) PUBLICATION"):
        require_publication(replace(COMPLETE, publication=publication))
    require_publication(COMPLETE)


def test_removal_goes_in_an_order_that_the_database_accepts() -> None:
    steps = to_remove(replace(COMPLETE, granted_tables=('"Contacts"', '"Tickets"')))
    assert [step.sql for step in steps] == [
        "DROP PUBLICATION IF EXISTS recado_loja",
        'REVOKE ALL ON "Contacts", "Tickets" FROM recado_app_loja',
        "DROP ROLE IF EXISTS recado_app_loja",
        "DROP ROLE IF EXISTS recado_cdc_loja",
    ]
    assert to_remove(EMPTY) == ()


@pytest.mark.stack
def test_ensure_is_idempotent_and_remove_leaves_nothing(ticketz: Database) -> None:
    source = ticketz.name
    with connect(ticketz.dsn) as connection:
        before = read_state(connection, source, TICKETZ)
        first = ensure(connection, source, TICKETZ)
        assert set(first.passwords) == {f"recado_cdc_{source}", f"recado_app_{source}"}
        assert not any(password in repr(first) for password in first.passwords.values())
        after = read_state(connection, source, TICKETZ)
        require_publication(after)
        assert (after.cdc_role, after.app_role, after.missing_grants) == (FOLLOWER, READER, {})
        assert (ensure(connection, source, TICKETZ).steps, ensure(connection, source, TICKETZ).passwords) == (
            (),
            {},
        )

        remove(connection, source, TICKETZ)
        assert remove(connection, source, TICKETZ).steps == ()
        left = read_state(connection, source, TICKETZ)
    assert replace(left, slots_used=0) == replace(before, slots_used=0)


@pytest.mark.stack
def test_a_publication_that_someone_widened_is_put_right(ticketz: Database) -> None:
    ours = names(ticketz.name)
    with connect(ticketz.dsn) as connection:
        for wrong in (
            'FOR TABLE "Messages", "Settings"',
            'FOR TABLE "Messages" (id, "ticketId")',
            "FOR ALL TABLES",
        ):
            connection.execute(f"CREATE PUBLICATION {ours.publication} {wrong}".encode())
            ensure(connection, ticketz.name, TICKETZ)
            assert read_state(connection, ticketz.name, TICKETZ).publication == PLAIN
            remove(connection, ticketz.name, TICKETZ)


@pytest.mark.stack
def test_the_read_role_reads_named_columns_and_can_change_nothing(ticketz: Database) -> None:
    with connect(ticketz.dsn) as connection:
        passwords = ensure(connection, ticketz.name, TICKETZ).passwords
    role = names(ticketz.name).app_role
    with connect(as_role(ticketz.dsn, role, passwords[role])) as connection:
        assert connection.execute('SELECT name FROM "Contacts" WHERE id = 1').fetchone() == ("João da Silva",)
        for hidden in ('"passwordHash" FROM "Users"', 'email FROM "Users"', '"dataJson" FROM "Messages"',
                       'token FROM "Whatsapps"', 'value FROM "Settings"'):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT {hidden} LIMIT 1".encode())
        connection.execute("SET default_transaction_read_only = off")
        for change in (
            'UPDATE "Tickets" SET status = status',
            'DELETE FROM "Messages"',
            'INSERT INTO "Queues" VALUES (9)',
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(change.encode())
    with connect(as_role(ticketz.dsn, role, passwords[role])) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("2s",)
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("on",)


@pytest.mark.stack
def test_the_capturing_role_may_follow_changes_and_read_no_table(ticketz: Database) -> None:
    with connect(ticketz.dsn) as connection:
        passwords = ensure(connection, ticketz.name, TICKETZ).passwords
    role = names(ticketz.name).cdc_role
    with connect(as_role(ticketz.dsn, role, passwords[role])) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute('SELECT id FROM "Messages" LIMIT 1')
        connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [names(ticketz.name).slot])


@pytest.mark.stack
def test_who_may_create_no_roles_is_told_so(ticketz: Database) -> None:
    owner = f"dono_{ticketz.name}"
    with connect(ticketz.dsn) as connection:
        connection.execute(f"CREATE ROLE {owner} LOGIN PASSWORD 'x'".encode())
        connection.execute(f'ALTER TABLE "Messages" OWNER TO {owner}'.encode())
        connection.execute(f'GRANT CREATE ON DATABASE "{ticketz.name}" TO {owner}'.encode())
        try:
            with (
                connect(as_role(ticketz.dsn, owner, "x")) as owned,
                pytest.raises(Fatal, match=r"RCD-113: .*; SQL: CREATE ROLE recado_cdc_"),
            ):
                ensure(owned, ticketz.name, TICKETZ)
            assert read_state(connection, ticketz.name, TICKETZ).publication is None
        finally:
            connection.execute(f"REASSIGN OWNED BY {owner} TO postgres".encode())
            connection.execute(f"DROP OWNED BY {owner}".encode())
            connection.execute(f"DROP ROLE {owner}".encode())


@pytest.mark.stack
def test_a_table_of_someone_else_cannot_be_published(ticketz: Database) -> None:
    other = f"outro_{ticketz.name}"
    with connect(ticketz.dsn) as connection:
        connection.execute(f"CREATE ROLE {other} LOGIN PASSWORD 'x'".encode())
        try:
            with (
                connect(as_role(ticketz.dsn, other, "x")) as stranger,
                pytest.raises(Fatal, match="RCD-104: to be run by postgres: CREATE PUBLICATION"),
            ):
                ensure(stranger, ticketz.name, TICKETZ)
        finally:
            connection.execute(f"DROP ROLE {other}".encode())


@pytest.mark.stack
def test_a_slots_health_tells_what_it_holds_back(ticketz: Database) -> None:
    name = names(ticketz.name).slot
    with connect(ticketz.dsn) as connection:
        with pytest.raises(Fatal, match=r"RCD-103: slot .* does not exist"):
            slot.require_usable(slot.read(connection, name), name)
        connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [name])
        fresh = slot.read(connection, name)
        connection.execute(INSERT, ["A", 1, "x" * 1000, 1])
        later = slot.read(connection, name)
        assert fresh is not None
        assert later is not None
        slot.require_usable(later, name)
        assert (later.active, later.wal_status, later.usable) == (False, "reserved", True)
        assert fresh.lag_bytes is not None
        assert later.lag_bytes is not None
        assert later.lag_bytes > fresh.lag_bytes + 1000
        assert slot.drop(connection, name)
        assert not slot.drop(connection, name)


def test_a_lost_slot_is_fatal() -> None:
    with pytest.raises(Fatal, match="RCD-103: slot recado_loja is lost"):
        slot.require_usable(slot.SlotHealth(False, "lost", None, None, None), "recado_loja")

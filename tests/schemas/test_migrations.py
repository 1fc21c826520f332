"""The `recado` database goes up, down and up again, by a transaction, on a real PostgreSQL."""

import threading

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from schemas import migrations
from schemas.database import engine, transaction
from schemas.errors import Fatal, Invalid, RecadoError
from schemas.tables import metadata
from tests.recado_database import Postgres

pytestmark = pytest.mark.stack

CATALOGUE = """
    SELECT 'relation', c.relname, c.relkind::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'function', p.proname, p.prosrc FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger', t.tgname, t.tgrelid::regclass::text FROM pg_trigger t WHERE NOT t.tgisinternal
    UNION ALL SELECT 'constraint', k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k
              WHERE k.connamespace = 'public'::regnamespace
    UNION ALL SELECT 'column', table_name || '.' || column_name, data_type || coalesce(column_default, '')
              FROM information_schema.columns WHERE table_schema = 'public'
    ORDER BY 1, 2, 3
"""


def catalogue(url: str) -> list[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(CATALOGUE).fetchall()


def test_up_down_up_gives_the_same_database_and_down_leaves_nothing(recado_url: str) -> None:
    first = catalogue(recado_url)
    migrations.downgrade(recado_url)
    assert catalogue(recado_url) == []
    migrations.upgrade(recado_url)
    assert catalogue(recado_url) == first


def test_the_second_upgrade_does_nothing(server_url: str) -> None:
    assert migrations.create_database(server_url) is True
    assert migrations.create_database(server_url) is False
    assert migrations.upgrade(server_url) == [
        "0001: Sources, tenants, agents, channels, flags, audit, and the version that every change of them raises.",
        "0002: The install journal: what was done to whose systems, with the old value and the undo of each step.",
        "0003: Hours and holidays of a tenant, numbers that refuse, and the limits of a channel.",
    ]
    before = catalogue(server_url)
    assert migrations.upgrade(server_url) == []
    assert catalogue(server_url) == before


def test_an_upgrade_keeps_what_is_stored(recado_url: str) -> None:
    with psycopg.connect(recado_url) as connection:
        connection.execute("INSERT INTO flags (name, value) VALUES ('global', true)")
    migrations.upgrade(recado_url)
    with psycopg.connect(recado_url) as connection:
        assert connection.execute("SELECT name, value FROM flags").fetchall() == [("global", True)]


def test_two_upgrades_at_once_are_one_after_the_other(server_url: str) -> None:
    migrations.create_database(server_url)
    ran: list[int] = []
    threads = [threading.Thread(target=lambda: ran.append(len(migrations.upgrade(server_url)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(ran) == [0, 0, 3]


def test_the_tables_in_code_are_the_migrated_ones(recado_url: str) -> None:
    with engine(recado_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_a_database_without_our_migration_is_rcd_803(server_url: str) -> None:
    migrations.create_database(server_url)
    with pytest.raises(RecadoError) as refused, transaction(server_url) as connection:
        migrations.check(connection)
    assert (refused.value.code, refused.value.recoverable) == ("RCD-803", True)


def test_a_missing_table_is_rcd_803_too(server_url: str) -> None:
    migrations.create_database(server_url)
    with pytest.raises(RecadoError) as refused, transaction(server_url) as connection:
        connection.execute(metadata.tables["sources"].select())
    assert refused.value.code == "RCD-803"


def test_a_database_that_a_newer_release_migrated_is_accepted(recado_url: str) -> None:
    with psycopg.connect(recado_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with transaction(recado_url) as connection:
        migrations.check(connection)
    assert migrations.upgrade(recado_url) == []


def test_a_server_that_does_not_answer_is_rcd_801() -> None:
    with pytest.raises(RecadoError) as refused:
        migrations.upgrade("postgresql://recado@127.0.0.1:1/recado")
    assert (refused.value.code, refused.value.recoverable) == ("RCD-801", True)


def test_a_database_that_does_not_exist_is_rcd_801(server_url: str) -> None:
    with pytest.raises(RecadoError) as refused:
        migrations.upgrade(server_url)
    assert refused.value.code == "RCD-801"
    assert "does not exist" in refused.value.detail


def test_a_wrong_password_is_rcd_802_and_is_not_shown(postgres: Postgres, recado_url: str) -> None:
    with psycopg.connect(recado_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE locked LOGIN PASSWORD 'right'")
    access = postgres.data / "pg_hba.conf"
    trusting = access.read_text()
    try:
        access.write_text("host all locked 127.0.0.1/32 scram-sha-256\n" + trusting)
        with psycopg.connect(recado_url, autocommit=True) as connection:
            connection.execute("SELECT pg_reload_conf()")
        wrong = recado_url.replace("postgres@", "locked:hunter2@")
        with pytest.raises(Fatal) as refused:
            migrations.upgrade(wrong)
        assert refused.value.code == "RCD-802"
        assert "hunter2" not in str(refused.value)
    finally:
        access.write_text(trusting)
        with psycopg.connect(recado_url, autocommit=True) as connection:
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("DROP ROLE locked")


def test_an_address_that_is_none_is_rcd_601_and_is_not_shown() -> None:
    for address in ("hunter2", "mysql://recado:hunter2@host/recado", "postgresql://recado:hunter2@host"):
        with pytest.raises(Invalid) as refused:
            migrations.upgrade(address)
        assert refused.value.code == "RCD-601"
        assert "hunter2" not in str(refused.value)


def test_every_change_raises_the_version_and_notifies(recado_url: str) -> None:
    with (
        psycopg.connect(recado_url, autocommit=True) as listener,
        psycopg.connect(recado_url, autocommit=True) as writer,
    ):
        listener.execute("LISTEN recado_config")
        writer.execute("INSERT INTO channels (channel_id, provider) VALUES ('phones', 'sandbox')")
        writer.execute("UPDATE channels SET session_number = '+5511987654321'")
        writer.execute("INSERT INTO audit (who, via, what, subject) VALUES ('ana', 'cli', 'channel.add', 'phones')")
        writer.execute("DELETE FROM channels")
        told = [note.payload for note in listener.notifies(timeout=10, stop_after=3)]
        assert told == ["1", "2", "3"]
        assert writer.execute("SELECT version FROM config_state").fetchall() == [(3,)]


@pytest.mark.parametrize("statement", ["UPDATE audit SET why = ''", "DELETE FROM audit", "TRUNCATE audit"])
def test_the_audit_only_grows(recado_url: str, statement: str) -> None:
    with psycopg.connect(recado_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO audit (who, via, what, subject) VALUES ('ana', 'cli', 'flag.set', 'global')"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO sources (source, flavour, dsn_ref) VALUES ('Loja', 'ticketz', 'env:DSN')",
        "INSERT INTO sources (source, flavour) VALUES ('loja', 'ticketz')",
        "INSERT INTO tenants (source, company) VALUES ('shop', '?')",
        "INSERT INTO tenants (source, company, mode) VALUES ('shop', '1', 'loud')",
        "INSERT INTO tenants (source, company, recipients) VALUES ('shop', '1', '{everybody}')",
        "INSERT INTO agents (source, company, user_id) VALUES ('shop', '9', 1)",
        "INSERT INTO agents (source, company, user_id, whatsapp_notification_number) VALUES ('shop', '2', 1, '1')",
        "INSERT INTO agents (source, company, user_id, state) VALUES ('shop', '2', 1, 'verified')",
    ],
)
def test_the_database_itself_refuses_what_makes_no_sense(recado_url: str, statement: str) -> None:
    with psycopg.connect(recado_url, autocommit=True) as connection:
        connection.execute("INSERT INTO sources (source, flavour, dsn_ref) VALUES ('shop', 'ticketz', 'env:DSN')")
        connection.execute("INSERT INTO tenants (source, company) VALUES ('shop', '2')")
        with pytest.raises(psycopg.errors.IntegrityError):
            connection.execute(statement.encode())

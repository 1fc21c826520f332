"""A schema listing becomes the fork's tables on PostgreSQL."""

from pathlib import Path

from deploy.demo import ddl

SCHEMAS = Path(__file__).parents[1] / "traces" / "schemas"


def test_ticketz_keys_a_message_by_id_and_ticket() -> None:
    messages = ddl.read(SCHEMAS / "ticketz.tsv")["Messages"]

    assert messages.primary_key == ("id", "ticketId")
    assert messages.columns["createdAt"].sql() == '"createdAt" timestamp with time zone NOT NULL'
    assert messages.columns["fromMe"].sql() == '"fromMe" boolean DEFAULT false NOT NULL'


def test_tables_without_a_primary_key_stay_so() -> None:
    tables = ddl.read(SCHEMAS / "ticketz.tsv")

    assert sorted(name for name, table in tables.items() if not table.primary_key) == [
        "ContactTags",
        "Settings",
        "TicketTags",
        "Translations",
    ]


def test_generated_columns_are_left_to_the_database() -> None:
    tracking = ddl.read(SCHEMAS / "ticketz.tsv")["TicketTraking"]

    assert sorted(name for name, column in tracking.columns.items() if column.generated) == [
        "serviceTime",
        "waitTime",
    ]
    assert tracking.columns["waitTime"].sql().startswith('"waitTime" integer GENERATED ALWAYS AS (')


def test_mariadb_types_become_postgresqls() -> None:
    messages = ddl.read(SCHEMAS / "canove.tsv")["Messages"]

    assert [messages.columns[name].sql() for name in ("id", "fromMe", "createdAt", "ticketId")] == [
        '"id" varchar(255) NOT NULL',
        '"fromMe" boolean DEFAULT false NOT NULL',
        '"createdAt" timestamptz NOT NULL',
        '"ticketId" integer NOT NULL',
    ]
    assert ddl.read(SCHEMAS / "canove.tsv")["Tickets"].columns["id"].sql() == '"id" serial NOT NULL'


def test_indexes_come_from_either_listing() -> None:
    ticketz = ddl.indexes(SCHEMAS / "ticketz.indexes.tsv", ddl.read(SCHEMAS / "ticketz.tsv"))
    press = ddl.indexes(SCHEMAS / "press.indexes.tsv", ddl.read(SCHEMAS / "press.tsv"))

    assert 'CREATE INDEX idx_cont_company_id ON "Contacts" USING btree ("companyId");' in ticketz
    assert "public" not in ticketz
    assert press.count("CREATE INDEX ") == press.count(";") > 0

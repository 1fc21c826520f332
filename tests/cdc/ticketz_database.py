"""ticketz's true tables and the rows from which its recorded scenarios start."""

from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

from deploy.demo import ddl

TRACES = Path(__file__).parents[1] / "traces"
INSERT = """
    INSERT INTO "Messages" (id, "ticketId", body, "fromMe", "contactId", "companyId", "remoteJid",
                            "createdAt", "updatedAt")
    VALUES (%s, %s, %s, false, %s, 1, '5511991110001@s.whatsapp.net', now(), now())"""


def fill(dsn: str) -> None:
    """Create the tables and load the base rows."""
    listing = TRACES / "schemas" / "ticketz.tsv"
    with psycopg.connect(dsn, autocommit=True) as connection:
        run(connection, ddl.statements(listing))
        run(connection, ddl.indexes(TRACES / "schemas" / "ticketz.indexes.tsv", ddl.read(listing)))
        run(connection, (TRACES / "ticketz" / "base.sql").read_text(encoding="utf-8"))


def run(connection: psycopg.Connection[tuple[object, ...]], script: str) -> None:
    """Run a script of several statements."""
    connection.execute(script.encode())


def as_role(dsn: str, role: str, password: str) -> str:
    """Return the same database's URL for another role."""
    address = urlsplit(dsn)
    host = address.netloc.rpartition("@")[2]
    return urlunsplit(address._replace(netloc=f"{role}:{quote(password, safe='')}@{host}"))

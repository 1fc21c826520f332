"""A source's PostgreSQL database as it is: reachable or not, what of ours is there. Looks only, changes nothing.

What to do about it is in `cdc.provision`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cdc.flavours.api import Flavour
from schemas.errors import Fatal, Invalid, Recoverable
from schemas.identity import SOURCE

Connection = psycopg.Connection[Any]
SCHEMA = "public"
TABLE = "Messages"
CONNECT_S = 5
LIMITS = ("default_transaction_read_only=on", "statement_timeout=2s")
"""What the app role's sessions start with: it only reads, and never for long."""

_REFUSED = re.compile(r"password|senha|no pg_hba.conf entry|role \".*\" does not exist", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Names:
    """The names of our objects in a source's database."""

    publication: str
    slot: str
    cdc_role: str
    app_role: str


def names(source: str) -> Names:
    """Return the names for a source id; they need no quoting.

    Raises:
        Invalid: RCD-405, not a source id.
    """
    if not SOURCE.fullmatch(source):
        raise Invalid("RCD-405", f"a source id is made of a-z, 0-9 and _, at most 31 characters: {source!r}")
    return Names(f"recado_{source}", f"recado_{source}", f"recado_cdc_{source}", f"recado_app_{source}")


def connect(dsn: str) -> Connection:
    """Open a connection in autocommit mode. Blocks for at most about 5 s.

    Raises:
        Recoverable: RCD-110, not reachable.
        Invalid: RCD-111, the server refuses the user or password, or the connection string cannot be read.
    """
    try:
        known = conninfo_to_dict(dsn)
    except psycopg.Error:
        raise Invalid("RCD-111", "the connection string cannot be read") from None
    where = f"{known.get('host', 'localhost')}:{known.get('port', 5432)}/{known.get('dbname', '')}"
    try:
        return psycopg.connect(
            make_conninfo(dsn, connect_timeout=CONNECT_S, application_name="recado"), autocommit=True
        )
    except psycopg.OperationalError as error:
        # The server gives no code for a refused connection. Its words hold the user's name, never the password.
        if (error.pgconn is not None and error.pgconn.needs_password) or _REFUSED.search(str(error)):
            raise Invalid("RCD-111", f"{where} refuses user {known.get('user', '')!r}") from None
        raise Recoverable("RCD-110", f"{where}: {_first_cause(error)}") from None


def _first_cause(error: Exception) -> str:
    return str(error).splitlines()[0].rpartition("failed: ")[2][:200]


@dataclass(frozen=True, slots=True)
class Publication:
    """A publication as it is. `operations` are those it publishes; `narrowed` if it filters rows or columns."""

    all_tables: bool
    operations: frozenset[str]
    tables: frozenset[tuple[str, str]]
    narrowed: bool

    @property
    def fits(self) -> bool:
        """Plain and insert-only, of `Messages` alone: anything else loses rows or breaks the application."""
        plain = not self.all_tables and not self.narrowed and self.tables == {(SCHEMA, TABLE)}
        return plain and self.operations == {"insert"}


@dataclass(frozen=True, slots=True)
class Role:
    """A role as it is."""

    login: bool
    replication: bool
    superuser: bool


@dataclass(frozen=True, slots=True)
class SourceState:
    """What there is in a source's database.

    `missing_grants`: column selects that the app role lacks. `granted_tables`: where it holds privileges itself.
    `missing_limits`: those of `LIMITS` that the app role lacks; empty while there is no such role.
    """

    names: Names
    version: int
    wal_level: str
    slots_used: int
    slots_max: int
    slot_exists: bool
    table_owner: str | None
    may_publish: bool
    publication: Publication | None
    cdc_role: Role | None
    app_role: Role | None
    missing_grants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    granted_tables: tuple[str, ...] = ()
    missing_limits: tuple[str, ...] = ()


def read_state(connection: Connection, source: str, flavour: Flavour) -> SourceState:
    """Look at the database; changes nothing. Works for any role that may connect."""
    ours = names(source)
    one = connection.execute(
        """SELECT current_setting('server_version_num')::int, current_setting('wal_level'),
                  (SELECT count(*) FROM pg_replication_slots),
                  current_setting('max_replication_slots')::int,
                  EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = %s),
                  has_database_privilege(current_database(), 'CREATE')""",
        [ours.slot],
    ).fetchone()
    owner = connection.execute(
        """SELECT pg_get_userbyid(relowner), pg_has_role(relowner, 'USAGE') FROM pg_class
            WHERE relnamespace = to_regnamespace(%s) AND relname = %s AND relkind IN ('r', 'p')""",
        [SCHEMA, TABLE],
    ).fetchone()
    roles = {
        name: Role(login, replication, superuser)
        for name, login, replication, superuser in connection.execute(
            "SELECT rolname, rolcanlogin, rolreplication, rolsuper FROM pg_roles WHERE rolname = ANY(%s)",
            [[ours.cdc_role, ours.app_role]],
        )
    }
    missing = _missing_grants(connection, ours.app_role, flavour) if ours.app_role in roles else flavour.grants
    assert one is not None  # noqa: S101 - a SELECT of constants has one row
    return SourceState(
        names=ours,
        version=one[0],
        wal_level=one[1],
        slots_used=one[2],
        slots_max=one[3],
        slot_exists=one[4],
        table_owner=owner[0] if owner else None,
        may_publish=bool(owner and owner[1] and one[5]),
        publication=_publication(connection, ours.publication, one[0]),
        cdc_role=roles.get(ours.cdc_role),
        app_role=roles.get(ours.app_role),
        missing_grants=missing,
        granted_tables=_granted_tables(connection, ours.app_role),
        missing_limits=_missing_limits(connection, ours.app_role),
    )


def _publication(connection: Connection, name: str, version: int) -> Publication | None:
    found = connection.execute(
        """SELECT oid, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate
             FROM pg_publication WHERE pubname = %s""",
        [name],
    ).fetchone()
    if found is None:
        return None
    tables = connection.execute(
        "SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = %s", [name]
    ).fetchall()
    narrowed = False
    if version >= 150_000:  # row filters and column lists came with PostgreSQL 15
        narrowed = bool(
            connection.execute(
                "SELECT FROM pg_publication_rel WHERE prpubid = %s AND (prqual IS NOT NULL OR prattrs IS NOT NULL)",
                [found[0]],
            ).fetchone()
        )
    operations = zip(("insert", "update", "delete", "truncate"), found[2:], strict=True)
    return Publication(
        all_tables=found[1],
        operations=frozenset(name for name, published in operations if published),
        tables=frozenset((schema, table) for schema, table in tables),
        narrowed=narrowed,
    )


def _missing_grants(connection: Connection, role: str, flavour: Flavour) -> dict[str, tuple[str, ...]]:
    missing: dict[str, tuple[str, ...]] = {}
    for table, columns in flavour.grants.items():
        readable = {
            name
            for (name,) in connection.execute(
                """SELECT attname FROM pg_attribute
                    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
                      AND has_column_privilege(%s::text, attrelid, attnum, 'SELECT')""",
                [f'{SCHEMA}."{table}"', role],
            )
        }
        lacking = tuple(column for column in columns if column not in readable)
        if lacking:
            missing[table] = lacking
    return missing


def _granted_tables(connection: Connection, role: str) -> tuple[str, ...]:
    """Return the tables that a role could not be dropped for, quoted where they need it."""
    rows = connection.execute(
        """SELECT DISTINCT d.objid::regclass::text
             FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
             JOIN pg_database b ON b.oid = d.dbid AND b.datname = current_database()
            WHERE d.refclassid = 'pg_authid'::regclass AND d.classid = 'pg_class'::regclass AND r.rolname = %s
            ORDER BY 1""",
        [role],
    )
    return tuple(name for (name,) in rows)


def _missing_limits(connection: Connection, role: str) -> tuple[str, ...]:
    found = connection.execute(
        "SELECT coalesce(rolconfig, '{}') FROM pg_roles WHERE rolname = %s", [role]
    ).fetchone()
    return () if found is None else tuple(limit for limit in LIMITS if limit not in found[0])


def readable_columns(connection: Connection, role: str) -> dict[str, tuple[str, ...]]:
    """Return every column that a role may select in this database, by whatever way (PUBLIC, membership) it may.

    Asks the server's own rules, not the grants that we made. Catalogues and empty answers are left out.
    """
    rows = connection.execute(
        """SELECT CASE WHEN n.nspname = %s THEN c.relname ELSE n.nspname || '.' || c.relname END,
                  array_agg(a.attname::text ORDER BY a.attnum)
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
              AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
              AND has_schema_privilege(%s::text, n.oid, 'USAGE')
              AND has_column_privilege(%s::text, c.oid, a.attnum, 'SELECT')
            GROUP BY 1 ORDER BY 1""",
        [SCHEMA, role, role],
    )
    return {table: tuple(columns) for table, columns in rows}


def require_logical(state: SourceState) -> None:
    """Check that changes can be captured.

    Raises:
        Fatal: RCD-101, `wal_level` is not logical; RCD-102, no slot is free for ours.
    """
    if state.wal_level != "logical":
        raise Fatal("RCD-101", f"wal_level is '{state.wal_level}', Debezium needs 'logical'")
    if not state.slot_exists and state.slots_used >= state.slots_max:
        raise Fatal("RCD-102", f"no free replication slot ({state.slots_used} of {state.slots_max})")

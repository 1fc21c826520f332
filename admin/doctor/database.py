"""A source's database: what it is, what it offers, what of ours is there, and that no more is readable."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from admin.doctor.finding import Check, State, Told
from admin.install import system
from admin.install.address import Place
from cdc import provision, slot
from cdc.flavours.api import Flavour
from cdc.flavours.detect import detect, read_shape
from cdc.postgres import SCHEMA, TABLE, Connection, Names, SourceState, connect, read_state, readable_columns
from schemas.errors import Invalid

SKEW_WARN_S, SKEW_FAIL_S = 2.0, 60.0
BIG = 2**30
OK, WARN, FAIL, SKIP = State.OK, State.WARN, State.FAIL, State.SKIP


@dataclass(frozen=True)
class Subject:
    """A database to look at. `installed`: ours must be there; else it is only told whether it could be.

    `app_password` None: nothing is asked as the read role. `ours` None: no source has been named.
    """

    connection: Connection
    conninfo: str = field(repr=False)
    place: Place
    source: str
    ours: Names | None
    installed: bool
    flavour: str | None = None
    app_password: str | None = field(default=None, repr=False)
    offset_ms: int = 0


class Database:
    """The checks of one database, each by itself."""

    def __init__(self, subject: Subject) -> None:
        self._of = subject
        self._connection = subject.connection

    def checks(self) -> list[tuple[str, Check]]:
        """Return name and look of every check."""
        found: list[tuple[str, Check]] = [
            ("server", self.server),
            ("flavour", self.flavour),
            ("wal_level", self.wal_level),
            ("slots", self.slots),
            ("wal cap", self.cap),
            ("clock", self.clock),
            ("access", self.trust),
            ("createdAt", self.created),
        ]
        if self._of.ours is not None:
            found += [
                ("publication", self.publication),
                ("roles", self.roles),
                ("grants", self.grants),
                ("secrets of Whaticket", self.hidden),
                ("slot", self.slot),
            ]
        return found

    # ── the server ───────────────────────────────────────────────────────────────

    def server(self) -> Iterator[Told]:
        """Version, size and how much there is of what."""
        version, size, user = self._one(
            "SELECT current_setting('server_version'), pg_database_size(current_database()), current_user"
        )
        rows = self._connection.execute(
            """SELECT relname, greatest(reltuples, 0)::bigint FROM pg_class
                WHERE relnamespace = to_regnamespace(%s) AND relkind IN ('r', 'p')
                  AND relname IN ('Messages', 'Tickets', 'Users', 'Companies') ORDER BY relname""",
            [SCHEMA],
        )
        told = ", ".join(f"about {count:,} {name}" for name, count in rows)
        yield OK, f"PostgreSQL {version}, {system.size(int(size))}, as {user}; {told or 'no tables of Whaticket'}"

    def flavour(self) -> Iterator[Told]:
        """Which Whaticket it is."""
        found = self._fork
        if self._of.flavour is not None and self._of.flavour != found.name:
            raise Invalid("RCD-112", f"said to be {self._of.flavour}; its schema is {found.name}'s")
        yield OK, found.name

    @cached_property
    def _fork(self) -> Flavour:
        engine = create_engine(
            "postgresql+psycopg://", creator=lambda: connect(self._of.conninfo), poolclass=NullPool
        )
        with engine.connect() as opened:
            return detect(read_shape(opened))

    def wal_level(self) -> Iterator[Told]:
        """Whether changes can be captured."""
        server = system.read(self._connection)
        level = server.settings[system.WAL_LEVEL]
        if level.value == "logical":
            yield OK, "logical"
            return
        done = "ALTER SYSTEM is done; PostgreSQL must restart" if level.altered == "logical" else "install sets it"
        yield FAIL, f"wal_level is '{level.value}', Debezium needs 'logical'; {done}: {system.RESTART}", "RCD-101"

    def slots(self) -> Iterator[Told]:
        """Whether there is room for our slot; whose the others are."""
        server = system.read(self._connection)
        ours = self._of.ours.slot if self._of.ours is not None else ""
        foreign = server.foreign(ours)
        system.require_room(server, ours)
        senders = f"{server.senders_used} of {server.senders_max} senders"
        told = f"{len(server.slots)} of {server.slots_max} slots, {senders}"
        heavy = [found for found in foreign if not found.active and (found.retained_bytes or 0) > BIG]
        if heavy:
            yield WARN, f"{told}; not ours and not followed: {system.slots_told(heavy)}", "RCD-102"
        else:
            yield OK, f"{told}; not ours: {system.slots_told(foreign)}"

    def cap(self) -> Iterator[Told]:
        """Whether a stopped connector could fill the database's disk."""
        (keep,) = self._one(f"SELECT current_setting('{system.KEEP}')")
        if keep == "-1":
            yield WARN, f"{system.KEEP} is unlimited: a connector that stops for long fills the database's disk"
        else:
            yield OK, f"at most {keep} of WAL are kept for a slot"

    def clock(self) -> Iterator[Told]:
        """Whether the database's clock is ours."""
        before = time.time()
        (there,) = self._one("SELECT extract(epoch FROM clock_timestamp())::float8")
        after = time.time()
        skew = float(there) - (before + after) / 2
        text = f"the database's clock is {abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}"
        if abs(skew) <= SKEW_WARN_S + (after - before):
            yield OK, text
        else:
            yield (FAIL if abs(skew) > SKEW_FAIL_S else WARN), text, "RCD-117"

    def trust(self) -> Iterator[Told]:
        """Whether anybody may enter without a password."""
        rows = self._connection.execute(
            "SELECT line_number FROM pg_hba_file_rules WHERE auth_method = 'trust' AND type <> 'local'"
        ).fetchall()
        if rows:
            lines = ", ".join(str(line) for (line,) in rows)
            yield WARN, f"pg_hba.conf lets in without a password: line {lines}"
        else:
            yield OK, "a password is asked for"

    def created(self) -> Iterator[Told]:
        """Whether `createdAt` is UTC, told by the newest row where an index leads to it."""
        indexed = self._connection.execute(
            """SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                WHERE i.indrelid = to_regclass(%s) AND a.attname = 'createdAt'""",
            [f'{SCHEMA}."{TABLE}"'],
        ).fetchone()
        if indexed is None:
            yield SKIP, "no index leads to the newest row; it is measured on captured rows"
            return
        (age,) = self._one(
            f"""SELECT extract(epoch FROM now() - max("createdAt"))::float8 FROM {SCHEMA}."{TABLE}" """  # noqa: S608
        )
        if age is None:
            yield SKIP, "no row to measure"
            return
        seconds = float(age) - self._of.offset_ms / 1000
        if seconds < -300:
            yield WARN, f"the newest row is {system.age(-seconds)} in the future", "RCD-107"
        else:
            yield OK, f"the newest row is {system.age(max(0.0, seconds))} old"

    # ── what is ours ─────────────────────────────────────────────────────────────

    def _state(self) -> tuple[SourceState, Flavour]:
        fork = self._fork
        return read_state(self._connection, self._of.source, fork), fork

    def publication(self) -> Iterator[Told]:
        """Whether new rows of `Messages` are published, and nothing else."""
        state, fork = self._state()
        if state.publication is None:
            if self._of.installed:
                provision.require_publication(state)
            provision.to_install(state, fork)  # says what the table's owner must run, if we may not
            yield SKIP, "not there yet; recado install makes it"
        elif (SCHEMA, TABLE) not in state.publication.tables:
            yield (
                FAIL,
                (
                    f'"{TABLE}" left publication {state.names.publication}: the table was made anew. '
                    "The capture is alive but blind"
                ),
                "RCD-105",
            )
        else:
            provision.require_publication(state)
            yield OK, f"{state.names.publication}: inserts of {TABLE} alone; the table is {state.table_owner}'s"

    def roles(self) -> Iterator[Told]:
        """Whether our roles are there and are what they should be."""
        state, _ = self._state()
        ours = state.names
        for name, role, follows in ((ours.cdc_role, state.cdc_role, True), (ours.app_role, state.app_role, False)):
            if role is None:
                yield (FAIL, f"{name} is missing", "RCD-113") if self._of.installed else (SKIP, f"{name}: not yet")
            elif role.superuser:
                yield FAIL, f"{name} is a superuser", "RCD-116"
            elif not role.login or role.replication != follows:
                yield FAIL, f"{name}: login {role.login}, replication {role.replication}", "RCD-113"
            elif name == ours.app_role and state.missing_limits:
                yield FAIL, f"{name} lacks {', '.join(state.missing_limits)}", "RCD-113"
            else:
                yield OK, name

    def grants(self) -> Iterator[Told]:
        """Whether our roles read exactly what they need, by whatever way they may."""
        state, fork = self._state()
        ours = state.names
        if state.app_role is None or state.cdc_role is None:
            yield SKIP, "no roles yet"
            return
        if state.missing_grants:
            lacking = "; ".join(f"{table}: {', '.join(names)}" for table, names in state.missing_grants.items())
            yield FAIL, f"{ours.app_role} may not read {lacking}", "RCD-113"
        extra = [
            f"{table}.{column}"
            for table, columns in readable_columns(self._connection, ours.app_role).items()
            for column in columns
            if column not in fork.grants.get(table, ())
        ]
        extra += [f"{table} (by {ours.cdc_role})" for table in readable_columns(self._connection, ours.cdc_role)]
        if extra:
            more = f" and {len(extra) - 8} more" if len(extra) > 8 else ""
            yield FAIL, f"readable and not needed: {', '.join(extra[:8])}{more}", "RCD-116"
        if not extra and not state.missing_grants:
            count = sum(map(len, fork.grants.values()))
            yield OK, f"{count} columns of {len(fork.grants)} tables and nothing else"

    def hidden(self) -> Iterator[Told]:
        """Ask for the password hashes as the read role, as a thief of its password would."""
        ours, password = self._of.ours, self._of.app_password
        if ours is None or password is None:
            yield SKIP, "the read role's password is not at hand"
            return
        with connect(self._of.place.login(ours.app_role, password)) as opened:
            try:
                opened.execute('SELECT "passwordHash" FROM "Users" LIMIT 0')
            except psycopg.errors.InsufficientPrivilege:
                yield OK, 'SELECT "passwordHash" is refused'
            else:
                yield FAIL, f'{ours.app_role} may SELECT "passwordHash"', "RCD-116"

    def slot(self) -> Iterator[Told]:
        """Whether the slot is followed and still good."""
        assert self._of.ours is not None  # noqa: S101 - asked for named sources only
        name = self._of.ours.slot
        health = slot.read(self._connection, name)
        if health is None and not self._of.installed:
            yield SKIP, "not there yet; the connector makes it"
            return
        slot.require_usable(health, name)
        assert health is not None  # noqa: S101 - just checked
        kept = system.size(health.retained_bytes or 0)
        left = "" if health.safe_bytes is None else f", lost after {system.size(max(0, health.safe_bytes))} more"
        if health.active:
            yield OK, f"{name} is followed; {kept} kept, {system.size(max(0, health.lag_bytes or 0))} to confirm"
        else:
            yield FAIL, f"{name} is not followed; {kept} kept{left}", "RCD-203"

    def _one(self, query: str) -> tuple[Any, ...]:
        found = self._connection.execute(query.encode()).fetchone()
        assert found is not None  # noqa: S101 - a SELECT of an aggregate or a constant has one row
        return tuple(found)

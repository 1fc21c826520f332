"""The server's own settings that capturing needs: `wal_level`, a cap on kept WAL, free slots."""

from dataclasses import dataclass

import psycopg
from psycopg import sql

from admin.install.journal import Journal
from admin.install.step import Line, Step
from cdc import slot
from cdc.postgres import Connection
from schemas.errors import Fatal

WAL_LEVEL = "wal_level"
KEEP = "max_slot_wal_keep_size"
CAP = "2GB"
RESTART = "docker compose restart <service>, or: systemctl restart postgresql"


@dataclass(frozen=True, slots=True)
class Setting:
    """A server's setting: in force, in the file that ALTER SYSTEM writes (None: not there), from where it came."""

    value: str
    altered: str | None
    origin: str
    awaits_restart: bool


@dataclass(frozen=True, slots=True)
class Server:
    """What the server offers to a capture."""

    version: str
    settings: dict[str, Setting]
    slots: tuple[slot.Slot, ...]
    slots_max: int
    senders_used: int
    senders_max: int
    may_alter: bool

    def foreign(self, ours: str) -> list[slot.Slot]:
        """Return the slots that are not this source's."""
        return [found for found in self.slots if found.name != ours]


def read(connection: Connection) -> Server:
    """Look at the server; changes nothing. Works for any role that may connect."""
    one = connection.execute(
        """SELECT current_setting('server_version'), current_setting('max_replication_slots')::int,
                  current_setting('max_wal_senders')::int, (SELECT count(*) FROM pg_stat_replication),
                  (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"""
    ).fetchone()
    assert one is not None  # noqa: S101 - a SELECT of constants has one row
    altered = _altered(connection)
    rows = connection.execute(
        """SELECT name, current_setting(name), source, pending_restart FROM pg_settings WHERE name = ANY(%s)""",
        [[WAL_LEVEL, KEEP]],
    )
    settings = {name: Setting(value, altered.get(name), origin, pending) for name, value, origin, pending in rows}
    return Server(one[0], settings, slot.listed(connection), one[1], one[3], one[2], bool(one[4]))


def _altered(connection: Connection) -> dict[str, str]:
    """Return what ALTER SYSTEM has written. Only administrators may see it; for others nothing is known."""
    try:
        rows = connection.execute(
            """SELECT name, setting FROM pg_file_settings
                WHERE name = ANY(%s) AND sourcefile LIKE '%%postgresql.auto.conf'""",
            [[WAL_LEVEL, KEEP]],
        ).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return {}
    return {name: str(value) for name, value in rows}


def slots_told(slots: list[slot.Slot]) -> str:
    """Return slots as a person reads them: name, whether it is followed, for how long not, what it keeps."""
    return ", ".join(f"{found.name} ({_told(found)})" for found in slots) or "none"


def _told(found: slot.Slot) -> str:
    kept = "lost" if found.retained_bytes is None else size(found.retained_bytes)
    if found.active:
        return f"active, {kept}"
    return f"inactive {age(found.idle_s)}, {kept}" if found.idle_s is not None else f"inactive, {kept}"


def size(count: int) -> str:
    """Return bytes as a person reads them."""
    return next(
        (
            f"{count / unit:.1f} {name}"
            for unit, name in ((2**30, "GB"), (2**20, "MB"), (2**10, "kB"))
            if count >= unit
        ),
        f"{count} B",
    )


def age(seconds: float) -> str:
    """Return a span as a person reads it."""
    return next(
        (
            f"{int(seconds // unit)} {name}"
            for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min"))
            if seconds >= unit
        ),
        f"{int(seconds)} s",
    )


def require_room(server: Server, ours: str) -> None:
    """Check that our slot, or one more, has its place.

    Raises:
        Fatal: RCD-102, no slot or no sender is free; foreign slots are named and never dropped.
    """
    if any(found.name == ours for found in server.slots):
        return
    if len(server.slots) >= server.slots_max:
        told = slots_told(server.foreign(ours))
        raise Fatal(
            "RCD-102", f"no free replication slot ({len(server.slots)} of {server.slots_max}). Not ours: {told}"
        )
    if server.senders_used >= server.senders_max:
        raise Fatal(
            "RCD-102", f"no free WAL sender ({server.senders_used} of {server.senders_max}: max_wal_senders)"
        )


def to_set(connection: Connection, server: Server, source: str, ours: str, address: str) -> list[Step]:
    """Return the settings to change, each with the value from before; `address` tells the server from others.

    Raises:
        Fatal: RCD-101, `wal_level` can be changed by somebody else only.
    """
    steps = []
    level = server.settings[WAL_LEVEL]
    if level.value != "logical" and level.altered != "logical":
        if level.origin == "command line":
            raise Fatal("RCD-101", f"wal_level is '{level.value}' by the server's command line; set it there")
        if not server.may_alter:
            raise Fatal(
                "RCD-101", f"wal_level is '{level.value}'; an administrator must run: {_set(WAL_LEVEL, 'logical')}"
            )
        steps.append(_step(connection, source, WAL_LEVEL, "logical", level, address))
    keep = server.settings[KEEP]
    # A cap holds for every slot: one of somebody else that lags must not be lost because of us.
    if keep.value == "-1" and keep.origin != "command line" and server.may_alter and not server.foreign(ours):
        steps.append(_step(connection, source, KEEP, CAP, keep, address))
    return steps


def _set(name: str, value: str) -> str:
    return f"ALTER SYSTEM SET {name} = '{value}'"


def to_restore(
    connection: Connection, server: Server, source: str, ours: str, journal: Journal, address: str
) -> list[Step]:
    """Return what brings the settings back that an installation of ours changed, where nobody else needs them."""
    steps = []
    others = server.foreign(ours)
    kept_by = {
        WAL_LEVEL: [found for found in others if found.plugin is not None],
        KEEP: [found for found in others if found.name.startswith("recado_")],
    }
    for name, value in ((WAL_LEVEL, "logical"), (KEEP, CAP)):
        before = journal.before(f"alter {name}", server=address)
        if before is None or server.settings[name].altered != value or kept_by[name]:
            continue
        line = Line(f"give {name} of the server back", undo_of(name, before["altered"]), _set(name, value))
        steps.append(
            Step(
                f"alter {name}",
                (line,),
                lambda line=line: execute(connection, line.exact),  # type: ignore[misc]
                source,
                {"server": address},
            )
        )
    return steps


def undo_of(name: str, before: str | None) -> str:
    """Return the SQL that brings a setting back to what ALTER SYSTEM had written before; None: nothing."""
    return f"ALTER SYSTEM RESET {name}" if before is None else _set(name, before)


def _step(connection: Connection, source: str, name: str, value: str, now: Setting, address: str) -> Step:
    line = Line(f"set {name} of the server", _set(name, value), undo_of(name, now.altered))
    before = {"value": now.value, "altered": now.altered, "server": address}
    return Step(f"alter {name}", (line,), lambda: execute(connection, line.exact), source, before)


def execute(connection: Connection, statement: str) -> None:
    """Run an ALTER SYSTEM and let the server read it.

    Raises:
        Fatal: RCD-113, not allowed; with its SQL.
    """
    try:
        connection.execute(sql.SQL(statement))
        connection.execute("SELECT pg_reload_conf()")
    except psycopg.errors.InsufficientPrivilege as error:
        raise Fatal("RCD-113", f"{error.diag.message_primary}; SQL: {statement}") from None


def require_logical(level: str) -> None:
    """Check that changes can be captured now.

    Raises:
        Fatal: RCD-101, with the command and what it costs.
    """
    if level != "logical":
        raise Fatal(
            "RCD-101",
            f"wal_level is '{level}', Debezium needs 'logical'. ALTER SYSTEM is done; PostgreSQL must restart, "
            f"which takes it away for some seconds: {RESTART}. Then run the same command again",
        )

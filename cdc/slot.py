"""The health of a replication slot: whether it is followed, what it holds back, whether it is still good."""

from typing import Any, NamedTuple

import psycopg

from schemas.errors import Fatal

_HEALTH = """
    SELECT active, coalesce(wal_status, 'lost'), safe_wal_size,
           pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint,
           pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint
      FROM pg_replication_slots WHERE slot_name = %s"""


class SlotHealth(NamedTuple):
    """A slot now. `retained_bytes` of WAL are kept for it; after `safe_bytes` more it is lost (None: no cap).

    `lag_bytes` is what the connector has not confirmed yet. `wal_status`: reserved, extended, unreserved, lost.
    """

    active: bool
    wal_status: str
    retained_bytes: int | None
    lag_bytes: int | None
    safe_bytes: int | None

    @property
    def usable(self) -> bool:
        """Whether a connector can still follow it without a gap."""
        return self.wal_status != "lost"


def read(connection: psycopg.Connection[Any], slot: str) -> SlotHealth | None:
    """Return the slot's health, None when there is no such slot. Any role may ask."""
    row = connection.execute(_HEALTH, [slot]).fetchone()
    if row is None:
        return None
    active, status, safe, retained, lag = row
    return SlotHealth(active, status, retained, lag, safe)


def require_usable(health: SlotHealth | None, slot: str) -> None:
    """Check a slot that must be there. A connector on a lost one stays RUNNING and delivers nothing.

    Raises:
        Fatal: RCD-103, it is missing or lost.
    """
    if health is None:
        raise Fatal("RCD-103", f"slot {slot} does not exist")
    if not health.usable:
        raise Fatal("RCD-103", f"slot {slot} is lost: its WAL was removed")


def drop(connection: psycopg.Connection[Any], slot: str) -> bool:
    """Drop the slot if it exists; return whether it did.

    Raises:
        Fatal: RCD-114, a connector still uses it.
    """
    try:
        found = connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", [slot]
        ).fetchone()
    except psycopg.errors.ObjectInUse:
        raise Fatal("RCD-114", f"slot {slot} is active") from None
    return found is not None


class Slot(NamedTuple):
    """One of the server's slots. `idle_s` is known since PostgreSQL 17; `retained_bytes` None for a lost one."""

    name: str
    plugin: str | None
    database: str | None
    active: bool
    retained_bytes: int | None
    idle_s: int | None
    confirmed: int | None


def listed(connection: psycopg.Connection[Any]) -> tuple[Slot, ...]:
    """Return all slots of the server, also those of other databases and of standbys. Any role may ask."""
    version = connection.info.server_version
    idle = "extract(epoch FROM now() - inactive_since)::bigint" if version >= 170_000 else "NULL::bigint"
    rows = connection.execute(
        f"""SELECT slot_name, plugin, database, active, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint,
                   CASE WHEN NOT active THEN {idle} END, (confirmed_flush_lsn - '0/0'::pg_lsn)::bigint
              FROM pg_replication_slots ORDER BY slot_name"""  # noqa: S608 - no value of anyone's
    )
    return tuple(Slot(*row) for row in rows)

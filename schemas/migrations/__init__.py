"""Migrations of the `recado` database, run by us with an address: `upgrade`, `downgrade`, `check`.

All of one upgrade is one transaction under an advisory lock, so that it is whole or absent, and two at once are one
after the other. A database that a newer release has migrated is accepted: releases expand first and contract later.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, create_engine, func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from schemas.database import database_url, our_errors, transaction
from schemas.errors import Recoverable

_LOCK = 0x7265_6361_646F  # "recado"


def head() -> str:
    """Return the newest revision that this release knows."""
    return str(_scripts().get_current_head())


def all_titles() -> list[str]:
    """Return the titles of all migrations, oldest first."""
    return [_title(script) for script in _scripts().walk_revisions()][::-1]


def current(connection: Connection) -> str | None:
    """Return the database's revision, None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


def pending(connection: Connection) -> list[str]:
    """Return the titles of the migrations that `upgrade` would run, oldest first; none for a newer database."""
    now = current(connection)
    known = list(_scripts().walk_revisions())
    if now is not None and now not in {script.revision for script in known}:
        return []
    titles = []
    for script in known:
        if script.revision == now:
            break
        titles.append(_title(script))
    return titles[::-1]


def check(connection: Connection) -> None:
    """Refuse a database that lacks a migration of this release.

    Raises:
        Recoverable: RCD-803, naming what is missing.
    """
    missing = pending(connection)
    if missing:
        raise Recoverable("RCD-803", f"{len(missing)} to run, first {missing[0]}")


def upgrade(url: str, revision: str = "head") -> list[str]:
    """Migrate and return the titles of what ran; nothing when it is up to date.

    Raises:
        RecadoError: RCD-801 or RCD-802 when the database is not reachable.
    """
    with transaction(url) as connection:
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        titles = pending(connection)
        if titles:
            command.upgrade(_config(connection), revision)
        return titles


def downgrade(url: str, revision: str = "base") -> None:
    """Take migrations back down to `revision`; `base` leaves no object of ours.

    Raises:
        RecadoError: RCD-801 or RCD-802 when the database is not reachable.
    """
    with transaction(url) as connection:
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        command.downgrade(_config(connection), revision)
        if current(connection) is None:
            connection.execute(text("DROP TABLE IF EXISTS alembic_version"))


def database_exists(url: str) -> bool:
    """Tell whether the server has the database, asking its maintenance database `postgres`.

    Raises:
        RecadoError: RCD-801 or RCD-802 when the server is not reachable.
    """
    target = database_url(url)
    maintenance = target.set(database="postgres").render_as_string(hide_password=False)
    with transaction(maintenance) as connection:
        found = connection.scalar(
            text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": target.database}
        )
        return found is not None


def create_database(url: str) -> bool:
    """Create the database when the server lacks it; tell whether it was created.

    Raises:
        RecadoError: RCD-801 or RCD-802 when the server is not reachable.
    """
    if database_exists(url):
        return False
    target = database_url(url)
    maintenance = target.set(database="postgres")
    outside = create_engine(maintenance, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with our_errors(maintenance), outside.connect() as connection:
        name = connection.dialect.identifier_preparer.quote(str(target.database))
        try:
            connection.execute(text(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"))
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != "42P04":  # somebody else created it just now
                raise
            return False
    return True


def _title(script: Script) -> str:
    return f"{script.revision}: {script.doc}"


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(None))


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


__all__ = [
    "check",
    "create_database",
    "current",
    "database_exists",
    "downgrade",
    "engine",
    "head",
    "pending",
    "upgrade",
]

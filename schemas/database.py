"""Connections to the `recado` database, and its errors in our words."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from schemas.errors import Fatal, Invalid, RecadoError, Recoverable

CONNECT_TIMEOUT_S = 5
# A refused log-in has no SQLSTATE in libpq; these words are the server's, in the languages of our installations.
_PASSWORD_WORDS = ("password", "senha", "contraseña", "no pg_hba.conf entry", "authentication", "autenti")
_NO_SUCH_TABLE = "42P01"
_NO_SUCH_COLUMN = "42703"


def database_url(text: str) -> URL:
    """Parse a `postgresql://` address for psycopg.

    Raises:
        Invalid: RCD-601, without showing the address.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise Invalid(
            "RCD-601", "RECADO_DATABASE_URL: not an address like postgresql://user@host:5432/recado"
        ) from error
    if url.get_backend_name() not in {"postgresql", "postgres"} or not url.database:
        raise Invalid("RCD-601", "RECADO_DATABASE_URL: must be postgresql://… with a database name")
    return url.set(drivername="postgresql+psycopg")


def engine(url: str, *, application: str = "recado") -> Engine:
    """Return an engine without a pool: the callers are a command, or a thread that holds one connection."""
    return create_engine(
        database_url(url),
        poolclass=NullPool,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": application,
            "keepalives_idle": 30,
            "tcp_user_timeout": 15_000,  # a listener whose server vanished notices within this
            "options": "-c timezone=UTC -c statement_timeout=30000",
        },
    )


@contextmanager
def our_errors(url: str | URL) -> Iterator[None]:
    """Turn the driver's errors into ours.

    Raises:
        Recoverable: RCD-801 when the database does not answer, RCD-803 when a table is missing.
        Fatal: RCD-802 when it refuses the user or password.
    """
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        translated = _translate(error, database_url(str(url)) if isinstance(url, str) else url)
        if translated is None:
            raise
        raise translated from error


@contextmanager
def transaction(url: str) -> Iterator[Connection]:
    """Open a connection and a transaction, committed at the end; errors as in `our_errors`."""
    with our_errors(url), engine(url).begin() as connection:
        yield connection


def _translate(error: DBAPIError | psycopg.Error, url: URL) -> RecadoError | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    said = str(cause).strip()
    state = getattr(cause, "sqlstate", None)
    where = f"{url.host or 'local socket'}:{url.port or 5432}/{url.database}"
    if state in {_NO_SUCH_TABLE, _NO_SUCH_COLUMN}:
        return Recoverable("RCD-803", f"{where} has no or an older schema")
    first = said.splitlines()[0] if said else type(cause).__name__
    if state is None and any(word in said.lower() for word in _PASSWORD_WORDS):
        return Fatal("RCD-802", f"{where} refuses user {url.username!r}")
    if state is None or state[:2] in {"08", "57", "53"}:
        return Recoverable("RCD-801", f"{where}: {first}")
    return None

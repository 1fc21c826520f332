"""Two installations of the same thing at once exclude each other; the server frees the lock of a dead one."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from cdc.postgres import Connection
from schemas.database import database_url, our_errors
from schemas.errors import Fatal

_TAKE = "SELECT pg_try_advisory_lock(hashtext('recado install'), hashtext(%s))"
_GIVE = "SELECT pg_advisory_unlock(hashtext('recado install'), hashtext(%s))"


@contextmanager
def exclusive(connection: Connection, what: str) -> Iterator[None]:
    """Hold the lock of `what` in the connection's database.

    Raises:
        Fatal: RCD-115, somebody else holds it.
    """
    (taken,) = connection.execute(_TAKE, [what]).fetchone() or (False,)
    if not taken:
        raise Fatal("RCD-115", f"somebody installs or removes {what} at this moment")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(_GIVE, [what])


@contextmanager
def exclusive_cell(url: str, cell: str) -> Iterator[None]:
    """Hold a cell's lock, in the maintenance database of the recado database's server: ours may not exist yet.

    Raises:
        RecadoError: RCD-115, or RCD-801 and RCD-802 when the server cannot be reached.
    """
    target = database_url(url).set(drivername="postgresql", database="postgres")
    with our_errors(target):
        connection = psycopg.connect(
            target.render_as_string(hide_password=False), autocommit=True, connect_timeout=5
        )
    with connection, exclusive(connection, f"cell {cell}"):
        yield

"""One source's connections: a lazy pool of two, used from two threads of its own, read only."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psycopg
from sqlalchemy import Connection, Engine, create_engine, text

T = TypeVar("T")

SIZE = 2
CONNECT_S = 2
STATEMENT_MS = 2_000

# In the transaction and not in the start-up options, which a pooler before the database may refuse.
_READ_ONLY = text(f"SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = {STATEMENT_MS}")


class SourcePool:
    """Connections to one source, opened when first asked. Its threads never do another source's work.

    Args:
        dsn: a PostgreSQL connection string in either of libpq's forms. Kept out of every error and log line by the
            callers: what libpq says of a bad one may repeat parts of it.
    """

    def __init__(self, source: str, flavour: str, dsn: str) -> None:
        self.flavour = flavour
        self._dsn = dsn
        self._threads = ThreadPoolExecutor(SIZE, thread_name_prefix=f"directory-{source}")
        self._engine: Engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            pool_size=SIZE,
            max_overflow=0,
            pool_timeout=CONNECT_S,
            pool_pre_ping=True,
            hide_parameters=True,
        )

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            self._dsn,
            connect_timeout=CONNECT_S,
            application_name="recado",
            tcp_user_timeout=2 * STATEMENT_MS,
            keepalives_idle=30,
            prepare_threshold=None,  # prepared statements do not survive a transaction pooler
        )

    def serves(self, flavour: str, dsn: str) -> bool:
        """Tell whether this pool is still what the configuration says."""
        return (flavour, dsn) == (self.flavour, self._dsn)

    @property
    def threads(self) -> ThreadPoolExecutor:
        """The threads on which `read` is to be called."""
        return self._threads

    def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` in a read-only transaction. Blocks.

        Raises:
            SQLAlchemyError, psycopg.Error: whatever went wrong.
        """
        with self._engine.connect() as connection:
            connection.execute(_READ_ONLY)
            return query(connection)

    def close(self) -> None:
        """Wait for what runs (at most about the time limits), then close all connections. Blocks."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._engine.dispose()

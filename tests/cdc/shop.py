"""A recorded shop for live look-ups: its owner writes, the role that may read almost nothing looks."""

from collections.abc import Mapping, Sequence

import psycopg
from sqlalchemy import create_engine

from cdc.flavours.api import Flavour, LiveTicket
from cdc.postgres import connect, names
from cdc.provision import ensure
from tests.cdc.ticketz_database import as_role
from tests.stack_fixture import Database


class Shop:
    """A database of a flavour with the rows from which its recorded scenarios start."""

    def __init__(self, database: Database, flavour: Flavour) -> None:
        self._owner = connect(database.dsn)
        self._flavour = flavour
        role = names(database.name).app_role
        reader = as_role(database.dsn, role, ensure(self._owner, database.name, flavour).passwords[role])
        self.engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(reader))

    def write(self, statement: str, values: Sequence[object] = ()) -> None:
        """Change the shop's rows as their owner."""
        self._owner.execute(statement.encode(), values)

    def look(self, asked: Mapping[int, Sequence[str]]) -> dict[int, LiveTicket]:
        """Read tickets and rows as the sender does."""
        with self.engine.connect() as connection:
            return self._flavour.live(connection, "loja", asked)

    def close(self) -> None:
        """Close both connections."""
        self.engine.dispose()
        self._owner.close()

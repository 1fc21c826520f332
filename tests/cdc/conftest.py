"""Real databases of the flavours for the tests of this room."""

import psycopg
import pytest

from deploy.demo.replay import Recording, Replay
from tests.cdc.ticketz_database import TRACES, fill
from tests.stack_fixture import Database


@pytest.fixture
def ticketz(database: Database) -> Database:
    """A fresh database with ticketz's true tables, indexes and the recorded shop's rows."""
    fill(database.dsn)
    return database


@pytest.fixture
def canove(database: Database) -> Database:
    """A fresh database with canove's true tables, indexes and the recorded shop's rows."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        Replay(Recording(TRACES, "canove"), connection).create()
    return database

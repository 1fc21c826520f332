"""A real ticketz database for the tests of this room."""

import pytest

from tests.cdc.ticketz_database import fill
from tests.stack_fixture import Database


@pytest.fixture
def ticketz(database: Database) -> Database:
    """A fresh database with ticketz's true tables, indexes and the recorded shop's rows."""
    fill(database.dsn)
    return database

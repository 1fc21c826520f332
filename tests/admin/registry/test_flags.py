"""The global switch is off until it is turned on, and remembers when it went off."""

import pytest
from sqlalchemy import Connection, select

from admin.registry import flags
from schemas import tables
from tests.admin.registry.conftest import BY

pytestmark = pytest.mark.stack


def disabled_at(connection: Connection) -> object:
    return connection.execute(select(tables.flags.c.disabled_at)).scalar_one()


def test_it_is_off_until_it_is_turned_on(connection: Connection) -> None:
    assert flags.is_global_on(connection) is False
    flags.set_global(connection, BY, True)
    assert flags.is_global_on(connection) is True
    assert flags.set_global(connection, BY, True).is_nothing


def test_it_remembers_when_it_went_off(connection: Connection) -> None:
    flags.set_global(connection, BY, True)
    assert disabled_at(connection) is None
    flags.set_global(connection, BY, False)
    assert disabled_at(connection) is not None

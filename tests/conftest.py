"""Fixtures for all rooms. Those that need servers are used by tests marked `stack`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack import LocalStack
from schemas.topics import Cell
from tests import stack_fixture
from tests.stack_fixture import (
    Database,
    Processes,
    fresh_cell,
    fresh_database,
    shared_stack,
)


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """The shared real stack: PostgreSQL, Kafka, Connect. A stack that cannot start fails the test,
    whatever `RECADO_REQUIRE` says: everything comes from pip. Never kill its parts; take `own_stack` for that.
    """
    with shared_stack() as running:
        yield running


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of this module alone, running at first; its parts may be killed."""
    yield from stack_fixture.own_stack(tmp_path_factory.mktemp("stack") / ".recado")


@pytest.fixture
def cell(stack: LocalStack) -> Cell:
    """A cell of this test alone, its topics created with 4 partitions."""
    return fresh_cell(stack)


@pytest.fixture
def database(stack: LocalStack) -> Iterator[Database]:
    """A fresh database of this test alone, dropped at the end with its slots."""
    fresh = fresh_database(stack)
    yield fresh
    stack.drop_database(fresh.name)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Starts child processes and ends them with the test, by pid."""
    started = Processes(tmp_path)
    yield started
    started.end_all()

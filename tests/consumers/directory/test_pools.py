"""Connections to a source: read only, limited in time; what the directory makes of a real database's trouble."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from consumers.directory import pools
from consumers.directory.api import DirectoryDown, TicketQuestion
from consumers.directory.live import LiveDirectory
from consumers.directory.pools import SourcePool
from deploy.stack import LocalStack
from tests.cdc.ticketz_database import INSERT, fill
from tests.stack_fixture import Database

pytestmark = pytest.mark.stack


def asking(statement: str) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(text(statement)).scalar()


def test_nothing_can_be_written_and_nothing_takes_long(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "_READ_ONLY", text(pools._READ_ONLY.text.replace("2000", "200")))
    pool = SourcePool("loja", "ticketz", database.dsn)
    try:
        with pytest.raises(DBAPIError, match="read-only transaction"):
            pool.read(asking("CREATE TABLE written (id int)"))
        with pytest.raises(DBAPIError, match="statement timeout"):
            pool.read(asking("SELECT pg_sleep(5)"))
        assert pool.read(asking("SELECT current_setting('application_name')")) == "recado"
    finally:
        pool.close()


def test_a_connection_that_the_server_ended_is_replaced(database: Database) -> None:
    pool = SourcePool("loja", "ticketz", database.dsn)
    other = SourcePool("loja", "ticketz", database.dsn)
    try:
        first = pool.read(asking("SELECT pg_backend_pid()"))
        other.read(asking(f"SELECT pg_terminate_backend({first}, 5000)"))
        assert pool.read(asking("SELECT pg_backend_pid()")) != first
    finally:
        pool.close()
        other.close()


def test_two_connections_are_the_most_that_a_source_gives(database: Database) -> None:
    pool = SourcePool("loja", "ticketz", database.dsn)
    count = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database.name}'"  # noqa: S608
    try:
        with ThreadPoolExecutor(8) as threads:
            list(
                threads.map(
                    lambda _: pool.threads.submit(pool.read, asking("SELECT pg_sleep(0.02)")).result(), range(32)
                )
            )
        assert pool.read(asking(count)) == 2
    finally:
        pool.close()


def test_tickets_of_a_real_ticketz_are_answered_while_another_source_is_dead(
    stack: LocalStack, database: Database
) -> None:
    fill(database.dsn)
    wrong = database.dsn.replace(f"/{database.name}", "/gone")
    where = {"loja": ("ticketz", database.dsn), "gone": ("ticketz", wrong), "strange": ("whatever", database.dsn)}

    async def run() -> None:
        directory = LiveDirectory(where.get)
        try:
            questions = [TicketQuestion("loja", number, ("A",)) for number in (1, 2, 999)]
            found = await asyncio.gather(*map(directory.ticket, questions))
            assert [ticket and (ticket.contact_name, ticket.user_id) for ticket in found] == [
                ("João da Silva", 2), ("Maria Oliveira", 2), None,
            ]  # fmt: skip
            with pytest.raises(DirectoryDown, match=r"^OperationalError$"):
                await directory.ticket(TicketQuestion("gone", 1, ()))
            with pytest.raises(DirectoryDown, match=r"^Invalid$"):
                await directory.ticket(TicketQuestion("strange", 1, ()))
        finally:
            await directory.close()

    asyncio.run(run())


def test_a_locked_table_costs_its_own_source_the_time_limit(stack: LocalStack, database: Database) -> None:
    fill(database.dsn)

    async def run() -> float:
        directory = LiveDirectory(lambda _: ("ticketz", database.dsn), timeout_s=0.5)
        try:
            started = time.monotonic()
            with pytest.raises(DirectoryDown, match="no answer in time"):
                await directory.ticket(TicketQuestion("loja", 1, ()))
            return time.monotonic() - started
        finally:
            await directory.close()

    with psycopg.connect(database.dsn) as owner:
        owner.execute(INSERT, ["A", 1, "Oi", 1])
        owner.execute('LOCK TABLE "Tickets" IN ACCESS EXCLUSIVE MODE')
        assert asyncio.run(run()) < 1.5

"""Customers, agents and supervisors at work on a world's database."""

import threading
import time
from typing import Any

import psycopg

from tests.chaos.world import TICKETS, World, company_of


class Traffic(threading.Thread):
    """Customers, agents and supervisors at work, until stopped. What the database refused is tried again."""

    def __init__(self, world: World, random: Any, per_s: float = 8.0) -> None:
        super().__init__(name="traffic", daemon=True)
        self._world, self._random, self._pause_s = world, random, 1 / per_s
        self._done = threading.Event()
        self.rows = 0
        self.error: Exception | None = None

    def __enter__(self) -> "Traffic":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join(90)
        assert not self.is_alive(), "the traffic did not end"
        if self.error is not None:
            raise self.error

    def run(self) -> None:
        try:
            self._work()
        except Exception as error:
            self.error = error

    def _work(self) -> None:
        connection: psycopg.Connection[Any] | None = None
        while not self._done.wait(self._pause_s):
            ticket, chance = self._random.choice(TICKETS), self._random.random()
            owner = self._random.choice({1: [2, 3, 5, None], 2: [7, None]}[company_of(ticket)])
            row = self._world.row(ticket, from_me=chance < 0.2, ack=2 if chance < 0.08 else 0)
            for _ in range(600):
                try:
                    connection = connection or self._world.connect()
                    if chance > 0.9:
                        connection.execute('UPDATE "Tickets" SET "userId" = %s WHERE id = %s', [owner, ticket])
                    else:
                        self._world.write(connection, row)
                        self.rows += 1
                    break
                except psycopg.OperationalError:
                    if connection is not None:
                        connection.close()
                    connection = None
                    time.sleep(0.1)
        if connection is not None:
            connection.close()

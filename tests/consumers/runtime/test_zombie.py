"""The deterministic zombie: an owner that missed its session comes back and commits its overdue timers.

Red without offsets in timer transactions, green with them: the group fences a transaction by its offsets only.
"""

from contextlib import suppress
from typing import Any

import pytest

from consumers.runtime.instance import Instance
from consumers.runtime.kafka import Doubt
from consumers.runtime.status import Status
from consumers.runtime.transaction import Guards
from consumers.runtime.work import WorkPool
from schemas.clock import SystemClock
from schemas.settings import Timings
from tests.consumers.runtime.arms import Arm, until
from tests.consumers.runtime.counter_app import Count

pytestmark = [pytest.mark.stack, pytest.mark.slow]

SHORT = Timings(commit_ms=3000, transaction_ms=4000, session_ms=6000, max_poll_ms=6000, tick_ms=50, idle_poll_ms=20)


def told_after_a_zombie_woke(arm: Arm, guards: Guards) -> list[str]:
    app = arm.app(settle_ms=1_000)
    pool: WorkPool[Count] = WorkPool(app)
    status = Status()
    zombie = Instance(
        app, arm.settings, SHORT, f"{arm.prefix}.group", 0, SystemClock(), pool, status, guards, "test"
    )

    def turned_until(condition: Any) -> None:
        def turn() -> bool:
            zombie.turn()
            return bool(condition())

        until(turn, "the owner's turn")

    turned_until(lambda: status.snapshot(0)["restored"] == [0])
    arm.send("k", b"once")
    arm.flush()
    turned_until(lambda: len(arm.read("changelog")) == 2)
    # From here the owner sleeps, its window overdue, until the group has given its partition to a successor.
    with arm.running(ordinal=1, settle_ms=1_000) as successor:
        until(lambda: successor.status.snapshot(0)["restored"] == [0], "the successor")
        until(lambda: arm.told() == ["once"], "the successor's firing")
        zombie._fire()
        with suppress(Doubt):  # refused again and again until the partition is known to be lost
            zombie._commit()
        zombie.close()
        pool.close()
    return arm.told()


def test_a_zombie_whose_transaction_carries_offsets_is_refused(stack: Any) -> None:
    assert told_after_a_zombie_woke(Arm(stack.bootstrap, partitions=1), Guards()) == ["once"]


def test_control_a_zombie_whose_timer_transaction_has_no_offsets_doubles(stack: Any) -> None:
    guards = Guards(offsets_in_timer_transactions=False)
    assert told_after_a_zombie_woke(Arm(stack.bootstrap, partitions=1), guards) == ["once", "once"]

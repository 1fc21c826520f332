"""Kafka away longer than a session, while a worker has nothing to do: it goes on when Kafka is back."""

import pytest

from deploy.stack import LocalStack
from tests.chaos.world import broker_away
from tests.consumers.runtime.arms import Arm, until

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.chaos]


def test_an_idle_worker_that_lost_its_partitions_reads_on_when_the_broker_is_back(broken_stack: LocalStack) -> None:
    """confluent-kafka 2.16.1 was seen to fetch nothing after partitions were lost and assigned again."""
    arm = Arm(broken_stack.bootstrap)
    with arm.running() as worker:
        arm.send("k", b"before")
        arm.flush()
        until(lambda: arm.told() == ["before"], "the first id")
        broker_away(broken_stack, 9.0)
        until(lambda: len(worker.status.snapshot(0)["restored"]) == arm.partitions, "the partitions again")
        arm.send("k", b"after")
        arm.flush()
        until(lambda: arm.told() == ["before", "after"], "the id after the outage", 40)

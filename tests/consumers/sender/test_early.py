"""Receipts that come before the answer of their attempt."""

from consumers.sender.early import KEPT, KEPT_MS, Early
from schemas.config import HOUR
from schemas.records import Receipt
from tests.consumers.sender.world import LANE, World


def receipt(name: str, rank: int = 1, channel: str = "main") -> Receipt:
    return Receipt(
        lane=LANE, channel_id=channel, notification_id=None, provider_message_id=name, rank=rank,
        status=f"rank {rank}",
    )  # fmt: skip


def test_they_are_given_back_once_each_rank_once_in_the_order_in_which_they_came() -> None:
    early = Early()
    told = [receipt("a", 2), receipt("a", 1), receipt("a", -1)]
    for one in (*told, told[0]):
        assert early.keep(one, 0) == 0
    assert early.join("main", "a", 1) == told
    assert early.join("main", "a", 1) == []


def test_another_channel_knows_nothing_of_them() -> None:
    early = Early()
    early.keep(receipt("a"), 0)
    assert early.join("other", "a", 0) == []


def test_they_are_kept_for_a_moment_only_and_so_many_only() -> None:
    early = Early()
    early.keep(receipt("a"), 0)
    assert early.join("main", "a", KEPT_MS) == []
    assert sum(early.keep(receipt(str(n)), 0) for n in range(KEPT + 3)) == 3
    assert early.join("main", "2", 0) == []
    assert early.join("main", "3", 0) == [receipt("3")]
    assert early.keep(receipt("late"), KEPT_MS) == KEPT - 1


def test_a_receipt_that_overtakes_the_answer_counts_when_the_answer_comes() -> None:
    world = World(receipts=True)
    world.auto = False
    alert = world.alert()
    world.step()
    (work,) = world.marked
    world.record(receipt(f"wamid.{work.notification_id}"))
    world.record(receipt("wamid.of somebody else"))
    world.step()
    entry = world.entry(alert)
    assert entry is not None
    assert (entry.phase, entry.receipt_rank) == ("SENT", 1)
    world.run(HOUR)
    assert [o.reason for o in world.outcomes if o.kind == "receipt"] == ["rank 1"]
    world.check()


def test_while_nothing_is_under_way_nothing_is_kept() -> None:
    world = World(receipts=True)
    world.record(receipt("wamid.of somebody else"))
    assert world.processor.memory.early.join("main", "wamid.of somebody else", world.now_ms) == []
    assert world.counts["recado_alerts_dropped_total", ("unknown_receipt",)] == 1

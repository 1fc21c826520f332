"""The judgement at the end of `recado demo --once`: what it exits with, on a real broker."""

import json
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from admin.demo.judge import conclude, judge
from deploy.demo.verifier.collect import collect
from deploy.demo.verifier.verdict import Verdict
from deploy.stack import LocalStack
from schemas.errors import Exit
from schemas.topics import Cell
from tests.deleted import delete_first
from tests.deploy_demo.cell_at_rest import at_rest
from tests.deploy_demo.test_collect import fill

pytestmark = pytest.mark.stack


@pytest.fixture
def ledger(stack: LocalStack, cell: Cell, tmp_path: Path) -> Path:
    """What the phones of a cell at rest saw; its topics are filled, and its groups have read them."""
    fill(stack, cell)
    for group, topic in ((cell.coalescer_group, cell.messages), (cell.sender_group, cell.alerts)):
        reader = Consumer({"bootstrap.servers": stack.bootstrap, "group.id": group})
        try:
            ends = [
                TopicPartition(topic, p, reader.get_watermark_offsets(TopicPartition(topic, p), timeout=20)[1])
                for p in range(4)
            ]
            reader.commit(offsets=ends, asynchronous=False)
        finally:
            reader.close()
    path = tmp_path / "phones.jsonl"
    lines = [{"phone": line.phone, "attempt_id": line.attempt_id} for line in at_rest().phones or []]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def judged(stack: LocalStack, cell: Cell, ledger: Path) -> Verdict:
    return judge(stack.bootstrap, cell, {}, 0, ledger)


def test_a_run_in_which_all_is_accounted_for_exits_0(stack: LocalStack, cell: Cell, ledger: Path) -> None:
    summary = ledger.with_name("summary.json")
    assert conclude(judged(stack, cell, ledger), summary) is Exit.OK
    told = json.loads(summary.read_text("utf-8"))
    assert {name: told[name] for name in ("admitted", "sent", "pending", "unaccounted", "doubled")} == {
        "admitted": 4, "sent": 3, "pending": 0, "unaccounted": 0, "doubled": 0,
    }  # fmt: skip


def test_an_alert_deleted_from_the_topic_on_purpose_makes_it_exit_1(
    stack: LocalStack, cell: Cell, ledger: Path
) -> None:
    summary = ledger.with_name("summary.json")
    delete_first(stack.bootstrap, cell.alerts, collect(stack.bootstrap, cell, {}).alerts)

    assert int(conclude(judged(stack, cell, ledger), summary)) == 1

    told = json.loads(summary.read_text("utf-8"))
    assert (told["unaccounted"], [(found["what"], found["subject"]) for found in told["findings"]]) == (
        1,
        [("unaccounted", "alert a1")],
    )

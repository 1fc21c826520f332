"""The evidence is read from a real broker, a database and a ledger; an aborted transaction is no evidence."""

import json
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Producer

from deploy.demo.replay import Recording, Replay
from deploy.demo.verifier.collect import collect
from deploy.demo.verifier.evidence import Seen
from deploy.demo.verifier.laws import check
from deploy.stack import LocalStack
from schemas.errors import Fatal, Recoverable
from schemas.topics import Cell
from tests.deploy_demo.cell_at_rest import at_rest, change, row
from tests.stack_fixture import Database

pytestmark = pytest.mark.stack
ROOT = Path(__file__).parents[2]


def produce(stack: LocalStack, topic: str, records: list[Seen], *, abort: bool = False) -> None:
    producer = Producer(
        {
            "bootstrap.servers": stack.bootstrap,
            "transactional.id": f"{topic}.{abort}",
            "partitioner": "murmur2_random",
            "retry.backoff.ms": 5,
        }
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for record in records:
        producer.produce(topic, record.value, record.key)
    if abort:
        producer.flush(30)
        producer.abort_transaction(30)
    else:
        producer.commit_transaction(30)


def fill(stack: LocalStack, cell: Cell) -> None:
    """Write the cell at rest into real topics, with a lost world of aborted records around it."""
    evidence = at_rest()
    stranger = [Seen(0, 0, b"k", change(row("vps1/99/Q")))]
    for topic, records in (
        (cell.messages, evidence.messages),
        (cell.alerts, evidence.alerts),
        (cell.outcomes, evidence.outcomes),
    ):
        produce(stack, topic, stranger, abort=True)
        produce(stack, topic, records)
        produce(stack, topic, stranger, abort=True)


def test_a_cell_at_rest_is_read_as_it_is(stack: LocalStack, cell: Cell, tmp_path: Path) -> None:
    fill(stack, cell)
    ledger = tmp_path / "phones.jsonl"
    lines = [{"phone": line.phone, "attempt_id": line.attempt_id, "body": ""} for line in at_rest().phones or []]
    ledger.write_text("".join(json.dumps(line) + "\n" for line in lines))

    evidence = collect(stack.bootstrap, cell, {}, ledger=str(ledger))

    assert [record.value for record in evidence.messages] == [record.value for record in at_rest().messages]
    assert [record.value for record in evidence.outcomes] == [record.value for record in at_rest().outcomes]
    assert evidence.phones == at_rest().phones
    # No group has read anything: what was captured is waiting, not lost.
    assert (evidence.messages_read_to, evidence.alerts_read_to) == ({}, {})
    evidence.messages_read_to = evidence.alerts_read_to = None
    assert check(evidence).ok


def test_rows_of_the_database_are_read_from_an_instant_on(
    stack: LocalStack, cell: Cell, database: Database
) -> None:
    recording = Recording(ROOT / "tests" / "traces")
    start_ms = time.time_ns() // 1_000_000
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        replay = Replay(recording, connection)
        replay.create()
        for scenario in recording.named("1", "2"):
            replay.run(scenario, None)

    evidence = collect(stack.bootstrap, cell, {"vps1": database.dsn}, start_ms)

    assert sorted((row.ref, row.from_me) for row in evidence.rows) == [
        ("vps1/23/3EB009459D6E6DB52FF4B5", False),
        ("vps1/23/3EB0CD15F646633AF82D23", True),
        ("vps1/24/3EB066D832B6AB49AE876E", False),
        ("vps1/24/3EB06D4CAC49C9CB70523D", False),
        ("vps1/24/3EB077D45F1F66797DD6FE", True),
        ("vps1/24/3EB08400156E64ED0FB8E7", True),
    ]
    assert [finding.what for finding in check(evidence).findings] == ["unaccounted"] * 3


def test_a_missing_cell_is_no_empty_cell(stack: LocalStack) -> None:
    with pytest.raises(Fatal, match=r"RCD-201: topic recado\.nobody\."):
        collect(stack.bootstrap, Cell("nobody"), {})


def test_a_database_that_does_not_answer_is_named_without_its_address(stack: LocalStack, cell: Cell) -> None:
    with pytest.raises(Recoverable, match=r"^RCD-110: the database of source vps1 did not answer$"):
        collect(stack.bootstrap, cell, {"vps1": "postgresql://nobody:secret@127.0.0.1:1/none"})


def test_the_command_tells_a_sound_cell_from_a_damaged_one(stack: LocalStack, cell: Cell, tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    command = [sys.executable, "-m", "deploy.demo.verifier", "--bootstrap", stack.bootstrap, "--cell", cell.name,
               "--summary", str(summary)]  # fmt: skip

    empty = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (empty.returncode, json.loads(summary.read_text())["admitted"]) == (0, 0)

    fill(stack, cell)
    produce(stack, cell.outcomes, at_rest().outcomes[1:2])
    damaged = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
    found = json.loads(summary.read_text())
    assert (damaged.returncode, found["doubled"], found["admitted"]) == (1, 1, 4)
    assert "L3 doubled" in damaged.stdout

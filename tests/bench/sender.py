"""One sender process: sends/s at a slow gateway, what held notices cost, and the release of many held agents.

Alerts go straight into `alerts`; desk, broker, recado database and sender process are real, the gateway
is an emulator.

python -m tests.bench.sender post URL N PLACES     the floor: N messages by a bare loop, PLACES of them under way
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import httpx
import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

from admin.registry import limits, tenants
from consumers.runtime.kafka import reader_config
from deploy.stack import LocalStack
from schemas import quiet
from schemas.codec import encode
from schemas.database import transaction
from schemas.identity import TenantId, alert_id, message_ref
from schemas.records import Alert, Item
from schemas.settings import KafkaSettings
from tests.bench.desk import BY, SOURCE, Desk, wait
from tests.bench.measurement import Measurement, median
from tests.bench.processes import child
from tests.bench.sizes import Sizes

DELAY_MS = 300
PLACES = (16, 64, 256)
"""Under way at once: what a channel has by default, four times that, and all that a partition has."""
MAX_SENDS = 2_500
FEW = 1_000
HOLD_S = 30
TENANT = TenantId(SOURCE, "1")
APART = {"release_spread": 0, "echo_rounds": 1_000_000}
"""All leave at once here, without jitter; and a ticket that writes in each run is no echo of our notices."""


# ── the bare loop, as a process ───────────────────────────────────────────────────────────────────────────


async def _post(url: str, count: int, places: int) -> None:
    numbers = iter(range(count))

    async def work(http: aiohttp.ClientSession) -> None:
        for n in numbers:
            body = {"to": f"+55119765{n:05d}", "body": "Bom dia", "attempt_id": f"bare-{n}", "channel": "bare"}
            async with http.post(f"{url}/v1/messages", json=body) as answer:
                answer.raise_for_status()
                await answer.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=places)) as http:
        await asyncio.gather(*(work(http) for _ in range(places)))


def post(url: str, count: str, places: str) -> None:
    before, started = time.process_time(), time.monotonic()
    asyncio.run(_post(url, int(count), int(places)))
    cpu_ms = (time.process_time() - before) / int(count) * 1_000
    print(json.dumps({"cpu_ms": cpu_ms, "seconds": time.monotonic() - started}))


# ── the suite ─────────────────────────────────────────────────────────────────────────────────────────────


class Bench:
    """A desk with one sender and no coalescer; tickets are taken in turn, ticket i is agent 1 + i % agents'."""

    def __init__(self, stack: LocalStack, sizes: Sizes) -> None:
        self.sizes = sizes
        self.desk = Desk(stack, sizes.agents, sizes.agents)
        self.desk.build()
        self.phones = self.desk.start_phones()
        self.desk.prepare(self.phones, APART, partitions=1)
        self.desk.start_roles(("sender",))
        self._producer = Producer({"bootstrap.servers": stack.bootstrap, "linger.ms": 20})
        self._offsets = Consumer(
            reader_config(KafkaSettings(bootstrap=stack.bootstrap), self.desk.cell.sender_group)
        )
        self._made = 0
        self._read = 0

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.desk.stack.pid("sender"))

    def close(self) -> None:
        self._offsets.close()

    def faults(self, *rules: dict[str, Any]) -> None:
        httpx.delete(f"{self.phones}/v1/faults").raise_for_status()
        if rules:
            httpx.post(f"{self.phones}/v1/faults", json={"rules": rules}).raise_for_status()

    def places(self, places: int) -> None:
        with transaction(self.desk.url) as connection:
            limits.limit(connection, BY, "phones", in_flight=places)

    def hold(self, *, on: bool) -> None:
        """Make it quiet for the tenant from an hour ago for ten more, or no longer."""
        now = datetime.now(UTC)
        hours = quiet.parse(f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=10):%H:%M}", "UTC")
        with transaction(self.desk.url) as connection:
            tenants.change(connection, BY, TENANT, quiet_hours=quiet.stored(hours) if on else None)

    def alerts(self, count: int, *, resolved: bool = False) -> list[Alert]:
        """Return alerts of new messages, which are in the desk's database; `resolved` ones name their agent."""
        first, now_ms = self._made + 1, int(time.time() * 1_000)
        self._made += count
        self.desk.connection.execute(
            'INSERT INTO "Messages" (id, body, "ticketId", "createdAt", "updatedAt", "fromMe", "contactId",'
            ' "companyId", "queueId")'
            " SELECT 'B' || i, 'Bom dia, o pedido chegou?', 1 + i %% %s, now(), now(), false, 1 + i %% %s, 1, 1"
            " FROM generate_series(%s::bigint, %s::bigint) i",
            (self.desk.tickets, self.desk.tickets, first, self._made),
        )
        return [self._alert(seq, now_ms, resolved) for seq in range(first, self._made + 1)]

    def _alert(self, seq: int, now_ms: int, resolved: bool) -> Alert:
        ticket, row = 1 + seq % self.desk.tickets, f"B{seq}"
        item = Item(message_ref(SOURCE, ticket, row), row, seq=seq, created_ms=now_ms, admitted_ms=now_ms)
        return Alert(
            alert_id=alert_id(SOURCE, ticket, seq),
            lane=str(TENANT),
            source=SOURCE,
            ticket_id=ticket,
            company_id=1,
            alert_no=1,
            reason="lead",
            items=[item],
            first_ms=now_ms,
            fired_ms=now_ms,
            captured_ms=now_ms,
            agent=f"{TENANT}/{1 + ticket % self.desk.agents}" if resolved else None,
        )

    def produce(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            self._producer.produce(self.desk.cell.alerts, key=alert.lane, value=encode(alert))
            self._producer.poll(0)
        self._producer.flush()

    def taken_in(self) -> bool:
        """Tell whether the sender has committed everything that was produced."""
        topic = TopicPartition(self.desk.cell.alerts, 0)
        _, end = self._offsets.get_watermark_offsets(topic, timeout=10)
        return bool(self._offsets.committed([topic], timeout=10)[0].offset >= end)

    def seen(self) -> list[dict[str, Any]]:
        """Return what the phones saw since `forget`."""
        with self.desk.ledger.open("rb") as ledger:
            ledger.seek(self._read)
            return [json.loads(line) for line in ledger.read().splitlines(keepends=True) if line.endswith(b"\n")]

    def count(self) -> int:
        with self.desk.ledger.open("rb") as ledger:
            ledger.seek(self._read)
            return ledger.read().count(b"\n")

    def forget(self) -> None:
        self._read = self.desk.ledger.stat().st_size if self.desk.ledger.exists() else 0

    def restart(self) -> dict[str, Any]:
        """Stop and start the sender; return what it logs of its restore."""
        log = self.desk.stack.log_file("sender")
        size = log.stat().st_size
        self.desk.stack.stop_role("sender")
        self.desk.start_roles(("sender",))
        found: list[dict[str, Any]] = []

        def restored() -> bool:
            with log.open("rb") as lines:
                lines.seek(size)
                found[:] = [json.loads(line) for line in lines if b"partition restored" in line]
            return bool(found)

        wait(restored, "the restore", 120)
        time.sleep(2)
        return found[-1]


def rate(lines: Sequence[dict[str, Any]]) -> float:
    """Return messages/s between a tenth and nine tenths: neither the start nor places that nobody takes."""
    times = sorted(line["at_ms"] for line in lines)
    first, last = len(times) // 10, len(times) * 9 // 10
    return float((last - first) / (times[last] - times[first]) * 1_000)


def cpu_s(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


def sends(bench: Bench, places: int) -> tuple[float, float, float, float]:
    """Return sends/s of the sender and of the bare loop, and the CPU ms a message of each."""
    count = min(places * bench.sizes.waves, bench.desk.agents, MAX_SENDS)
    bench.places(places)
    bench.faults({"do": "delay", "delay_ms": DELAY_MS, "times": None})
    bench.forget()
    cpu_bare = child("tests.bench.sender", "post", bench.phones, str(count), str(places))["cpu_ms"]
    bare = rate(bench.seen())
    alerts = bench.alerts(count)
    bench.forget()
    before = cpu_s(bench.process)
    bench.produce(alerts)
    wait(lambda: bench.count() >= count, f"{count} notices with {places} places", 180)
    time.sleep(1)
    cpu = (cpu_s(bench.process) - before) / count * 1_000
    told = bench.seen()
    if len(told) != count or len({line["attempt_id"] for line in told}) != count:
        message = f"{len(told)} messages instead of {count}"
        raise AssertionError(message)
    return rate(told), bare, cpu, cpu_bare


def throughput(bench: Bench) -> list[Measurement]:
    measured = []
    for places in PLACES:
        runs = [sends(bench, places) for _ in range(bench.sizes.runs)]
        ours, floors, cpu, cpu_bare = (list(column) for column in zip(*runs, strict=True))
        value, floor = median(ours), median(floors)
        note = f"CPU a message: {median(cpu):.1f} ms, bare loop {median(cpu_bare):.2f} ms"
        measured.append(
            Measurement(f"sends/s at {DELAY_MS} ms, {places} places", value, "sends/s", floor, "≥ 0.8 × floor",
                        value >= 0.8 * floor, ours, floors, note)
        )  # fmt: skip
    return measured


def release(bench: Bench) -> list[Measurement]:
    """Release as many agents as there are, one notice each, who came in another order than their messages."""
    bench.places(0)
    bench.faults()
    count = bench.desk.agents
    bench.forget()
    floor = child("tests.bench.sender", "post", bench.phones, str(count), str(PLACES[0]))
    bench.hold(on=True)
    time.sleep(2)
    alerts = bench.alerts(count, resolved=True)
    for age, alert in enumerate(alerts):
        alert.first_ms -= (len(alerts) - age) * 10
    shuffled = random.Random(1).sample(alerts, len(alerts))
    bench.forget()
    bench.produce(shuffled)
    wait(bench.taken_in, "the held notices", 120)
    before, started = cpu_s(bench.process), time.monotonic()
    bench.hold(on=False)
    wait(lambda: bench.count() >= count, f"{count} released notices", 220)
    seconds = time.monotonic() - started
    time.sleep(1)
    cpu = (cpu_s(bench.process) - before) / count * 1_000
    phones = [line["phone"] for line in bench.seen()]
    expected = [_phone(alert) for alert in alerts]
    rank = {phone: place for place, phone in enumerate(expected)}
    late = max(abs(at - rank[phone]) for at, phone in enumerate(phones))
    once = sorted(phones) == sorted(expected)
    note = (
        f"oldest first: nobody more than {late} places from their turn; {'each once' if once else 'NOT each once'}"
    )
    return [
        Measurement(f"release of {count:,} held agents, each", seconds / count * 1_000, "ms",
                    floor["seconds"] / count * 1_000, "each once, oldest first within 2 × places",
                    once and late <= 2 * PLACES[0], note=note),
        Measurement("CPU of the sender an agent released", cpu, "ms", floor["cpu_ms"], "≤ 10 ms", cpu <= 10),
    ]  # fmt: skip


def _phone(alert: Alert) -> str:
    return f"55119765{int((alert.agent or '').rpartition('/')[2]):05d}"


def held(bench: Bench) -> list[Measurement]:
    """What `held` notices cost, beside `FEW` of them and beside the changelog as a dict of bytes."""
    cell, stack = bench.desk.cell, bench.desk.stack
    bench.hold(on=True)
    time.sleep(2)

    def filled(count: int) -> tuple[dict[str, Any], dict[str, Any], list[float]]:
        bench.produce(bench.alerts(count, resolved=True))
        wait(bench.taken_in, "the held notices", 180)
        restored = bench.restart()
        mb = [uss_mb(bench.process)]
        time.sleep(HOLD_S if bench.sizes.runs > 1 else 5)
        mb.append(uss_mb(bench.process))
        return restored, child("tests.bench.floors", "load", stack.bootstrap, cell.sender_changelog), mb

    _, few, mb_few = filled(FEW)
    restored, many, mb = filled(bench.sizes.held - FEW)
    grown, least = mb[0] - mb_few[0], many["mb"] - few["mb"]
    each = f"{grown * 2**20 / (bench.sizes.held - FEW):,.0f} bytes a notice"
    total = f"{mb[0]:.0f} MB in all ({mb_few[0]:.0f} MB with {FEW:,})"
    return [
        Measurement(f"memory of {bench.sizes.held:,} held notices", grown, "MB", least, "≤ 2 × floor",
                    grown <= 2 * least, note=f"USS above that with {FEW:,}: {each}; {total}"),
        Measurement("the same after they have been held for a while", mb[1], "MB", mb[0], "≤ 1.05 × floor",
                    mb[1] <= 1.05 * mb[0], note="floor: just restored"),
        Measurement("restore of them", restored["seconds"], "s", many["seconds"], "≤ 5 s", restored["seconds"] <= 5,
                    note=f"{restored['entries']:,} states; floor: the changelog read into a dict of bytes"),
    ]  # fmt: skip


def uss_mb(process: psutil.Process) -> float:
    return float(process.memory_full_info().uss) / 2**20


def run(stack: LocalStack, sizes: Sizes) -> Sequence[Measurement]:
    bench = Bench(stack, sizes)
    try:
        bench.faults()
        bench.produce(bench.alerts(min(500, sizes.agents)))
        wait(lambda: bench.count() >= min(500, sizes.agents), "the first notices")
        return [*throughput(bench), *release(bench), *held(bench)]
    finally:
        bench.close()


if __name__ == "__main__":
    {"post": post}[sys.argv[1]](*sys.argv[2:])

"""From the commit of a customer's message to the gateway's receipt of the notice, step by step, at 20 messages/s.

The floor is the same way with nothing of ours on it: Debezium, a consumer that produces exactly once, a consumer
that posts.

python -m tests.bench.latency forward BOOTSTRAP IN OUT     the first hop
python -m tests.bench.latency post BOOTSTRAP IN URL        the second
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import httpx
import msgspec
import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

from consumers.runtime.kafka import consumer_config, producer_config, reader_config
from deploy.stack import LocalStack
from schemas import codec
from schemas.records import Outcome
from schemas.settings import KafkaSettings, Timings
from schemas.topics import Topic
from tests.bench.desk import PARTITIONS, ROLES, Desk, wait
from tests.bench.measurement import Measurement, median, percentile
from tests.bench.processes import ROOT
from tests.bench.sizes import Sizes

RATE = 20
WARM = 40
WARM_UP, WARM_UP_RATE = 1_500, 100
"""Before the first figure: in a broker that has just started the compiler takes more than the broker."""
SETTLE = 300
STEPS = ("capture", "alert", "resolve", "decide", "marker", "HTTP")
"""Commit → Debezium has it → the window has fired → the alert is committed, read and resolved → the text is made →
the marker is committed and the request leaves → the gateway has it."""
_outcome = codec.decoder(Outcome)


# ── the bare chain, as processes ──────────────────────────────────────────────────────────────────────────


def _member(bootstrap: str, topic: str, group: str) -> Consumer:
    consumer = Consumer(
        {
            **consumer_config(KafkaSettings(bootstrap=bootstrap), Timings(), group, group),
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    return consumer


def forward(bootstrap: str, source: str, target: str) -> None:
    """First hop: each row's id goes on in a transaction with its offset, as soon as it is there."""
    consumer = _member(bootstrap, source, f"{source}.forward")
    producer = Producer(producer_config(KafkaSettings(bootstrap=bootstrap), Timings(), f"{source}.forward"))
    producer.init_transactions(30)
    while True:
        first = consumer.poll(0.1)
        batch = [m for m in ([first, *consumer.consume(1_000, 0)] if first else []) if m.error() is None]
        if not batch:
            continue
        producer.begin_transaction()
        positions: dict[int, int] = {}
        for message in batch:
            after = msgspec.json.decode(message.value() or b"")["after"]
            producer.produce(target, key=message.key(), value=json.dumps([after["id"], time.time() * 1_000]))
            positions[message.partition() or 0] = (message.offset() or 0) + 1
        offsets = [TopicPartition(source, p, o) for p, o in positions.items()]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), 10)
        producer.commit_transaction(10)


def post(bootstrap: str, source: str, url: str) -> None:
    """Second hop: what arrives is posted to the gateway."""
    consumer = _member(bootstrap, source, f"{source}.post")
    with httpx.Client() as http:
        while True:
            message = consumer.poll(0.1)
            if message is None or message.error() is not None:
                continue
            waid, at_ms = json.loads(message.value() or b"")
            body = {"to": "+5511976500001", "body": str(at_ms), "attempt_id": waid, "channel": "bare"}
            http.post(f"{url}/v1/messages", json=body).raise_for_status()


# ── the suite ─────────────────────────────────────────────────────────────────────────────────────────────


def insert(desk: Desk, count: int, rate: float = RATE) -> dict[str, float]:
    """Insert at `rate` a second; return message id → epoch ms of the commit's acknowledgement."""
    commits: dict[str, float] = {}
    started = time.monotonic()
    for i in range(count):
        time.sleep(max(0.0, started + i / rate - time.monotonic()))
        waid, at = desk.insert()
        commits[waid] = at * 1_000
    return commits


def seen(desk: Desk) -> list[dict[str, Any]]:
    return [json.loads(line) for line in desk.ledger.read_text("utf-8").splitlines()]


def bare(desk: Desk, phones: str, count: int) -> tuple[list[float], list[float], float]:
    """Return commit → gateway and first hop's receipt → gateway, in ms, of the bare chain; and its CPU ms each."""
    with desk.bare_connector() as topic:
        target = f"{topic}.next"
        desk.stack.create_topics([Topic(target, PARTITIONS, {})])
        module = [sys.executable, "-m", "tests.bench.latency"]
        hops = [
            subprocess.Popen([*module, "forward", desk.stack.bootstrap, topic, target], cwd=ROOT),
            subprocess.Popen([*module, "post", desk.stack.bootstrap, target, phones], cwd=ROOT),
        ]
        try:
            processes = [psutil.Process(hop.pid) for hop in hops]
            warm = insert(desk, WARM)
            wait(
                lambda: warm.keys() <= {line["attempt_id"] for line in seen(desk)}, "the bare chain's first notices"
            )
            before = cpu_s(processes)
            commits = insert(desk, count)
            wait(lambda: commits.keys() <= {line["attempt_id"] for line in seen(desk)}, "the bare chain's notices")
            cpu = (cpu_s(processes) - before) / count * 1_000
        finally:
            for hop in hops:
                hop.kill()
                hop.wait()
    lines = {line["attempt_id"]: line for line in seen(desk)}
    return (
        [lines[waid]["at_ms"] - at for waid, at in commits.items()],
        [lines[waid]["at_ms"] - float(lines[waid]["body"]) for waid in commits],
        cpu,
    )


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    return float(sum(sum(p.cpu_times()[:2]) for p in processes))


def outcomes(desk: Desk) -> list[Outcome]:
    """Return every outcome committed so far."""
    reader = Consumer(reader_config(KafkaSettings(bootstrap=desk.stack.bootstrap), "bench-outcomes"))
    found: list[Outcome] = []
    try:
        reader.assign([TopicPartition(desk.cell.outcomes, p, 0) for p in range(PARTITIONS)])
        done: set[int] = set()
        while len(done) < PARTITIONS:
            for message in reader.consume(1_000, 0.2):
                if message.error() is not None:
                    done.add(message.partition() or 0)
                else:
                    found.append(_outcome.decode(message.value() or b""))
    finally:
        reader.close()
    return found


def told(desk: Desk) -> dict[str, Outcome]:
    """Return message id → the outcome that says it was sent."""
    sent = [o for o in outcomes(desk) if o.kind == "sent"]
    return {ref.rpartition("/")[2]: o for o in sent for ref in o.message_refs}


def whole(desk: Desk, count: int, rate: float = RATE) -> list[tuple[float, Outcome, float]]:
    """Return (commit, outcome, gateway) of `count` messages through all of Recado; times in epoch ms."""
    commits = insert(desk, count, rate)
    wait(lambda: commits.keys() <= told(desk).keys(), "the notices", 90)
    found, lines = told(desk), {line["attempt_id"]: line["at_ms"] for line in seen(desk)}
    return [(at, found[waid], lines[_attempt(lines, found[waid])]) for waid, at in commits.items()]


def _attempt(lines: dict[str, int], outcome: Outcome) -> str:
    wanted = outcome.notification_id or "?"
    return wanted if wanted in lines else next(a for a in lines if a.startswith(wanted))


def steps(commit: float, o: Outcome, gateway: float) -> tuple[float, ...]:
    """Return the milliseconds of each of `STEPS`."""
    asked = None if o.latency_ms is None else o.at_ms - o.latency_ms
    marks = (commit, o.captured_ms, o.fired_ms, o.resolved_ms, o.marked_ms, asked, gateway)
    if None in marks:
        message = f"an outcome lacks a time: {marks}"
        raise ValueError(message)
    times = [float(mark or 0) for mark in marks]
    # The answer is noted when the loop comes by, so the request may seem to leave a little late.
    times[-2] = min(max(times[-2], times[-3]), gateway)
    return tuple(after - before for before, after in pairwise(times))


def run(stack: LocalStack, sizes: Sizes) -> Sequence[Measurement]:
    desk = Desk(stack)
    desk.build()
    phones = desk.start_phones()
    desk.install(phones, {"settle": 0, "window": 1_000})
    ways: list[list[tuple[float, Outcome, float]]] = []
    floors: list[list[float]] = []
    hops: list[list[float]] = []
    cpu: list[float] = []
    least: list[float] = []
    whole(desk, WARM_UP, WARM_UP_RATE)
    roles = [psutil.Process(stack.pid(role)) for role in ROLES]
    for _ in range(sizes.runs):
        with desk.without_capture():
            ways_bare, hops_bare, cpu_bare = bare(desk, phones, sizes.messages)
        floors.append(ways_bare)
        hops.append(hops_bare)
        whole(desk, WARM)
        before = cpu_s(roles)
        ways.append(whole(desk, sizes.messages))
        cpu.append((cpu_s(roles) - before) / sizes.messages * 1_000)
        least.append(cpu_bare)
    desk.change(settle=SETTLE, max_settle=1_000)
    time.sleep(2)
    late = [[gateway - ((o.admitted_ms or 0) + SETTLE) for _, o, gateway in whole(desk, sizes.messages)]
            for _ in range(sizes.runs)]  # fmt: skip
    value, floor = median(cpu), median(least)
    note = "idle turns of both sides included, without Kafka and the database"
    spent = Measurement("CPU of our roles a message at 20/s", value, "ms", floor, "≤ 3 × the bare hops",
                        value <= 3 * floor, cpu, least, note)  # fmt: skip
    return [*_ways(ways, floors), _late(late, hops), spent]


def _ways(ways: list[list[tuple[float, Outcome, float]]], floors: list[list[float]]) -> list[Measurement]:
    def each(values: list[list[float]], share: float) -> list[float]:
        return [percentile(run_, share) for run_ in values]

    ms = [[gateway - commit for commit, _, gateway in run_] for run_ in ways]
    p50, least = each(ms, 0.5), each(floors, 0.5)
    p99, least99 = each(ms, 0.99), each(floors, 0.99)
    value, floor = median(p50), median(least)
    split = [steps(*way) for run_ in ways for way in run_]
    columns = ", ".join(
        f"{name} {percentile([s[i] for s in split], 0.5):.0f} / {percentile([s[i] for s in split], 0.99):.0f}"
        for i, name in enumerate(STEPS)
    )
    return [
        Measurement("commit → gateway p50, settle 0", value, "ms", floor, "≤ 50 ms and ≤ 2.5 × floor",
                    value <= 50 and value <= 2.5 * floor, p50, least, f"p50 / p99 ms: {columns}"),
        Measurement("commit → gateway p99, best run", min(p99), "ms", min(least99), "≤ 150 ms",
                    min(p99) <= 150, p99, least99),
    ]  # fmt: skip


def _late(late: list[list[float]], hops: list[list[float]]) -> Measurement:
    p50, floor = [percentile(run_, 0.5) for run_ in late], [percentile(run_, 0.5) for run_ in hops]
    value = median(p50)
    note = "floor: one exactly-once hop and HTTP"
    return Measurement("due → gateway p50, settle 300 ms", value, "ms", median(floor), "≤ 45 ms", value <= 45, p50,
                       floor, note)  # fmt: skip


if __name__ == "__main__":
    {"forward": forward, "post": post}[sys.argv[1]](*sys.argv[2:])

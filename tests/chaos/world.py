"""A world to break: a ticketz database, its capture, both roles in several processes, phones that keep a ledger."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from confluent_kafka import Producer

from admin.demo import cast
from admin.demo.tail import settled
from admin.registry import agents, channels, flags, sources, tenants
from admin.registry.rows import By
from cdc import provision
from cdc.connect import Connect
from cdc.connector import SourceAddress, connector_config, connector_name
from cdc.flavours.registry import flavour
from cdc.postgres import connect as connect_source
from cdc.postgres import names, read_state
from deploy import connect, kafka, postgres
from deploy.demo.replay import Recording, Replay
from deploy.demo.verifier.collect import collect
from deploy.demo.verifier.evidence import Evidence
from deploy.demo.verifier.laws import check
from deploy.demo.verifier.verdict import Verdict
from deploy.stack import LocalStack
from schemas import migrations
from schemas.database import transaction
from schemas.errors import RecadoError, Recoverable
from schemas.identity import AgentId, TenantId
from schemas.reasons import Mode
from schemas.records import Outcome
from schemas.settings import KafkaSettings
from schemas.topics import Cell
from tests.chaos.report import Fault
from tests.chaos.roles import Roles, Slot, until
from tests.chaos.watch import Watch
from tests.isolated.capture import insert
from tests.stack_fixture import ROOT

TRACES = ROOT / "tests" / "traces"
FLAVOUR = "ticketz"
PARTITIONS = 4
COMPANIES = ((1, "Loja Sol"), (2, "Padaria Lua"))
TICKETS = range(1001, 1025)
BY = By("chaos", via="cli", why="crash suite")
SMALL: dict[str, int] = {
    "settle": 200, "max_settle": 600, "window": 1_500, "max_window": 3_000, "agent_cap": 1_000_000,
    "pair_interval": 0, "ticket_cap": 1_000_000, "send_lease": 1_500, "http_timeout": 2_000, "base": 800,
    "fresh_ms": 100,
}  # fmt: skip
FAST = {
    "COMMIT_MS": "3000", "TRANSACTION_MS": "4000", "SESSION_MS": "6000", "MAX_POLL_MS": "20000", "TICK_MS": "50",
    "IDLE_POLL_MS": "50",
}  # fmt: skip
QUIET = {"log_level": "0"}
MIGRATING = threading.Lock()
"""Alembic works for one thread at a time."""
PATIENCE_S = 10.0
BACK_S = 240.0
"""A JVM that starts while everything else starts again, too, on a machine that is shared."""
OUTLAST_S = 8.0
"""Longer than the roles' session timeout of 6 s."""


def company_of(ticket: int) -> int:
    """Every fourth ticket belongs to the second company."""
    return 2 if ticket % 4 == 0 else 1


class World:
    """Built whole by its constructor; `close` ends all its processes. The stack stays."""

    def __init__(self, stack: LocalStack, folder: Path, *, capture: bool, parameters: dict[str, int] | None = None):
        self.stack, self.folder, self.capture = stack, folder, capture
        self.source = "c" + uuid.uuid4().hex[:8]
        self.cell = Cell(self.source)
        self.database = f"{self.source}_whaticket"
        self.ledger = folder / "phones.jsonl"
        self.since_ms = 0
        self.faults: list[Fault] = []
        self.on_fault: Callable[[Fault], None] | None = None
        self._parameters = {**SMALL, **(parameters or {})}
        self._lsn = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.roles = Roles(folder, self._environment)
        self._start_phones()
        self._create_source()
        passwords = self._provision()
        with MIGRATING:
            self._configure(passwords)
        stack.create_topics(self.cell.all(PARTITIONS))
        self._producer = Producer(
            {"bootstrap.servers": stack.bootstrap, "partitioner": "murmur2_random", "log_level": 0}
        )
        self._admin = kafka.admin_client(stack.bootstrap)
        self.watch = Watch(KafkaSettings(bootstrap=stack.bootstrap), self.cell, PARTITIONS)
        self.watch.start()
        if capture:
            self._start_connector(passwords)
        self.since_ms = time.time_ns() // 1_000_000 - 1_000

    def close(self) -> None:
        """End everything that was started here."""
        self.roles.close()
        self._phones.kill()
        self._phones.wait(10)
        self.watch.stop()
        if self.capture:
            until(lambda: connect.is_ready(self.stack.connect_url), "Connect", BACK_S)
            with Connect(self.stack.connect_url) as rest:
                rest.delete(connector_name(self.cell, self.source))
        self.stack.drop_database(self.database)
        self.stack.drop_database(f"{self.source}_recado")

    # ── traffic ───────────────────────────────────────────────────────────────────────────────────────────

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        """Open a superuser's connection to the Whaticket database."""
        return psycopg.connect(self.dsn, autocommit=True, connect_timeout=5)

    @property
    def dsn(self) -> str:
        """The superuser's address of the Whaticket database."""
        return self.stack.postgres_dsn(self.database)

    def row(
        self, ticket: int, *, from_me: bool = False, ack: int = 0, created_ms: int | None = None
    ) -> dict[str, Any]:
        """Return a new row of `Messages`."""
        created = datetime.now(UTC) if created_ms is None else datetime.fromtimestamp(created_ms / 1_000, UTC)
        return {
            "id": uuid.uuid4().hex[:20].upper(), "ticketId": ticket, "body": "Tem em estoque?", "ack": ack,
            "read": False, "mediaType": None, "createdAt": created, "updatedAt": created, "fromMe": from_me,
            "isDeleted": False, "contactId": ticket, "companyId": company_of(ticket),
            "remoteJid": f"551198{ticket:07d}@s.whatsapp.net",
        }  # fmt: skip

    def write(self, connection: "psycopg.Connection[Any]", row: dict[str, Any]) -> None:
        """Commit a row, once however often it is tried; where nothing captures, produce its change event."""
        columns = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join(["%s"] * len(row))
        statement = f'INSERT INTO "Messages" ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING'  # noqa: S608
        connection.execute(statement.encode(), list(row.values()))
        if not self.capture:
            self.produce(row)

    def produce(self, row: dict[str, Any], commit_ms: int | None = None) -> None:
        """Produce a row's change event, as Debezium does; again and again it is the same event."""
        self._lsn += 1
        ts_ms = commit_ms or int(row["createdAt"].timestamp() * 1_000)
        key, value = insert(flavour(FLAVOUR), self.source, row, ts_ms, self._lsn)
        self._producer.produce(self.cell.messages, key=key, value=value)
        assert self._producer.flush(20) == 0

    def ref(self, row: dict[str, Any]) -> str:
        """Return the reference of a row's message."""
        return f"{self.source}/{row['ticketId']}/{row['id']}"

    # ── faults ────────────────────────────────────────────────────────────────────────────────────────────

    def start_roles(self, role: str, count: int = 1, flags: Sequence[str] = ()) -> None:
        """Start ordinals 0 … count-1 of a role."""
        for ordinal in range(count):
            self.roles.start(role, ordinal, flags)

    def ready(self, seconds: float = 60.0) -> None:
        """Wait until both roles have initialised their state."""
        self.watch.wait_for_roles(seconds)

    def kill(self, part: str, ordinal: int = 0) -> None:
        """SIGKILL; whoever supervises the part brings it back."""
        pid = self._pid(part, ordinal)
        self.note("kill", part, pid, "SIGKILL", ordinal)
        os.kill(pid, signal.SIGKILL)
        if part in self.stack.parts:
            until(lambda: self._is_back(part, pid), f"{part} is back", BACK_S)

    def outage(self, seconds: float = OUTLAST_S) -> None:
        """Kafka is killed and stays away longer than a session lasts."""
        self.note("outage", "kafka", self.stack.pid("kafka"), "SIGKILL")
        broker_away(self.stack, seconds)

    def freeze(self, part: str, ordinal: int = 0, seconds: float = OUTLAST_S) -> None:
        """SIGSTOP, longer than a session lasts, then SIGCONT: a zombie."""
        pid = self._pid(part, ordinal)
        family = [pid]
        if part == "postgres":
            family += [child.pid for child in psutil.Process(pid).children(recursive=True)]
        self.note("freeze", part, pid, "SIGSTOP", ordinal)
        for one in family:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGSTOP)
        time.sleep(seconds)
        for one in family:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGCONT)

    def twin(self, role: str, ordinal: int = 0, seconds: float = 2.0) -> None:
        """SIGSTOP, a successor under the same ids, SIGCONT, and the old one's end: a node that was thought dead."""
        pid = self._pid(role, ordinal)
        self.note("twin", role, pid, "SIGSTOP", ordinal)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        old = self.roles.replace(role, ordinal)
        time.sleep(seconds)
        old.send_signal(signal.SIGCONT)
        time.sleep(seconds)
        old.kill()
        old.wait(10)

    def end(self, role: str, ordinal: int = 0) -> None:
        """SIGTERM: a clean end in the middle of work; a successor starts when it is reached."""
        pid = self._pid(role, ordinal)
        self.note("end", role, pid, "SIGTERM", ordinal)
        os.kill(pid, signal.SIGTERM)

    def scale(self, role: str, count: int) -> None:
        """Start or end ordinals (SIGTERM) until there are `count`."""
        self.note(f"scale to {count}", role, os.getpid(), "SIGTERM")
        there = self.roles.ordinals(role)
        for ordinal in there[count:]:
            self.roles.end(role, ordinal)
        for ordinal in range(len(there), count):
            self.roles.start(role, ordinal)

    def note(self, what: str, part: str, pid: int, name: str, ordinal: int = 0) -> None:
        """Write down a fault with the state in which it finds the world."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        fault = Fault(what, part, ordinal, pid, name, at, self.watch.state())
        self.faults.append(fault)
        if self.on_fault is not None:
            self.on_fault(fault)

    def _pid(self, part: str, ordinal: int) -> int:
        """Return who is to be hit, a successor as soon as it is there.

        Raises:
            ProcessLookupError: nobody is there for seconds.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                pid = self.stack.pid(part) if part in self.stack.parts else self.roles.pid(part, ordinal)
                if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                    return pid
            if time.monotonic() > deadline:
                raise ProcessLookupError(part)
            time.sleep(0.02)

    def _is_back(self, part: str, pid: int) -> bool:
        try:
            if self.stack.pid(part) == pid:
                return False
        except Recoverable:
            return False
        if part == "kafka":
            return kafka.is_ready(self._admin)
        if part == "connect":
            return connect.is_ready(self.stack.connect_url)
        return postgres.is_ready(self.dsn)

    def where_it_stands(self) -> str:
        """Say, for a run that has stopped, how far rows have come and what the connector says of itself."""
        connector: object = "none"
        if self.capture:
            try:
                with Connect(self.stack.connect_url) as rest:
                    connector = rest.status(connector_name(self.cell, self.source))
            except (RecadoError, httpx.HTTPError) as error:
                connector = error
        return f"{self.watch.state()}, watcher {self.watch.failure}, connector {connector}, {self.faults[-3:]}"

    # ── verdict ───────────────────────────────────────────────────────────────────────────────────────────

    def evidence(self) -> Evidence:
        """Read everything that is known."""
        databases, ledger = {self.source: self.dsn}, str(self.ledger)
        return collect(self.stack.bootstrap, self.cell, databases, self.since_ms, ledger, QUIET)

    def verdict(self) -> Verdict:
        """Check the laws now."""
        return check(self.evidence())

    def settled(self, seconds: float = 90.0, quiet_s: float = 1.5) -> Verdict:
        """Wait until all is quiet and nothing is pending or missing; return the last verdict, good or bad."""
        deadline = time.monotonic() + seconds
        while True:
            settled(self.watch, quiet_s, max(0.0, min(10.0, deadline - time.monotonic())))
            with suppress(Recoverable):  # a part that was killed last is still on its way back
                verdict = self.verdict()
                if verdict.ok or time.monotonic() > deadline:
                    return verdict
            assert time.monotonic() < deadline + 60, "no verdict"

    def phone_lines(self) -> Counter[str]:
        """Return how often the phones saw each notification."""
        if not self.ledger.exists():
            return Counter()
        return Counter(json.loads(line)["attempt_id"] for line in self.ledger.read_text("utf-8").splitlines())

    def summary(self, verdict: Verdict) -> dict[str, Any]:
        """Return a run's result for its report."""
        found = verdict.summary()
        wanted = ("admitted", "sent", "notices", "suppressed", "moved", "dead", "pending", "unaccounted", "doubled")
        flagged = sum("maybe_duplicate" in o.flags for o in self.outcomes())
        return {
            **{name: found[name] for name in wanted},
            "broken": found["broken"],
            "maybe_duplicate": flagged,
            "seen_twice_meanwhile": len(self.watch.doubles),
            "exits": self.roles.exits(),
        }

    def outcomes(self) -> list[Outcome]:
        """Return all outcomes that can be seen."""
        return list(self.watch.outcomes)

    # ── building ──────────────────────────────────────────────────────────────────────────────────────────

    def _start_phones(self) -> None:
        address = self.folder / "phones.address"
        command = [
            sys.executable,
            "-m",
            "provider.sandbox",
            "--ledger",
            str(self.ledger),
            "--address-file",
            str(address),
        ]
        with (self.folder / "phones.log").open("wb") as output:
            self._phones = subprocess.Popen(command, stdout=output, stderr=output, cwd=ROOT)
        until(address.exists, "the phones' gateway", 30)
        self.phones_url = address.read_text("utf-8").strip()

    def misbehave(self, **rule: Any) -> None:
        """Script a fault of the gateway."""
        httpx.post(f"{self.phones_url}/v1/faults", json={"rules": [rule]}, timeout=10).raise_for_status()

    def _create_source(self) -> None:
        self.stack.create_database(self.database)
        with self.connect() as connection:
            Replay(Recording(TRACES), connection).create()
            for ticket in TICKETS:
                company = company_of(ticket)
                connection.execute(
                    """INSERT INTO "Contacts" (id, name, number, "companyId", "createdAt", "updatedAt")
                       VALUES (%s, %s, %s, %s, now(), now())""",
                    [ticket, f"Cliente {ticket}", f"551198{ticket:07d}", company],
                )
                owner = None if ticket % 2 else {1: 2, 2: 7}[company]
                connection.execute(
                    """INSERT INTO "Tickets" (id, status, "contactId", "userId", "whatsappId", "queueId",
                                              "companyId", "createdAt", "updatedAt")
                       VALUES (%s, %s, %s, %s, %s, %s, %s, now(), now())""",
                    [ticket, "open" if owner else "pending", ticket, owner, {1: 2, 2: 4}[company],
                     {1: 1, 2: 4}[company], company],
                )  # fmt: skip

    def _provision(self) -> dict[str, str]:
        fork, ours = flavour(FLAVOUR), names(self.source)
        with connect_source(self.dsn) as connection:
            state = read_state(connection, self.source, fork)
            there = ((ours.cdc_role, state.cdc_role), (ours.app_role, state.app_role))
            steps = provision.to_install(state, fork, [role for role, found in there if found])
            return dict(provision.apply(connection, steps).passwords)

    def _configure(self, passwords: dict[str, str]) -> None:
        people = cast.read(TRACES / FLAVOUR)
        secret = self.folder / "app.password"
        secret.touch(mode=0o600)
        secret.write_text(passwords[names(self.source).app_role], "utf-8")
        self._url = self.stack.create_database(f"{self.source}_recado")
        migrations.upgrade(self._url)
        dsn = f"postgresql://{names(self.source).app_role}@127.0.0.1:{self.stack.ports['postgres']}/{self.database}"
        with transaction(self._url) as connection:
            sources.add(
                connection, BY, self.source, FLAVOUR, dsn, password=f"file:{secret}",
                session_numbers=people.sessions, frontend_url="https://desk.example",
            )  # fmt: skip
            for company, name in COMPANIES:
                channel = f"phones-{company}"
                channels.add(connection, BY, channel, "sandbox", {"url": self.phones_url})
                tenant = TenantId(self.source, str(company))
                tenants.change(connection, BY, tenant, name=name, channel_id=channel, parameters=self._parameters)
            for agent in people.agents:
                identity = AgentId(self.source, str(agent.company), agent.user)
                agents.change(
                    connection, BY, identity, name=agent.name, whatsapp_notification_number=agent.number,
                    notify_on_new_message=True,
                )  # fmt: skip
                agents.verify(connection, BY, identity)
            for company, _ in COMPANIES:
                channels.mark_tested(connection, BY, f"phones-{company}")
                tenants.set_mode(connection, BY, TenantId(self.source, str(company)), Mode.ON)
            flags.set_global(connection, BY, True)

    def _environment(self, slot: Slot) -> dict[str, str]:
        data = self.folder / f"{slot.role}.{slot.ordinal}"
        data.mkdir(exist_ok=True)
        return {
            **{f"RECADO_TIMINGS__{name}": value for name, value in FAST.items()},
            "RECADO_CELL": self.cell.name,
            "RECADO_ORDINAL": str(slot.ordinal),
            "RECADO_DATABASE_URL": self._url,
            "RECADO_DATA_DIR": str(data),
            "RECADO_KAFKA__BOOTSTRAP": self.stack.bootstrap,
            "RECADO_GATEWAYS__NETWORKS": "127.0.0.0/8",
            "NOTIFY_NEW_MESSAGE_ENABLED": "true",
            "RECADO_LOG__FORMAT": "json",
        }

    def _start_connector(self, passwords: dict[str, str]) -> None:
        ours, secret = names(self.source), self.stack.secrets_dir / self.source
        secret.touch(mode=0o600)
        secret.write_text(passwords[ours.cdc_role], "utf-8")
        reference = f"${{dir:{self.stack.secrets_dir}:{secret.name}}}"
        port = self.stack.ports["postgres"]
        address = SourceAddress("127.0.0.1", port, self.database, ours.cdc_role, reference)
        config = connector_config(self.source, flavour(FLAVOUR), address, self.cell, self.stack.bootstrap)
        with Connect(self.stack.connect_url) as rest:
            rest.ensure(connector_name(self.cell, self.source), config)


def broker_away(stack: LocalStack, seconds: float) -> None:
    """Kill Kafka, stop its successor at once, let it go on after `seconds`; returns when it answers."""
    old = stack.kill("kafka")

    def successor() -> int | None:
        with suppress(Recoverable):
            return pid if (pid := stack.pid("kafka")) != old else None
        return None

    until(lambda: successor() is not None, "a new broker", 30)
    new = stack.pid("kafka")
    os.kill(new, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(new, signal.SIGCONT)
    admin = kafka.admin_client(stack.bootstrap)
    until(lambda: kafka.is_ready(admin), "the broker's answer", 60)

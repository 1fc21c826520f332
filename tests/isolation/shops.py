"""Two ticketz databases behind one stack and one pair of roles; the way to each of them can be damaged."""

import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from admin.registry import agents, channels, flags, sources, tenants
from admin.registry.rows import By
from cdc.change import decode
from cdc.connect import Connect
from cdc.connector import SourceAddress, connector_config, connector_name
from cdc.flavours.registry import flavour
from cdc.postgres import connect as connect_source
from cdc.postgres import names
from cdc.provision import ensure
from consumers.runtime.kafka import reader_config
from consumers.runtime.murmur2 import partition
from deploy.demo import ddl
from deploy.stack import LocalStack
from schemas import migrations
from schemas.codec import decoder
from schemas.database import transaction
from schemas.identity import AgentId, TenantId
from schemas.reasons import Mode
from schemas.records import Outcome
from schemas.settings import KafkaSettings
from schemas.topics import Cell
from tests.bench.desk import AGENTS, TICKETS, fill
from tests.isolation.relay import Relay
from tests.stack_fixture import ROOT, Processes, fresh_cell, fresh_database

PARTITIONS = 4
PARAMETERS = {"settle": 0, "window": 1_000, "agent_cap": 1_000_000, "pair_interval": 0, "ticket_cap": 1_000}
BY = By("test", via="cli", why="isolation")
INSERT = """
INSERT INTO "Messages" (id, body, "ticketId", "createdAt", "updatedAt", "fromMe", "contactId", "companyId",
                        "remoteJid", "queueId")
  VALUES (%s, 'Bom dia, o pedido chegou?', %s, %s, %s, false, %s, 1, '5511999990000@s.whatsapp.net', 1)"""
_outcome = decoder(Outcome)


class Shop:
    """One source: its database, and the two ways to it, of the connector and of the live look-ups."""

    def __init__(self, stack: LocalStack, source: str) -> None:
        self.source = source
        self.database = fresh_database(stack)
        self.owner = psycopg.connect(self.database.dsn, autocommit=True)
        self.owner.execute(ddl.statements(ROOT / "tests" / "traces" / "schemas" / "ticketz.tsv").encode())
        self.owner.execute(fill(AGENTS, TICKETS).encode())
        self.capture, self.looks = (Relay(stack.ports["postgres"]) for _ in range(2))
        self.committed: dict[str, float] = {}
        self._ticket = 0

    def insert(self) -> str:
        """Commit a customer's message on the next ticket; note when that was acknowledged, in epoch ms."""
        self._ticket = self._ticket % TICKETS + 1
        now, waid = datetime.now(UTC), "3EB0" + uuid.uuid4().hex[:18].upper()
        self.owner.execute(INSERT.encode(), (waid, self._ticket, now, now, self._ticket))
        self.committed[waid] = time.time() * 1_000
        return waid

    def is_captured(self) -> bool:
        """Whether somebody follows the slot."""
        asked = "SELECT active FROM pg_replication_slots WHERE slot_name = %s"
        return self.owner.execute(asked, [names(self.source).slot]).fetchone() == (True,)

    def close(self) -> None:
        """End the ways and the owner's connection."""
        self.capture.end()
        self.looks.end()
        self.owner.close()


class Told:
    """Which messages were told, and when that was known (epoch ms); how many rows of each source were captured.

    Read from `outcomes` and `messages`.
    """

    def __init__(self, bootstrap: str, cell: Cell) -> None:
        self._reader = Consumer(reader_config(KafkaSettings(bootstrap=bootstrap), f"{cell.name}-told"))
        self._messages = cell.messages
        self._reader.assign(
            [
                TopicPartition(t, p, OFFSET_BEGINNING)
                for t in (cell.outcomes, cell.messages)
                for p in range(PARTITIONS)
            ]
        )
        self.at_ms: dict[str, int] = {}
        self.ends: list[tuple[str, str]] = []
        self.captured: Counter[str] = Counter()

    def read(self) -> None:
        """Take in what has come."""
        for record in self._reader.consume(1_000, 0.05):
            if record.error() is not None:
                continue
            if record.topic() == self._messages:
                self.captured[decode(record.value()).source.name] += 1
                continue
            outcome = _outcome.decode(record.value() or b"")
            if outcome.kind in {"suppressed", "dead"}:
                self.ends.append((outcome.kind, str(outcome.reason)))
            if outcome.kind == "sent":
                for ref in outcome.message_refs:
                    self.at_ms.setdefault(ref.rpartition("/")[2], outcome.at_ms)

    def close(self) -> None:
        """Leave Kafka."""
        self._reader.close()


class Street:
    """Two shops whose lanes share a partition, so that one may stand in the other's way wherever it can."""

    def __init__(self, stack: LocalStack, folder: Path) -> None:
        self.stack, self.folder, self.cell = stack, folder, fresh_cell(stack, PARTITIONS)
        self.processes = Processes(folder)
        self.roles: list[subprocess.Popen[bytes]] = []
        self.ours, self.theirs = (Shop(stack, name) for name in _neighbours())
        self.told = Told(stack.bootstrap, self.cell)

    @property
    def shops(self) -> tuple[Shop, Shop]:
        return self.ours, self.theirs

    def open(self, undo: ExitStack) -> None:
        """Install both, start the roles and the connectors; returns when both shops' messages are told."""
        undo.callback(self._close)
        own = fresh_database(self.stack)
        undo.callback(self.stack.drop_database, own.name)
        undo.callback(self.processes.end_all)
        migrations.upgrade(own.dsn)
        phones = self._start_phones()
        passwords = {shop.source: self._provision(shop) for shop in self.shops}
        with transaction(own.dsn) as connection:
            for shop in self.shops:
                self._register(connection, shop, phones, passwords[shop.source])
            flags.set_global(connection, BY, True)
        for role in ("coalescer", "sender"):
            data = self.folder / role
            data.mkdir()
            environment = {
                **self.stack.environment(),
                "RECADO_CELL": self.cell.name,
                "RECADO_DATABASE_URL": own.dsn,
                "RECADO_DATA_DIR": str(data),
                "NOTIFY_NEW_MESSAGE_ENABLED": "true",
                "RECADO_LOG__FORMAT": "json",
            }
            self.roles.append(self.processes.python("-m", "admin", "run", role, env=environment))
        with Connect(self.stack.connect_url) as rest:
            for shop in self.shops:
                rest.ensure(connector_name(self.cell, shop.source), self._connector(shop))
        for shop in self.shops:
            # A connector is RUNNING before it has its slot; what is written earlier is never captured.
            wait(shop.is_captured, f"the slot of {shop.source}")
        try:
            self.until_told([shop.insert() for shop in self.shops], "the first notices")
        except AssertionError as error:
            raise AssertionError("\n".join(self.processes.log(role)[-2_000:] for role in self.roles)) from error

    def until_told(self, waids: Sequence[str], what: str, seconds: float = 60) -> None:
        """Wait until all of these messages are told."""

        def done() -> bool:
            self.told.read()
            return all(waid in self.told.at_ms for waid in waids)

        try:
            wait(done, what, seconds)
        except AssertionError as error:
            missing = [waid for waid in waids if waid not in self.told.at_ms]
            counted = Counter(self.told.ends), dict(self.told.captured)
            detail = f"{error}; {len(missing)} of {len(waids)} are not told; {counted}"
            raise AssertionError(detail) from None

    def captured(self, shop: Shop) -> int:
        """Return how many of a shop's rows have left Debezium."""
        self.told.read()
        return self.told.captured[shop.source]

    def play(self, seconds: float, rate: int, other_rate: int) -> list[str]:
        """Let customers write to both shops, evenly; return the messages to ours."""
        mine: list[str] = []
        started = time.monotonic()
        for i in range(int(seconds * rate)):
            while (left := started + i / rate - time.monotonic()) > 0:
                time.sleep(left)  # the pace of customers
            mine.append(self.ours.insert())
            if i % (rate // other_rate) == 0:
                self.theirs.insert()
        return mine

    def latencies(self, waids: Sequence[str]) -> list[float]:
        """Return commit → known as sent of messages to our shop, in ms, sorted; waits until all are told."""
        self.until_told(waids, "notices of the shop whose database is sound")
        return sorted(self.told.at_ms[waid] - self.ours.committed[waid] for waid in waids)

    # ── what opening and closing do ──────────────────────────────────────────────

    def _provision(self, shop: Shop) -> str:
        with connect_source(shop.database.dsn) as owner:
            made = ensure(owner, shop.source, flavour("ticketz")).passwords
        secret = self.stack.secrets_dir / shop.source
        secret.touch(mode=0o600)
        secret.write_text(made[names(shop.source).cdc_role], "utf-8")
        return made[names(shop.source).app_role]

    def _register(self, connection: Any, shop: Shop, phones: str, password: str) -> None:
        secret = self.folder / f"{shop.source}.password"
        secret.touch(mode=0o600)
        secret.write_text(password, "utf-8")
        dsn = f"postgresql://{names(shop.source).app_role}@127.0.0.1:{shop.looks.port}/{shop.database.name}"
        tenant, channel = TenantId(shop.source, "1"), f"phones-{shop.source}"
        sources.add(connection, BY, shop.source, "ticketz", dsn, password=f"file:{secret}",
                    session_numbers=("+5511977770001",))  # fmt: skip
        channels.add(connection, BY, channel, "sandbox", {"url": phones})
        tenants.change(connection, BY, tenant, name=shop.source, channel_id=channel, parameters=PARAMETERS)
        for user in range(1, AGENTS + 1):
            identity = AgentId(shop.source, "1", user)
            agents.change(connection, BY, identity, name=f"Agente {user}", notify_on_new_message=True,
                          whatsapp_notification_number=f"+55119765{user:05d}")  # fmt: skip
            agents.verify(connection, BY, identity)
        channels.mark_tested(connection, BY, channel)
        tenants.set_mode(connection, BY, tenant, Mode.ON)

    def _connector(self, shop: Shop) -> dict[str, str]:
        reference = f"${{dir:{self.stack.secrets_dir}:{shop.source}}}"
        role = names(shop.source).cdc_role
        address = SourceAddress("127.0.0.1", shop.capture.port, shop.database.name, role, reference)
        return connector_config(shop.source, flavour("ticketz"), address, self.cell, self.stack.bootstrap)

    def _start_phones(self) -> str:
        address = self.folder / "phones.address"
        ledger = str(self.folder / "phones.jsonl")
        self.processes.start(
            [sys.executable, "-m", "provider.sandbox", "--ledger", ledger, "--address-file", str(address)]
        )
        wait(address.exists, "the phones")
        return address.read_text("utf-8").strip()

    def _close(self) -> None:
        self.told.close()
        with Connect(self.stack.connect_url) as rest:
            for name in rest.names():
                if name.startswith(self.cell.prefix):
                    rest.stop(name)
                    rest.delete(name)
        for shop in self.shops:
            shop.close()
            self.stack.drop_database(shop.database.name)
            with psycopg.connect(self.stack.postgres_dsn(), autocommit=True) as connection:
                for role in (names(shop.source).app_role, names(shop.source).cdc_role):
                    connection.execute(f"DROP ROLE IF EXISTS {role}".encode())
            (self.stack.secrets_dir / shop.source).unlink(missing_ok=True)


def _neighbours() -> tuple[str, str]:
    """Return two source ids whose tenants' lanes fall on one partition of `alerts`."""
    mark = uuid.uuid4().hex[:8]
    first = f"a{mark}"
    place = partition(f"{first}/1".encode(), PARTITIONS)
    others = (f"b{mark}{i}" for i in range(1_000))
    return first, next(name for name in others if partition(f"{name}/1".encode(), PARTITIONS) == place)


@contextmanager
def street(stack: LocalStack, folder: Path) -> Iterator[Street]:
    """Yield the two shops, open; everything of them is gone afterwards."""
    with ExitStack() as undo:
        made = Street(stack, folder)
        made.open(undo)
        yield made


def wait(done: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Poll until it is so."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)

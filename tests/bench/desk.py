"""A whole Recado beside a ticketz desk on a stack of its own, and the bare chain beside which it is measured."""

import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from sqlalchemy import text

from admin.registry import agents, channels, flags, sources, tenants
from admin.registry.rows import By
from cdc import provision
from cdc.connect import Connect
from cdc.connector import SourceAddress, connector_config, connector_name
from cdc.flavours.registry import flavour
from cdc.postgres import connect as connect_source
from cdc.postgres import names, read_state
from deploy.demo import ddl
from deploy.stack import LocalStack
from schemas import migrations
from schemas.database import transaction
from schemas.identity import AgentId, TenantId
from schemas.reasons import Mode
from schemas.topics import Cell, Topic

SOURCE = "desk"
AGENTS = 50
TICKETS = 3_000
PARTITIONS = 4
ROLES = ("coalescer", "sender")
UNHELD = {"pair_interval": 1, "agent_cap": 1_000_000, "ticket_cap": 1_000}
"""What spares an agent's phone must not hold a notice here: 50 agents stand for a thousand."""
CROWD = """
INSERT INTO agents (source, company, user_id, name, whatsapp_notification_number, notify_on_new_message, state,
                    verified_by, verified_reason, verified_at)
SELECT source, company, i, 'Agente ' || i, '+55119765' || lpad(i::text, 5, '0'), notify_on_new_message, state,
       verified_by, verified_reason, verified_at
FROM agents, generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) i WHERE user_id = 1
"""
"""More agents than the registry takes in seconds, as copies of the first."""
ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "tests" / "traces" / "schemas" / "ticketz.tsv"
BY = By("bench", via="cli", why="benchmark")

INSERT = (
    'INSERT INTO "Messages" (id, body, "ticketId", "createdAt", "updatedAt", "fromMe", "contactId", "companyId",'
    ' "remoteJid", "dataJson", "queueId") VALUES (%s, %s, %s, %s, %s, false, %s, 1, %s, %s, 1)'
)
DATA = '{"key":{"remoteJid":"5511999990000@s.whatsapp.net","fromMe":false,"id":"3EB0"},"messageTimestamp":1795}' * 5


def fill(agents: int, tickets: int) -> str:
    """Return the statements that fill a desk: ticket i is open and belongs to agent 1 + i % agents.

    A queue has `AGENTS` members: each look-up reads who they are.
    """
    queues = max(1, agents // AGENTS)
    return f"""
INSERT INTO "Companies" (id, name, "createdAt", "updatedAt") VALUES (1, 'Desk', now(), now());
INSERT INTO "Queues" (id, name, color, "createdAt", "updatedAt", "companyId")
  SELECT i, 'Vendas ' || i, '#' || i, now(), now(), 1 FROM generate_series(1, {queues}) i;
INSERT INTO "Users" (id, name, email, "passwordHash", "createdAt", "updatedAt", profile, "companyId")
  SELECT i, 'Agente ' || i, i || '@desk.example', '-', now(), now(), 'user', 1 FROM generate_series(1, {agents}) i;
INSERT INTO "UserQueues" ("userId", "queueId", "createdAt", "updatedAt")
  SELECT i, 1 + i % {queues}, now(), now() FROM generate_series(1, {agents}) i;
INSERT INTO "Contacts" (id, name, number, "createdAt", "updatedAt", "companyId")
  SELECT i, 'Cliente ' || i, (551198000000 + i)::text, now(), now(), 1 FROM generate_series(1, {tickets}) i;
INSERT INTO "Tickets" (id, status, "contactId", "userId", "createdAt", "updatedAt", "queueId", "companyId")
  SELECT i, 'open', i, 1 + i % {agents}, now(), now(), 1 + (1 + i % {agents}) % {queues}, 1
  FROM generate_series(1, {tickets}) i;
"""  # noqa: S608 - constants


class Desk:
    """A ticketz database with `tickets` open tickets of `agents` agents; `install` puts ours beside it."""

    def __init__(self, stack: LocalStack, agents: int = AGENTS, tickets: int = TICKETS) -> None:
        self.stack = stack
        self.agents, self.tickets = agents, tickets
        self.cell = Cell(f"bench-{uuid.uuid4().hex[:8]}")
        self.folder = stack.data_dir / "desk"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ledger = self.folder / "phones.jsonl"
        self.database = "desk"
        self.url = ""
        self._connection: psycopg.Connection[Any] | None = None
        self._ticket = 0

    @property
    def dsn(self) -> str:
        return self.stack.postgres_dsn(self.database)

    @property
    def connection(self) -> "psycopg.Connection[Any]":
        if self._connection is None:
            self._connection = psycopg.connect(self.dsn, autocommit=True)
        return self._connection

    def build(self) -> None:
        """Create the application's database; nothing of ours yet."""
        self.stack.create_database(self.database)
        self.connection.execute(ddl.statements(SCHEMA))
        self.connection.execute(fill(self.agents, self.tickets))

    def insert(self) -> tuple[str, float]:
        """Commit a customer's message on a ticket that had none; return its id and when that was acknowledged."""
        self._ticket = self._ticket % self.tickets + 1
        now, waid = datetime.now(UTC), "3EB0" + uuid.uuid4().hex[:18].upper()
        self.connection.execute(
            INSERT, (waid, "Bom dia, o pedido chegou?", self._ticket, now, now, self._ticket, "5511999990000", DATA)
        )
        return waid, time.time()

    # ── ours ──────────────────────────────────────────────────────────────────────────────────────────────

    def start_phones(self) -> str:
        """Start the gateway of the phones and return its address."""
        address = self.folder / "phones.address"
        command = [sys.executable, "-m", "provider.sandbox", "--ledger", str(self.ledger)]
        self.stack.start_role("phones", [*command, "--address-file", str(address)])
        wait(address.exists, "the phones' gateway")
        return address.read_text("utf-8").strip()

    def install(self, phones: str, parameters: dict[str, int], *, roles: bool = True) -> None:
        """Provision, configure, start roles and connector; returns when the connector runs."""
        password = self.prepare(phones, parameters)
        if roles:
            self.start_roles()
        self.start_connector(password)

    def prepare(self, phones: str, parameters: dict[str, int], partitions: int = PARTITIONS) -> str:
        """Provision, configure, create the topics; nothing runs yet. Returns the connector's password."""
        fork = flavour("ticketz")
        with connect_source(self.dsn) as connection:
            state = read_state(connection, SOURCE, fork)
            passwords = dict(provision.apply(connection, provision.to_install(state, fork)).passwords)
        self.url = self._configure(phones, passwords[names(SOURCE).app_role], parameters)
        self.stack.create_topics(self.cell.all(partitions))
        return passwords[names(SOURCE).cdc_role]

    def start_roles(self, roles: Sequence[str] = ROLES) -> None:
        """Start coalescer and sender, or one of them; they have been started, not become ready."""
        environment = {
            "RECADO_CELL": self.cell.name,
            "RECADO_DATABASE_URL": self.url,
            "RECADO_DATA_DIR": str(self.folder),
            "NOTIFY_NEW_MESSAGE_ENABLED": "true",
            "RECADO_LOG__FORMAT": "json",
        }
        for role in roles:
            self.stack.start_role(role, [sys.executable, "-m", "admin", "run", role], environment)

    def start_connector(self, password: str | None = None) -> None:
        secret = self.stack.secrets_dir / SOURCE
        if password is not None:
            secret.touch(mode=0o600)
            secret.write_text(password, "utf-8")
        address = SourceAddress(
            "127.0.0.1", self.stack.ports["postgres"], self.database, names(SOURCE).cdc_role,
            f"${{dir:{self.stack.secrets_dir}:{SOURCE}}}",
        )  # fmt: skip
        config = connector_config(SOURCE, flavour("ticketz"), address, self.cell, self.stack.bootstrap)
        with Connect(self.stack.connect_url) as rest:
            rest.ensure(connector_name(self.cell, SOURCE), config)

    def _configure(self, phones: str, password: str, parameters: dict[str, int]) -> str:
        secret = self.folder / "app.password"
        secret.touch(mode=0o600)
        secret.write_text(password, "utf-8")
        url = self.stack.create_database("recado")
        migrations.upgrade(url)
        dsn = f"postgresql://{names(SOURCE).app_role}@127.0.0.1:{self.stack.ports['postgres']}/{self.database}"
        tenant = TenantId(SOURCE, "1")
        with transaction(url) as connection:
            sources.add(connection, BY, SOURCE, "ticketz", dsn, password=f"file:{secret}",
                        session_numbers=("+5511977770001",), frontend_url="https://desk.example")  # fmt: skip
            channels.add(connection, BY, "phones", "sandbox", {"url": phones})
            tenants.change(connection, BY, tenant, name="Desk", channel_id="phones",
                           parameters=UNHELD | parameters)  # fmt: skip
            for user in range(1, min(self.agents, AGENTS) + 1):
                identity = AgentId(SOURCE, "1", user)
                agents.change(connection, BY, identity, name=f"Agente {user}", notify_on_new_message=True,
                              whatsapp_notification_number=f"+55119765{user:05d}")  # fmt: skip
                agents.verify(connection, BY, identity)
            connection.execute(text(CROWD), {"first": AGENTS + 1, "last": self.agents})
            channels.mark_tested(connection, BY, "phones")
            tenants.set_mode(connection, BY, tenant, Mode.ON)
            flags.set_global(connection, BY, True)
        return url

    def change(self, **parameters: int) -> None:
        """Change the tenant's parameters; the roles hear of it by themselves."""
        with transaction(self.url) as connection:
            tenants.change(connection, BY, TenantId(SOURCE, "1"), parameters=parameters)

    @contextmanager
    def without_capture(self) -> Iterator[None]:
        """Our connector stopped, so that the bare one is measured alone."""
        with Connect(self.stack.connect_url) as rest:
            rest.stop(connector_name(self.cell, SOURCE))
        try:
            yield
        finally:
            with Connect(self.stack.connect_url) as rest:
                rest.resume(connector_name(self.cell, SOURCE))
            wait(lambda: self.slot_is_active(names(SOURCE).slot), "our connector again")

    def slot_is_active(self, slot: str) -> bool:
        found = self.connection.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (slot,))
        return found.fetchone() == (True,)

    # ── the bare chain ────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def bare_connector(self) -> Iterator[str]:
        """A connector with Debezium's defaults but for latency: whole rows, no routers; yields its topic."""
        name = "bare" + uuid.uuid4().hex[:6]
        topic = f"{name}.public.Messages"
        self.stack.create_topics([Topic(topic, PARTITIONS, {"compression.type": "lz4"})])
        self.connection.execute(f'CREATE PUBLICATION {name} FOR TABLE "Messages"')
        server = urlsplit(self.dsn)
        json_ = "org.apache.kafka.connect.json.JsonConverter"
        config = {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1",
            "database.hostname": "127.0.0.1", "database.port": str(server.port), "database.dbname": self.database,
            "database.user": server.username or "", "database.password": unquote(server.password or ""),
            "topic.prefix": name, "plugin.name": "pgoutput", "publication.name": name, "slot.name": name,
            "slot.drop.on.stop": "true", "publication.autocreate.mode": "disabled", "snapshot.mode": "no_data",
            "table.include.list": "public.Messages", "poll.interval.ms": "10",
            "key.converter": json_, "key.converter.schemas.enable": "false",
            "value.converter": json_, "value.converter.schemas.enable": "false",
            "producer.override.linger.ms": "0",
        }  # fmt: skip
        with Connect(self.stack.connect_url) as rest:
            rest.ensure(name, config)
            wait(lambda: self.slot_is_active(name), "the bare connector")
            try:
                yield topic
            finally:
                rest.stop(name)
                rest.delete(name)
                self.connection.execute(
                    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
                    " AND NOT active", (name,),
                )  # fmt: skip
                self.connection.execute(f"DROP PUBLICATION {name}")


def wait(done: Any, what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            message = f"not in time: {what}"
            raise TimeoutError(message)
        time.sleep(0.02)

"""A whole cell on the real stack: several sources, their connectors, both roles as processes, phones."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection as Registry

from admin.demo.judge import BACKLOG_MS, judge
from admin.demo.tail import Tail, settled
from admin.registry import agents, channels, flags, sources, tenants
from admin.registry.rows import By
from cdc.connect import Connect
from cdc.connector import SourceAddress, connector_config, connector_name
from cdc.flavours.registry import flavour
from cdc.postgres import connect as connect_source
from cdc.postgres import names
from cdc.provision import ensure, remove
from deploy.demo.replay import Connection, Recording, Replay
from deploy.demo.verifier.collect import collect
from deploy.demo.verifier.evidence import Evidence
from deploy.demo.verifier.verdict import Verdict
from deploy.stack import LocalStack
from schemas import migrations
from schemas.database import transaction
from schemas.identity import AgentId, TenantId
from schemas.reasons import Mode
from schemas.settings import KafkaSettings
from tests.isolated.cast import Cast
from tests.stack_fixture import ROOT, Database, Processes, fresh_cell, fresh_database

TRACES = ROOT / "tests" / "traces"
BY = By("test", via="cli", why="continuous arm")
PARTITIONS = 4


@dataclass
class Source:
    """One source of the cell: a recording, played into a database of its own."""

    recording: Recording
    cast: Cast
    database: Database
    connection: Connection
    replay: Replay

    @classmethod
    def create(cls, stack: LocalStack, name: str, mark: str) -> "Source":
        """Create the fork's database with the rows from before the recording."""
        recording, database = Recording(TRACES, name), fresh_database(stack)
        connection = psycopg.connect(database.dsn, autocommit=True)
        replay = Replay(recording, connection)
        replay.create()
        return cls(recording, Cast.read(TRACES / name, f"{name}_{mark}"), database, connection, replay)

    @property
    def name(self) -> str:
        """The source's id."""
        return self.cast.source

    def play(self) -> None:
        """Play the scenarios one after another at recorded speed."""
        for scenario in self.recording.scenarios:
            self.replay.run(scenario)


class LiveCell:
    """A context: built on entering; roles, connectors and databases are gone after leaving, the topics stay."""

    def __init__(
        self, stack: LocalStack, folder: Path, flavours: tuple[str, ...], parameters: dict[str, int]
    ) -> None:
        self.stack, self.folder = stack, folder
        self.cell = fresh_cell(stack, PARTITIONS)
        self.sources: list[Source] = []
        self.since_ms = 0
        self.ledger = folder / "phones.jsonl"
        self._flavours, self._parameters = flavours, parameters
        self._tail = Tail(KafkaSettings(bootstrap=stack.bootstrap), self.cell, PARTITIONS)
        self._processes = Processes(folder)
        self._closing = ExitStack()

    def __enter__(self) -> "LiveCell":
        with ExitStack() as undo:
            own = fresh_database(self.stack)
            undo.callback(self.stack.drop_database, own.name)
            mark = uuid.uuid4().hex[:6]
            passwords = {}
            for name in self._flavours:
                source = Source.create(self.stack, name, mark)
                self.sources.append(source)
                undo.callback(self._forget, source)
                passwords[source.name] = self._provision(source)
            undo.callback(self._processes.end_all)
            self._configure(own, self._start_phones(), passwords)
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
                self._processes.python("-m", "admin", "run", role, env=environment)
            with Connect(self.stack.connect_url) as rest:
                for source in self.sources:
                    rest.ensure(connector_name(self.cell, source.name), self._connector(source))
            self._tail.start()
            undo.callback(self._tail.stop)
            self._tail.wait_for_roles(60)
            self.since_ms = time.time_ns() // 1_000_000
            self._closing = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def play(self) -> None:
        """Play all sources at once."""
        with ThreadPoolExecutor(len(self.sources)) as pool:
            for played in [pool.submit(source.play) for source in self.sources]:
                played.result()

    def comes_to_rest(self, seconds: float) -> bool:
        """Wait until nothing is pending any more; False when it takes longer."""
        return settled(self._tail, 3.0, seconds)

    @property
    def dsns(self) -> dict[str, str]:
        """Source id -> database."""
        return {source.name: source.database.dsn for source in self.sources}

    def evidence(self) -> Evidence:
        """Read all topics, databases and the ledger."""
        return collect(self.stack.bootstrap, self.cell, self.dsns, self.since_ms - BACKLOG_MS, str(self.ledger))

    def verdict(self) -> Verdict:
        """Judge as `recado demo --once` does."""
        return judge(self.stack.bootstrap, self.cell, self.dsns, self.since_ms, self.ledger)

    # ── what entering does ────────────────────────────────────────────────────────────────────────────────

    def _provision(self, source: Source) -> str:
        """Create roles and publication as an installation does; return the app role's password."""
        with connect_source(source.database.dsn) as owner:
            made = ensure(owner, source.name, flavour(source.recording.flavour)).passwords
        ours = names(source.name)
        secret = self.stack.secrets_dir / source.name
        secret.touch(mode=0o600)
        secret.write_text(made[ours.cdc_role], "utf-8")
        return made[ours.app_role]

    def _forget(self, source: Source) -> None:
        with Connect(self.stack.connect_url) as rest:
            name = connector_name(self.cell, source.name)
            if name in rest.names():
                rest.delete(name)
        source.connection.close()
        with closing(connect_source(source.database.dsn)) as owner:
            owner.execute(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = %s AND active",
                [source.database.name],
            )
            remove(owner, source.name, flavour(source.recording.flavour))
        self.stack.drop_database(source.database.name)
        (self.stack.secrets_dir / source.name).unlink(missing_ok=True)

    def _start_phones(self) -> str:
        address = self.folder / "phones.address"
        command = ("-m", "provider.sandbox", "--ledger", str(self.ledger), "--address-file", str(address))
        self._processes.python(*command)
        deadline = time.monotonic() + 30
        while not address.exists():
            assert time.monotonic() < deadline, "the phones did not start"
            time.sleep(0.05)
        return address.read_text("utf-8").strip()

    def _configure(self, own: Database, phones: str, passwords: dict[str, str]) -> None:
        migrations.upgrade(own.dsn)
        with transaction(own.dsn) as connection:
            for source in self.sources:
                self._register(connection, source, phones, passwords[source.name])
            flags.set_global(connection, BY, True)

    def _register(self, connection: Registry, source: Source, phones: str, password: str) -> None:
        secret = self.folder / f"{source.name}.password"
        secret.touch(mode=0o600)
        secret.write_text(password, "utf-8")
        known, cast, channel = conninfo_to_dict(source.database.dsn), source.cast, f"phones-{source.name}"
        dsn = f"postgresql://{names(source.name).app_role}@{known['host']}:{known['port']}/{known['dbname']}"
        sessions = [f"+{number}" for number in cast.sessions]
        sources.add(
            connection, BY, source.name, cast.flavour, dsn, password=f"file:{secret}", session_numbers=sessions,
            frontend_url="https://desk.example",
        )  # fmt: skip
        channels.add(connection, BY, channel, "sandbox", {"url": phones})
        ids = sorted({TenantId(source.name, str(company)) for company, _, _ in cast.agents.values()})
        for tenant in ids:
            tenants.change(
                connection, BY, tenant, name=str(tenant), channel_id=channel, lane=source.name,
                parameters=self._parameters,
            )  # fmt: skip
        for key, (company, user, number) in cast.agents.items():
            agent = AgentId(source.name, str(company), user)
            agents.change(
                connection, BY, agent, name=key, whatsapp_notification_number=f"+{number}",
                notify_on_new_message=True,
            )  # fmt: skip
            agents.verify(connection, BY, agent)
        channels.mark_tested(connection, BY, channel)
        for tenant in ids:
            tenants.set_mode(connection, BY, tenant, Mode.ON)

    def _connector(self, source: Source) -> dict[str, str]:
        known, ours = conninfo_to_dict(source.database.dsn), names(source.name)
        address = SourceAddress(
            str(known["host"]),
            int(str(known["port"])),
            source.database.name,
            ours.cdc_role,
            f"${{dir:{self.stack.secrets_dir}:{source.name}}}",
        )
        fork = flavour(source.recording.flavour)
        return connector_config(source.name, fork, address, self.cell, self.stack.bootstrap)

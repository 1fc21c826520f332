"""Sets the stage: a Whaticket database from its true schema, the connector beside it, our roles, the phones."""

import json
import sys
import time
from pathlib import Path

import psycopg

from admin.demo import cast
from admin.demo.gateways import GATEWAYS, DemoGateway
from admin.registry import agents, channels, flags, sources, tenants
from admin.registry.rows import By
from cdc import provision
from cdc.connect import Connect
from cdc.connector import SourceAddress, connector_config, connector_name
from cdc.flavours.registry import flavour
from cdc.postgres import connect as connect_source
from cdc.postgres import names, read_state
from deploy.demo.replay import Recording, Replay
from deploy.stack import LocalStack
from schemas import migrations
from schemas.database import transaction
from schemas.errors import Recoverable
from schemas.identity import AgentId, TenantId
from schemas.reasons import Mode
from schemas.settings import Settings
from schemas.topics import Cell

SOURCE = "demo"
CHANNEL = "demo-phones"
CELLS = "recado.demo-"
FRONTEND = "https://desk.example"
PARTITIONS = 4
PARAMETERS = {
    "window": 10_000, "max_window": 20_000, "bot_hold": 20_000, "agent_cap": 1_000, "ticket_cap": 1_000,
    "pair_interval": 0,
}  # fmt: skip
BY = By("demo", via="cli", why="demonstration")


class Scene:
    """The demonstration's world. `open` builds it anew; what an earlier run left is removed first."""

    def __init__(
        self,
        stack: LocalStack,
        settings: Settings,
        recording: Recording,
        folder: Path,
        gateway: DemoGateway = GATEWAYS["sandbox"],
    ) -> None:
        self.stack, self.settings, self.recording, self.gateway = stack, settings, recording, gateway
        self.folder = stack.data_dir / "demo"
        self.cast = cast.read(folder)
        self.cell = Cell(f"demo-{int(time.time())}")
        self.ledger = self.folder / "phones.jsonl"
        self.phones_url = ""
        self._gateway_url = ""
        self._url = ""

    @property
    def source_dsn(self) -> str:
        """The superuser's address of the demonstration's Whaticket database."""
        return self.stack.postgres_dsn(self._database)

    @property
    def _database(self) -> str:
        return "recado_demo_whaticket"

    def open(self) -> None:
        """Build everything and start the roles; returns when they have been started, not when they are ready."""
        self._clear()
        self._start_phones()
        connection = self._create_source()
        try:
            passwords = self._provision()
            self._configure(passwords)
            self.stack.create_topics(self.cell.all(PARTITIONS))
            self._start_roles()
            self._start_connector(passwords)
        finally:
            connection.close()

    def close(self) -> None:
        """Stop our roles and the connector; the servers stay up for the next run."""
        for role in ("demo-coalescer", "demo-sender", "demo-phones"):
            self.stack.stop_role(role)
        with Connect(self.stack.connect_url) as rest:
            for name in rest.names():
                if name.startswith(CELLS):
                    rest.delete(name)
        self.stack.drop_database(self._database)  # and its slot, which would keep the server's log for ever

    # ── what open does ────────────────────────────────────────────────────────────────────────────────────

    def _clear(self) -> None:
        """Remove what an earlier demonstration left: roles, connector, slot, database; its topics expire."""
        self.close()
        self.stack.drop_database("recado_demo")
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in (self.ledger, self.folder / "config.json", self.folder / "phones.address"):
            old.unlink(missing_ok=True)

    def _start_phones(self) -> None:
        book = self.folder / "phones.json"
        book.write_text(json.dumps([{"number": a.number, "name": a.name} for a in self.cast.agents]), "utf-8")
        address = self.folder / "phones.address"
        command = [sys.executable, "-m", "provider.sandbox", "--gateway", self.gateway.emulator]
        command += ["--ledger", str(self.ledger)]
        self.stack.start_role("demo-phones", [*command, "--phones", str(book), "--address-file", str(address)])
        deadline = time.monotonic() + 30
        while not address.exists():
            if time.monotonic() > deadline:
                raise Recoverable("RCD-706", f"the phones' gateway; see {self.stack.log_file('demo-phones')}")
            time.sleep(0.05)
        self._gateway_url = address.read_text("utf-8").strip()
        self.phones_url = self._gateway_url + self.gateway.page.rstrip("/")

    def _channel_settings(self) -> dict[str, str]:
        """Return the channel's settings, its credentials as references to files."""
        values = {"url": self._gateway_url, **self.gateway.settings}
        for name, value in self.gateway.secrets.items():
            values[name] = f"file:{self._secret(f'gateway.{name}', value)}"
        return values

    def _secret(self, name: str, value: str) -> Path:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(value, "utf-8")
        return path

    def _create_source(self) -> "psycopg.Connection[tuple[object, ...]]":
        """Create the Whaticket database with the rows from before the recording."""
        self.stack.create_database(self._database)
        connection = psycopg.connect(self.source_dsn, autocommit=True)
        Replay(self.recording, connection).create()
        return connection

    def _provision(self) -> dict[str, str]:
        """Create roles and publication as an installation does; return the roles' passwords."""
        fork, ours = flavour(self.recording.flavour), names(SOURCE)
        with connect_source(self.source_dsn) as connection:
            state = read_state(connection, SOURCE, fork)
            renew = [
                role for role, there in ((ours.cdc_role, state.cdc_role), (ours.app_role, state.app_role)) if there
            ]
            steps = provision.to_install(state, fork, renew)
            return dict(provision.apply(connection, steps).passwords)

    def _configure(self, passwords: dict[str, str]) -> None:
        """Fill the recado database: one source, two companies, six agents, one channel; all switched on."""
        secret = self._secret("app.password", passwords[names(SOURCE).app_role])
        self._url = self.stack.create_database("recado_demo")
        migrations.upgrade(self._url)
        postgres = self.stack.ports["postgres"]
        dsn = f"postgresql://{names(SOURCE).app_role}@127.0.0.1:{postgres}/{self._database}"
        with transaction(self._url) as connection:
            sources.add(
                connection, BY, SOURCE, self.recording.flavour, dsn, password=f"file:{secret}",
                session_numbers=self.cast.sessions, frontend_url=FRONTEND,
            )  # fmt: skip
            channels.add(connection, BY, CHANNEL, self.gateway.provider, self._channel_settings())
            for company, name in self.cast.companies:
                tenant = TenantId(SOURCE, str(company))
                tenants.change(
                    connection, BY, tenant, name=name, channel_id=CHANNEL, lane=SOURCE, parameters=PARAMETERS
                )
            for agent in self.cast.agents:
                identity = AgentId(SOURCE, str(agent.company), agent.user)
                agents.change(
                    connection, BY, identity, name=agent.name, whatsapp_notification_number=agent.number,
                    notify_on_new_message=True,
                )  # fmt: skip
                agents.verify(connection, BY, identity)
            channels.mark_tested(connection, BY, CHANNEL)
            for company, _ in self.cast.companies:
                tenants.set_mode(connection, BY, TenantId(SOURCE, str(company)), Mode.ON)
            flags.set_global(connection, BY, True)

    def _start_roles(self) -> None:
        environment = {
            "RECADO_CELL": self.cell.name,
            "RECADO_DATABASE_URL": self._url,
            "RECADO_DATA_DIR": str(self.folder),
            "NOTIFY_NEW_MESSAGE_ENABLED": "true",
            "RECADO_LOG__FORMAT": "json",
        }
        for role in ("coalescer", "sender"):
            self.stack.start_role(f"demo-{role}", [sys.executable, "-m", "admin", "run", role], environment)

    def _start_connector(self, passwords: dict[str, str]) -> None:
        folder, ours = self.stack.secrets_dir, names(SOURCE)
        secret = folder / "demo"
        secret.touch(mode=0o600)
        secret.write_text(passwords[ours.cdc_role], "utf-8")
        reference = f"${{dir:{folder}:{secret.name}}}"
        port = self.stack.ports["postgres"]
        address = SourceAddress("127.0.0.1", port, self._database, ours.cdc_role, reference)
        config = connector_config(SOURCE, flavour(self.recording.flavour), address, self.cell, self.stack.bootstrap)
        with Connect(self.stack.connect_url) as rest:
            rest.ensure(connector_name(self.cell, SOURCE), config)

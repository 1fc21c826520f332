"""One source: what is missing beside its database, in the order in which it is to be done."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from admin.install import address as addresses
from admin.install import registration, system
from admin.install.address import Address, Place
from admin.install.capture import Capture, capture_of, cdc_secret
from admin.install.step import Line, Step
from admin.registry import sources
from admin.registry.rows import By
from cdc import provision
from cdc.flavours.api import Flavour
from cdc.flavours.detect import detect, read_shape
from cdc.flavours.registry import flavour as known_flavour
from cdc.postgres import Connection, connect, names, read_state
from deploy import files
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.secrets import resolve
from schemas.settings import Settings


@dataclass(frozen=True)
class Wanted:
    """A source as it is asked for. `address` None: as remembered, else the registry's."""

    source: str
    address: Address | None = None
    flavour: str | None = None


class Source:
    """The installation of one source through an administrator's connection.

    Args:
        settings: of the cell.
        url: of the recado database.
        wanted: which source.
        by: who asks.
        dial: opens connections; for tests.
    """

    def __init__(
        self, settings: Settings, url: str, wanted: Wanted, by: By, dial: Callable[[str], Connection] = connect
    ) -> None:
        self.source = wanted.source
        self.ours = names(wanted.source)
        self._settings = settings
        self._url = url
        self._wanted = wanted
        self._by = by
        self._dial = dial
        self.row = registration.row(url, wanted.source)
        self.address = self._address()
        self._conninfo = self.address.conninfo()
        self.place = Place.of(self._conninfo)

    def open(self) -> Connection:
        """Open the administrator's connection. Raises RCD-110 or RCD-111."""
        try:
            return self._dial(self._conninfo)
        except Invalid as error:
            if self._wanted.address is not None:
                raise
            hint = "this address is known from before; give an administrator's: --dsn env:NAME"
            raise Invalid(error.code, f"{error.detail} ({hint})") from error

    def remember(self) -> None:
        """Keep the address for the next run."""
        addresses.remember(self._settings.data_dir, self.source, self.address)

    def plan(self, connection: Connection) -> list[Step]:
        """Return what is missing; nothing when all is there and proven. Changes nothing.

        Raises:
            RecadoError: what a person has to do first; RCD-101, 102, 104, 112, 114, 601, 602.
        """
        fork = self._flavour()
        server = system.read(connection)
        system.require_room(server, self.ours.slot)
        steps = [
            *self._secrets(),
            *self._roles(connection, fork),
            *system.to_set(connection, server, self.source, self.ours.slot, self.place.server),
        ]
        steps += self._registry(fork.name)
        capture = capture_of(self._settings, self.source, fork, self.place)
        level = server.settings[system.WAL_LEVEL].value
        if level != "logical":
            steps.append(self._restart(connection))
        connector = capture.to_do(connection)
        steps += connector
        if connector or self.row is None or self.row["state"] != registration.INSTALLED:
            steps.append(self._prove(capture))
        return steps

    # ── parts ────────────────────────────────────────────────────────────────────

    def _address(self) -> Address:
        found = self._wanted.address or addresses.remembered(self._settings.data_dir, self.source)
        if found is None and self.row is not None and self.row["username"] != self.ours.app_role:
            found = addresses.of_row(self.row)
        if found is None:
            raise addresses.unknown(self.source, "install")
        return found

    def _flavour(self) -> Flavour:
        """Return the flavour that the database is. Raises `Invalid` RCD-112 also when another one was named."""
        engine = create_engine("postgresql+psycopg://", creator=self.open, poolclass=NullPool)
        with engine.connect() as connection:
            found = detect(read_shape(connection))
        named = self._wanted.flavour or (self.row["flavour"] if self.row is not None else None)
        if named is not None and known_flavour(named).name != found.name:
            raise Invalid("RCD-112", f"source {self.source} is said to be {named}; its schema is {found.name}'s")
        return found

    @cached_property
    def app_secret(self) -> str:
        """The reference to the read role's password: the registry's when it is that role's, else a file of ours."""
        if self.row is not None and self.row["username"] == self.ours.app_role and self.row["secret_ref"]:
            return str(self.row["secret_ref"])
        return f"file:{(self._settings.data_dir / 'secrets' / self.ours.app_role).absolute()}"

    def _secret_files(self) -> list[tuple[str, Path]]:
        """Return role and file of each password that we generate."""
        found = [(self.ours.cdc_role, cdc_secret(self._settings, self.source))]
        kept = self.app_secret.removeprefix("file:")
        if kept == str((self._settings.data_dir / "secrets" / self.ours.app_role).absolute()):
            found.append((self.ours.app_role, Path(kept)))
        return found

    def _secrets(self) -> list[Step]:
        steps = []
        for role, file in self._secret_files():
            if not file.exists():
                line = Line(f"generate the password of {role}", f"write {file} (mode 0600)", f"rm {file}")
                steps.append(Step(f"secret {role}", (line,), lambda file=file: _generate(file), self.source))  # type: ignore[misc]
        return steps

    def _passwords(self) -> dict[str, str]:
        """Return the passwords that are there already."""
        found = {role: file.read_text("utf-8").strip() for role, file in self._secret_files() if file.exists()}
        if self.ours.app_role not in dict(self._secret_files()):
            found[self.ours.app_role] = resolve(self.app_secret)
        return found

    def _roles(self, connection: Connection, fork: Flavour) -> list[Step]:
        """Publication and roles, in one transaction: all of it or none."""
        state = read_state(connection, self.source, fork)
        kept = self._passwords()
        there = ((self.ours.cdc_role, state.cdc_role), (self.ours.app_role, state.app_role))
        refused = [name for name, role in there if role is not None and not self._opens(name, kept.get(name))]
        found = provision.to_install(state, fork, refused)
        if not found:
            return []
        lines = tuple(Line(step.what, step.sql, step.undo or "") for step in found)
        return [Step("roles", lines, lambda: self._provision(connection, found), self.source)]

    def _provision(self, connection: Connection, found: tuple[provision.Step, ...]) -> None:
        passwords = self._passwords()
        provision.apply(connection, found, passwords)
        for role in (self.ours.cdc_role, self.ours.app_role):
            self._dial(self.place.login(role, passwords[role])).close()

    def _opens(self, role: str, password: str | None) -> bool:
        if password is None:
            return False
        try:
            self._dial(self.place.login(role, password)).close()
        except Invalid:
            return False
        return True

    def _registry(self, fork: str) -> list[Step]:
        wanted = {
            "dsn_ref": None, "dialect": "postgresql", "host": self.place.host, "port": self.place.port,
            "database": self.place.database, "username": self.ours.app_role, "secret_ref": self.app_secret,
        }  # fmt: skip
        now = self.row
        if now is not None and (
            now["username"] == self.ours.app_role or all(now[k] == v for k, v in wanted.items())
        ):
            return []
        before = None if now is None else {name: now[name] for name in wanted}
        line = Line(
            f"record source {self.source} ({fork}), its tenants off",
            f"{self.ours.app_role}@{self.place.host}:{self.place.port}/{self.place.database}",
            f"recado source remove {self.source}" if now is None else "the address from before",
        )
        return [Step("registry", (line,), lambda: self._record(fork), self.source, {"row": before})]

    def _record(self, fork: str) -> None:
        host = f"[{self.place.host}]" if ":" in self.place.host else self.place.host
        dsn = f"postgresql://{self.ours.app_role}@{host}:{self.place.port}/{self.place.database}"
        with transaction(self._url) as connection:
            given: dict[str, Any] = {"dsn": dsn, "password": self.app_secret}
            if self.row is None:
                sources.add(connection, self._by, self.source, fork, **given)
            else:
                sources.change(connection, self._by, self.source, **given)

    def _restart(self, connection: Connection) -> Step:
        line = Line("a person restarts PostgreSQL; run the command again", system.RESTART, "")
        return Step("restart", (line,), lambda: system.require_logical(_level(connection)), self.source)

    def _prove(self, capture: Capture) -> Step:
        """Test and mark in one step: a test that nobody remembers would be run again."""

        def prove() -> None:
            capture.self_test(self.open)
            registration.set_state(self._url, self._by, self.source, registration.INSTALLED)

        lines = (
            Line("see a heartbeat arrive and the slot move", "reads only; no row is written to Whaticket", ""),
            Line(
                f"mark {self.source} as installed", f"sources.state = {registration.INSTALLED}", "recado uninstall"
            ),
        )
        return Step("self-test", lines, prove, self.source)


def _generate(file: Path) -> None:
    # An existing folder keeps its rights: the Connect worker may be another user.
    file.parent.mkdir(parents=True, exist_ok=True, mode=files.PRIVATE_DIR)
    files.secret(file)


def _level(connection: Connection) -> str:
    (found,) = connection.execute("SELECT current_setting('wal_level')").fetchone() or ("",)
    return str(found)

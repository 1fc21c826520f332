"""The connector of a source: created beside the slot, and proven alive without a row written to Whaticket."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from admin.install.address import Place
from admin.install.step import Line, Step
from cdc import slot
from cdc.connect import Connect
from cdc.connector import SourceAddress, connector_config, connector_name
from cdc.connector_state import Difference
from cdc.debezium import Debezium
from cdc.flavours.api import Flavour
from cdc.postgres import Connection, Names, names
from schemas.errors import Fatal, Invalid, Recoverable
from schemas.settings import Settings
from schemas.topics import Cell

SELF_TEST_S = 60.0
POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Capture:
    """What a source's connector is made of, and by whom it is asked."""

    source: str
    cell: Cell
    ours: Names
    config: dict[str, str]
    connect_url: str
    bootstrap: str

    @property
    def name(self) -> str:
        """The connector's name."""
        return connector_name(self.cell, self.source)

    def to_do(self, connection: Connection) -> list[Step]:
        """Return what makes the connector run; nothing when it runs as it should.

        Raises:
            Recoverable: RCD-208, Connect does not answer.
            Fatal: RCD-103, the slot is gone while the connector had one; RCD-114, somebody else uses our slot.
        """
        with Connect(self.connect_url) as rest:
            actual = rest.config(self.name)
            differences = rest.drift(self.name, self.config)
            status = rest.status(self.name) if actual is not None else None
            offsets = rest.offsets(self.name) if actual is not None else []
        self._require_slot(connection, exists=actual is not None, has_read=bool(offsets))
        if not differences and status is not None and status.running:
            return []
        line = Line(
            f"{'create' if actual is None else 'correct'} connector {self.name}",
            f"PUT /connectors/{self.name}/config {_told(self.config, differences, new=actual is None)}",
            f"DELETE /connectors/{self.name}" if actual is None else "",
        )
        return [Step("connector", (line,), lambda: self._ensure(connection), self.source)]

    def _require_slot(self, connection: Connection, *, exists: bool, has_read: bool) -> None:
        found = {there.name: there for there in slot.listed(connection)}.get(self.ours.slot)
        if found is None:
            if has_read:
                raise Fatal(
                    "RCD-103",
                    f"slot {self.ours.slot} was dropped by somebody: messages since then fell into a gap. "
                    f"To start anew from now: recado uninstall {self.source} --apply, then install",
                )
            return
        if found.plugin != "pgoutput" or found.database != connection.info.dbname:
            raise Fatal(
                "RCD-114", f"a slot called {self.ours.slot} is somebody else's: {found.plugin} in {found.database}"
            )
        slot.require_usable(slot.read(connection, self.ours.slot), self.ours.slot)
        if found.active and not exists:
            raise Fatal("RCD-114", f"slot {self.ours.slot} is followed by something else than {self.name}")

    def _ensure(self, connection: Connection) -> None:
        with Connect(self.connect_url) as rest:
            if rest.config(self.name) is None:
                rest.create_stopped(self.name, self.config)
                if slot.read(connection, self.ours.slot) is None:
                    # Offsets outlive a deleted connector; with a new slot they would point into the past.
                    rest.reset_offsets(self.name)
            rest.ensure(self.name, self.config)

    def self_test(self, dial: Callable[[], Connection], deadline_s: float = SELF_TEST_S) -> None:
        """Wait until a heartbeat arrives, the slot is followed and what it has confirmed advances. Reads only.

        Raises:
            Recoverable: RCD-211, not all of it happened in time.
        """
        end = time.monotonic() + deadline_s
        first: int | None = None
        with dial() as connection, Debezium(self.bootstrap, self.cell) as debezium:
            before = debezium.heartbeats().get(self.source)
            while True:
                found = {there.name: there for there in slot.listed(connection)}.get(self.ours.slot)
                beat = debezium.heartbeats().get(self.source)
                if found is not None and first is None:
                    first = found.confirmed
                moved = found is not None and first is not None and (found.confirmed or 0) > first
                if found is not None and found.active and moved and beat is not None and beat != before:
                    return
                if time.monotonic() > end:
                    signs = {
                        "the slot is followed": found is not None and found.active,
                        "it moves": moved,
                        "a heartbeat came": beat is not None and beat != before,
                    }
                    missing = ", ".join(f"not true: {sign}" for sign, seen in signs.items() if not seen)
                    raise Recoverable("RCD-211", f"{self.name} after {deadline_s:g} s: {missing}")
                time.sleep(POLL_S)


def cdc_secret(settings: Settings, source: str) -> Path:
    """Return the file of the capturing role's password, where the Connect worker reads it. Raises RCD-601."""
    folder = settings.connect.secrets_dir
    if folder is None:
        raise Invalid("RCD-601", "RECADO_CONNECT__SECRETS_DIR is not set: where the Connect worker reads secrets")
    return Path(folder).absolute() / names(source).cdc_role


def capture_of(settings: Settings, source: str, fork: Flavour, place: Place) -> Capture:
    """Return the connector that a source should have. Raises `Invalid` RCD-601."""
    cell, ours, file = Cell(settings.cell), names(source), cdc_secret(settings, source)
    reference = f"${{dir:{file.parent}:{file.name}}}"
    where = SourceAddress(place.host, place.port, place.database, ours.cdc_role, reference, place.sslmode)
    config = connector_config(source, fork, where, cell, settings.kafka.bootstrap)
    return Capture(source, cell, ours, config, settings.connect.url, settings.kafka.bootstrap)


def _told(config: dict[str, str], differences: tuple[Difference, ...], *, new: bool) -> str:
    if new:
        return json.dumps(config, sort_keys=True)
    return json.dumps({found.name: found.desired for found in differences}, sort_keys=True)

"""Our own side: the recado database, what is switched on, this machine."""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection

from admin.doctor import machine
from admin.doctor.finding import State, Told
from admin.registry import flags
from admin.registry.rows import listed
from schemas import migrations, tables
from schemas.database import transaction
from schemas.errors import Invalid, RecadoError
from schemas.settings import Settings

OK, WARN, FAIL, SKIP = State.OK, State.WARN, State.FAIL, State.SKIP


class Own:
    """The checks that need no Whaticket."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = None if settings.database_url is None else settings.database_url.get_secret_value()

    def database(self) -> Iterator[Told]:
        """Whether the recado database is there and migrated."""
        if self._url is None:
            yield FAIL, "RECADO_DATABASE_URL is not set, and no local stack was started here", "RCD-601"
            return
        with transaction(self._url) as connection:
            migrations.check(connection)
            yield OK, f"migrated to {migrations.current(connection)}"

    def switches(self) -> Iterator[Told]:
        """Whether anything would be sent at all."""
        with self._connection() as connection:
            flag = flags.is_global_on(connection)
            tenants = listed(connection, tables.tenants)
        if not flag or not self._settings.enabled:
            if not flag:
                yield WARN, "nothing is sent while off: recado flag global"
            if not self._settings.enabled:  # the roles have an environment of their own, unknown here
                yield (
                    WARN,
                    "a role started with this environment sends nothing: NOTIFY_NEW_MESSAGE_ENABLED is not set",
                )
        else:
            yield OK, "the global switch is on"
        modes = Counter(str(row["mode"]) for row in tenants)
        told = ", ".join(f"{count} {mode}" for mode, count in sorted(modes.items())) or "none"
        yield (OK if modes["on"] or modes["shadow"] else WARN), f"tenants: {told}"

    def people(self) -> Iterator[Told]:
        """Whether anybody can be told, and through what."""
        with self._connection() as connection:
            agents = listed(connection, tables.agents)
            channels = listed(connection, tables.channels)
        ready = [row for row in agents if row["state"] == "verified" and row["notify_on_new_message"]]
        yield (OK if ready else WARN), f"{len(ready)} of {len(agents)} agents verified and willing"
        tested = [row for row in channels if row["tested_at"] is not None]
        yield (OK if tested else WARN), f"{len(tested)} of {len(channels)} channels tested"

    def machine(self) -> Iterator[Told]:
        """Whether there is room for what runs here."""
        found = machine.measure(self._settings)
        memory = "unknown" if found.memory_mb is None else f"{found.memory_mb} MB"
        local = machine.has_local_stack(self._settings)
        try:
            machine.require_room(found, stack_runs=local)
        except RecadoError as error:
            yield (FAIL if local else WARN), error.detail, error.code
        else:
            yield OK, f"memory {memory}, disk {found.disk_mb} MB free"

    def sources(self) -> dict[str, dict[str, Any]]:
        """Return the registry's sources; empty when it cannot be asked (which is a finding of `database`)."""
        if self._url is None:
            return {}
        try:
            with transaction(self._url) as connection:
                return {str(row["source"]): row for row in listed(connection, tables.sources)}
        except RecadoError:
            return {}

    def _connection(self) -> AbstractContextManager[Connection]:
        if self._url is None:
            raise Invalid("RCD-601", "RECADO_DATABASE_URL is not set")
        return transaction(self._url)

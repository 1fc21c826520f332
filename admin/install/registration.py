"""The registry's side of an installation. Where the recado database is gone, there is nothing to do in it."""

from collections.abc import Mapping
from typing import Any

import structlog

from admin.install import address as addresses
from admin.install.address import Address
from admin.install.journal import Journal
from admin.install.step import Line, Step
from admin.registry import rows
from admin.registry.rows import By
from cdc.postgres import names
from schemas import migrations, tables
from schemas.database import transaction
from schemas.errors import RecadoError

INSTALLED = "installed"
ADDED = "added"
log = structlog.get_logger()


def set_state(url: str, by: By, source: str, state: str) -> None:
    """Set a source's state in the registry."""
    with transaction(url) as connection:
        rows.write(connection, by, f"source.{state}", tables.sources, {"source": source}, {"state": state})


def row(url: str, source: str) -> dict[str, Any] | None:
    """Return the registry's row; None also while there is no registry yet."""
    if not migrations.database_exists(url):
        return None
    with transaction(url) as connection:
        if migrations.current(connection) is None:
            return None
        return rows.read(connection, tables.sources, {"source": source})


def installed(url: str | None) -> list[str]:
    """Return the sources that the registry calls installed; none when it cannot be asked."""
    if url is None:
        return []
    try:
        with transaction(url) as connection:
            return [str(found["source"]) for found in rows.listed(connection, tables.sources, state=INSTALLED)]
    except RecadoError as error:
        log.info("registry_not_asked", code=error.code)
        return []


def address(url: str | None, source: str) -> Address | None:
    """Return the registry's address of a source; None when it is our read role's, or there is none to ask."""
    found = _row_if_there(url, source)
    if found is None or found["username"] == names(source).app_role:
        return None
    return addresses.of_row(found)


def to_undo(url: str | None, by: By, journal: Journal, source: str) -> list[Step]:
    """Return what takes an installed source out of the registry: it becomes what it was before.

    A source that the installation itself recorded is removed, unless it has tenants: those are the operator's.
    """
    found = _row_if_there(url, source)
    if url is None or found is None or found["state"] != INSTALLED:
        return []
    earlier = (journal.before("registry", source=source) or {}).get("row")
    # The file may be lost; then it is not known that the row was ours, and it stays.
    recorded_by_us = journal.before("registry", source=source) is not None and earlier is None
    if recorded_by_us and not _has_tenants(url, source):
        line = Line(f"remove source {source} from the registry", f"recado source remove {source}", "recado install")
        return [Step("registry", (line,), lambda: _discard(url, by, source), source)]
    line = Line(f"mark {source} as not installed", f"sources.state = {ADDED}", "recado install")
    values = {"state": ADDED, **(earlier or {})}
    return [Step("registry", (line,), lambda: _write(url, by, source, values), source)]


def _row_if_there(url: str | None, source: str) -> dict[str, Any] | None:
    if url is None:
        return None
    try:
        return row(url, source)
    except RecadoError as error:
        log.info("registry_not_asked", code=error.code)
        return None


def _has_tenants(url: str, source: str) -> bool:
    with transaction(url) as connection:
        return bool(rows.listed(connection, tables.tenants, source=source))


def _discard(url: str, by: By, source: str) -> None:
    with transaction(url) as connection:
        rows.remove(connection, by, "source.remove", tables.sources, {"source": source})


def _write(url: str, by: By, source: str, values: Mapping[str, Any]) -> None:
    with transaction(url) as connection:
        rows.write(connection, by, "source.uninstall", tables.sources, {"source": source}, values)

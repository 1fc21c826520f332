"""Whether the secrets that the registry refers to can be read by this process; asked before the roles start."""

from collections.abc import Iterator

from admin.registry import channels, rows, sources
from admin.registry.rows import Row
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.reasons import Mode
from schemas.secrets import is_reference, resolve
from schemas.tables import tenants


def unreadable(url: str) -> list[Invalid]:
    """Return what cannot be read of the sources and channels of tenants that are not switched off.

    Raises:
        RecadoError: RCD-801 to RCD-803, the registry cannot be asked.
        Invalid: RCD-602, none of the sources' or none of the channels' secrets can be read: nobody could be told.
    """
    with transaction(url) as connection:
        used = [row for row in rows.listed(connection, tenants) if row["mode"] != Mode.OFF]
        databases = [sources.require(connection, name) for name in sorted({row["source"] for row in used})]
        names = sorted({row["channel_id"] for row in used if row["channel_id"] is not None})
        ways = [channels.require(connection, name) for name in names]
    return [
        *_of("source", {row["source"]: [row["dsn_ref"], row["secret_ref"]] for row in databases}),
        *_of("channel", {row["channel_id"]: list(_settings(row)) for row in ways}),
    ]


def _settings(row: Row) -> Iterator[str]:
    yield from (value for value in row["settings"].values() if is_reference(value))


def _of(what: str, references: dict[str, list[str | None]]) -> list[Invalid]:
    found = []
    for name, each in references.items():
        for reference in filter(None, each):
            try:
                resolve(reference)
            except Invalid as error:
                found.append(Invalid(error.code, f"{what} {name}: {error.detail}"))
                break
    if references and len(found) == len(references):
        raise found[0]
    return found

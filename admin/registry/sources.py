"""Sources: the Whaticket databases that we follow."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from admin.registry import words
from admin.registry.rows import By, Change, Row, listed, masked, plain, read, remove, write
from cdc.flavours.registry import flavour as known_flavour
from schemas.errors import Invalid
from schemas.phone import normalise
from schemas.tables import sources, tenants

_POSTGRESQL, _LATER = frozenset({"postgresql", "postgres"}), frozenset({"mysql", "mariadb"})


def parts_of_dsn(dsn: str) -> Row:
    """Return the connection columns of a DSN: a whole reference, or an address whose password is a reference.

    Raises:
        Invalid: RCD-405, not an address; RCD-602, it carries a password.
    """
    if dsn.startswith(("env:", "file:")):
        return {"dsn_ref": words.reference(dsn, "dsn"), "dialect": None, "host": None, "port": None,
                "database": None, "username": None, "secret_ref": None}  # fmt: skip
    try:
        url = make_url(dsn)
    except (ArgumentError, ValueError) as error:
        raise Invalid(
            "RCD-405", "dsn: give postgresql://user@host:5432/database, env:NAME or file:/path"
        ) from error
    if url.get_backend_name() in _LATER:
        raise Invalid("RCD-405", "dsn: this release follows PostgreSQL databases only")
    if url.get_backend_name() not in _POSTGRESQL or not (url.host and url.database and url.username):
        raise Invalid("RCD-405", "dsn: give postgresql://user@host:5432/database, env:NAME or file:/path")
    if url.password is not None:
        raise Invalid("RCD-602", "dsn: leave the password out and give it by reference: --password env:NAME")
    return {"dsn_ref": None, "dialect": "postgresql", "host": url.host, "port": url.port, "database": url.database,
            "username": url.username}  # fmt: skip


def add(
    connection: Connection,
    by: By,
    source: str,
    flavour: str,
    dsn: str,
    *,
    password: str | None = None,
    created_offset_ms: int = 0,
    session_numbers: Iterable[str] = (),
    frontend_url: str = "",
    region: str = "BR",
) -> Change:
    """Add a source. Adding the same again changes nothing.

    Args:
        connection: in a transaction.
        by: who asks.
        source: its immutable id, `[a-z][a-z0-9_]{0,30}`.
        flavour: a fork that we know.
        dsn: `postgresql://user@host:port/database`, or the whole DSN as `env:NAME` or `file:/path`.
        password: reference to the password when the DSN is given in parts.
        created_offset_ms: added to the rows' `createdAt` to get UTC.
        session_numbers: numbers of the WhatsApp sessions connected there (the loop guard's).
        frontend_url: where the links to tickets lead.
        region: country of numbers that are given without one.

    Raises:
        Invalid: RCD-112, 401, 405, 602, or RCD-404 when the id is taken by something else.
    """
    words.named(source, r"[a-z][a-z0-9_]{0,30}", "source id", "shop")
    values = _values(
        {"flavour": flavour, "dsn": dsn, "password": password, "created_offset_ms": created_offset_ms,
         "session_numbers": session_numbers, "frontend_url": frontend_url}, region
    )  # fmt: skip
    found = read(connection, sources, {"source": source}, lock=True)
    if found is not None and any(found[name] != value for name, value in values.items()):
        raise Invalid(
            "RCD-404", f"source {source} exists with other values; change it with: recado source set {source}"
        )
    return write(connection, by, "source.add", sources, {"source": source}, values)


def change(connection: Connection, by: By, source: str, *, region: str = "BR", **given: Any) -> Change:
    """Change what is given of a source; the names are those of `add`. Raises `Invalid` as there, and RCD-403."""
    require(connection, source)
    return write(connection, by, "source.set", sources, {"source": source}, _values(given, region))


def discard(connection: Connection, by: By, source: str) -> Change:
    """Remove a source that has no tenants. Raises `Invalid` RCD-403, or RCD-404 while it is in use."""
    require(connection, source)
    used = [f"{row['source']}/{row['company']}" for row in listed(connection, tenants, source=source)]
    if used:
        raise Invalid("RCD-404", f"source {source} still has tenants: {', '.join(used[:5])}")
    return remove(connection, by, "source.remove", sources, {"source": source})


def require(connection: Connection, source: str) -> Row:
    """Return the source's row. Raises `Invalid` RCD-403."""
    found = read(connection, sources, {"source": source})
    if found is None:
        raise Invalid("RCD-403", f"no source {source!r}")
    return found


def show(connection: Connection, source: str | None = None) -> list[Row]:
    """Return all sources, or the one asked for. Raises `Invalid` RCD-403."""
    found = [require(connection, source)] if source is not None else listed(connection, sources)
    return [row for row in map(plain, map(masked, found)) if row is not None]


def _values(given: dict[str, Any], region: str) -> Row:
    values: Row = {}
    for name, value in given.items():
        if name == "flavour":
            values[name] = known_flavour(value).name
        elif name == "dsn":
            values |= parts_of_dsn(value)
        elif name == "password":
            values |= {} if value is None else {"secret_ref": words.reference(value, "password")}
        elif name == "session_numbers":
            values[name] = sorted({normalise(number, region) for number in value})
        elif name == "frontend_url":
            values[name] = words.url(value, "front-end URL")
        elif name == "created_offset_ms":
            values[name] = int(value)
        else:
            message = f"a source has no {name}"
            raise TypeError(message)
    return values

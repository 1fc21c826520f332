"""Channels: the sessions through which notices leave."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, func

from admin.registry import words
from admin.registry.rows import By, Change, Row, listed, masked, plain, read, record, remove, write
from provider.api import ChannelSettings
from provider.factory import declaration, make
from schemas.errors import Invalid
from schemas.phone import normalise
from schemas.secrets import is_reference, names_a_secret, resolve_all
from schemas.tables import channels, tenants


def add(
    connection: Connection,
    by: By,
    channel_id: str,
    provider: str,
    settings: Mapping[str, str],
    *,
    session_number: str | None = None,
    region: str = "BR",
) -> Change:
    """Add a channel. Adding the same again changes nothing.

    Args:
        connection: in a transaction.
        by: who asks.
        channel_id: `[a-z][a-z0-9_-]{0,62}`.
        provider: one that we know.
        settings: the provider's own; secrets must be references, empty ones are left out.
        session_number: the number from which notices come (the loop guard's).
        region: country of a number that is given without one.

    Raises:
        Invalid: RCD-306, 401, 405, 602, or RCD-404 when the id is taken by something else.
        Fatal: RCD-308, sending through it leaves tickets, and that was not accepted.
    """
    words.named(channel_id, r"[a-z][a-z0-9_-]{0,62}", "channel id", "phones")
    values = _values(channel_id, provider, settings, session_number, region)
    found = read(connection, channels, {"channel_id": channel_id}, lock=True)
    if found is not None and any(found[name] != value for name, value in values.items()):
        raise Invalid(
            "RCD-404", f"channel {channel_id} exists with other values; see: recado channel set {channel_id}"
        )
    return write(connection, by, "channel.add", channels, {"channel_id": channel_id}, values)


def change(
    connection: Connection,
    by: By,
    channel_id: str,
    *,
    settings: Mapping[str, str] | None = None,
    session_number: str | None = None,
    region: str = "BR",
) -> Change:
    """Change settings (given ones replace their namesakes) or the session's number. It is then untested again.

    Raises:
        Invalid: as `add`, and RCD-403.
    """
    found = require(connection, channel_id)
    merged = found["settings"] | dict(settings or {})
    number = found["session_number"] if session_number is None else session_number
    values = _values(channel_id, found["provider"], merged, number, region)
    if any(found[name] != value for name, value in values.items()):
        values["tested_at"] = None
    return write(connection, by, "channel.set", channels, {"channel_id": channel_id}, values)


def mark_tested(connection: Connection, by: By, channel_id: str, session_number: str | None = None) -> Change:
    """Record that a test message was accepted; the session's number is learnt when it was not known."""
    found = require(connection, channel_id)
    values: Row = {"tested_at": connection.scalar(func.now())}
    if found["session_number"] is None and session_number:
        with suppress(Invalid):  # a gateway's word for it may be anything; the message has left all the same
            values["session_number"] = normalise(session_number)
    return write(connection, by, "channel.test", channels, {"channel_id": channel_id}, values)


def record_failed_test(connection: Connection, by: By, channel_id: str, result: str) -> Change:
    """Record in the audit that a test failed; the channel stays as it is."""
    return record(connection, by, "channel.test", channel_id, None, {"result": result})


def discard(connection: Connection, by: By, channel_id: str) -> Change:
    """Remove a channel that no tenant uses. Raises `Invalid` RCD-403, or RCD-404 while it is in use."""
    require(connection, channel_id)
    used = [f"{row['source']}/{row['company']}" for row in listed(connection, tenants, channel_id=channel_id)]
    if used:
        raise Invalid("RCD-404", f"channel {channel_id} is used by {', '.join(used[:5])}")
    return remove(connection, by, "channel.remove", channels, {"channel_id": channel_id})


def require(connection: Connection, channel_id: str, *, lock: bool = False) -> Row:
    """Return the channel's row. Raises `Invalid` RCD-403."""
    found = read(connection, channels, {"channel_id": channel_id}, lock=lock)
    if found is None:
        raise Invalid("RCD-403", f"no channel {channel_id!r}")
    return found


def show(connection: Connection, channel_id: str | None = None) -> list[Row]:
    """Return all channels, or the one asked for. Raises `Invalid` RCD-403."""
    found = [require(connection, channel_id)] if channel_id is not None else listed(connection, channels)
    return [row for row in map(plain, map(masked, found)) if row is not None]


def resolved(row: Row) -> ChannelSettings:
    """Return what a provider is made of, secrets included: never log it. Raises `Invalid` RCD-602."""
    return ChannelSettings(row["channel_id"], row["provider"], resolve_all(row["settings"]))


def _values(
    channel_id: str, provider: str, settings: Mapping[str, str], session_number: str | None, region: str
) -> dict[str, Any]:
    secret = {each.name for each in declaration(provider).accepts if each.secret}
    kept = {name: value for name, value in settings.items() if value}
    for name, value in kept.items():
        if name in secret or names_a_secret(name):
            words.reference(value, name)
    _try_on(ChannelSettings(channel_id, provider, kept), secret)
    return {
        "provider": provider,
        "settings": kept,
        "session_number": None if session_number is None else normalise(session_number, region),
    }


def _try_on(settings: ChannelSettings, secret: set[str]) -> None:
    """See that a provider can be made of settings, whose references may resolve in the worker only.

    A secret's form is nobody's business, so that anything stands for it; another setting's matters.
    """
    declaration(settings.provider).check(settings)
    values = {name: "reference" if name in secret else value for name, value in settings.values.items()}
    if not any(map(is_reference, values.values())):
        make(ChannelSettings(settings.channel_id, settings.provider, values))

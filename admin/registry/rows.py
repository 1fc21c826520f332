"""One audited change of one row. Every write of the registry goes through here, so none escapes the audit."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Table, and_, delete, func, insert, select, update

from schemas.phone import mask
from schemas.tables import audit

Row = dict[str, Any]
Via = Literal["cli", "api", "panel", "phone", "system"]

_NUMBERS = frozenset({"whatsapp_notification_number", "wa_address", "session_number"})
_NUMBER_LISTS = frozenset({"session_numbers"})
_NUMBER = re.compile(r"(?:whatsapp:)?\+\d{8,15}")
_SILENT = frozenset({"created_at", "updated_at", "revision"})


@dataclass(frozen=True, slots=True)
class By:
    """Who changes something, from where, and why."""

    who: str
    via: Via = "cli"
    why: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What one call did. `before` None: created; `after` None: removed; both equal: nothing. Numbers are masked."""

    what: str
    subject: str
    before: Row | None
    after: Row | None

    @property
    def is_nothing(self) -> bool:
        """Whether everything was so already."""
        return self.before == self.after

    @property
    def fields(self) -> list[tuple[str, Any, Any]]:
        """Name, old and new value of each field that differs."""
        old, new = self.before or {}, self.after or {}
        return [(name, old.get(name), new.get(name)) for name in (new or old) if old.get(name) != new.get(name)]


def read(connection: Connection, table: Table, key: Mapping[str, Any], *, lock: bool = False) -> Row | None:
    """Return the row, None when there is none; `lock` keeps others from changing it until the transaction ends."""
    query = select(table).where(_where(table, key))
    found = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    return dict(found) if found is not None else None


def listed(connection: Connection, table: Table, **equal: Any) -> list[Row]:
    """Return all rows in the order of their key, or those whose columns equal the given values."""
    query = select(table).order_by(*table.primary_key.columns)
    for name, value in equal.items():
        query = query.where(table.c[name] == value)
    return [dict(row) for row in connection.execute(query).mappings()]


def write(
    connection: Connection, by: By, what: str, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]
) -> Change:
    """Create the row or change the given columns of it, and record it. Writes nothing when nothing differs."""
    before = read(connection, table, key, lock=True)
    if before is not None and all(before[name] == value for name, value in values.items()):
        return Change(what, subject(key), masked(before), masked(before))
    if before is None:
        connection.execute(insert(table).values(**key, **values))
    else:
        stamps: dict[str, Any] = {"updated_at": func.now()} if "updated_at" in table.c else {}
        if "revision" in table.c:
            stamps["revision"] = table.c.revision + 1
        connection.execute(update(table).where(_where(table, key)).values(**values, **stamps))
    return record(connection, by, what, subject(key), before, read(connection, table, key))


def remove(connection: Connection, by: By, what: str, table: Table, key: Mapping[str, Any]) -> Change:
    """Remove the row and record what it was. Nothing when there is none."""
    before = read(connection, table, key, lock=True)
    if before is None:
        return Change(what, subject(key), None, None)
    connection.execute(delete(table).where(_where(table, key)))
    return record(connection, by, what, subject(key), before, None)


def record(connection: Connection, by: By, what: str, about: str, before: Row | None, after: Row | None) -> Change:
    """Append to the audit; numbers are masked before they come there."""
    change = Change(what, about, masked(before), masked(after))
    connection.execute(
        insert(audit).values(
            who=by.who,
            via=by.via,
            why=by.why,
            what=what,
            subject=about,
            before=plain(change.before),
            after=plain(change.after),
        )
    )
    return change


def subject(key: Mapping[str, Any]) -> str:
    """Return the id of a row as people write it: `shop/1/7`."""
    return "/".join(str(part) for part in key.values())


def masked(row: Row | None) -> Row | None:
    """Return the row without bookkeeping columns and with its phone numbers masked."""
    if row is None:
        return None
    return {name: _masked(name, value) for name, value in row.items() if name not in _SILENT}


def plain(row: Row | None) -> Row | None:
    """Return the row with times as ISO text, for JSON."""
    if row is None:
        return None
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def _masked(name: str, value: Any) -> Any:
    if name in _NUMBERS and value is not None:
        return mask(value)
    if name in _NUMBER_LISTS:
        return [mask(number) for number in value]
    if name == "settings" and isinstance(value, dict):  # a channel's: the sender's number, as Twilio wants it
        return {
            each: mask(text.removeprefix("whatsapp:")) if _NUMBER.fullmatch(text) else text
            for each, text in value.items()
        }
    return value


def _where(table: Table, key: Mapping[str, Any]) -> Any:
    return and_(*(table.c[name] == value for name, value in key.items()))

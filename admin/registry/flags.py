"""The global switch. It needs the process's consent too: `NOTIFY_NEW_MESSAGE_ENABLED`."""

from sqlalchemy import Connection, func

from admin.registry.rows import By, Change, Row, read, write
from schemas.tables import GLOBAL_FLAG, flags


def set_global(connection: Connection, by: By, on: bool) -> Change:
    """Switch the database's half of the global switch. What was admitted before it went off is never sent later."""
    found = read(connection, flags, {"name": GLOBAL_FLAG}, lock=True)
    values: Row = {"value": on}
    if found is not None and found["value"] and not on:
        values["disabled_at"] = connection.scalar(func.now())
    return write(connection, by, "flag.on" if on else "flag.off", flags, {"name": GLOBAL_FLAG}, values)


def is_global_on(connection: Connection) -> bool:
    """Return the database's half of the global switch; off until somebody turned it on."""
    found = read(connection, flags, {"name": GLOBAL_FLAG})
    return bool(found and found["value"])

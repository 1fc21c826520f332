"""How fast a channel may send, how much at once, and its share where channels compete."""

from sqlalchemy import Connection

from admin.registry.channels import require
from admin.registry.rows import By, Change, write
from schemas.errors import Invalid
from schemas.tables import channels

DEFAULT = 0
"""Takes a limit of one's own back: the provider's usual one holds again."""


def limit(connection: Connection, by: By, channel_id: str, **given: int) -> Change:
    """Change what is given of a channel's limits. It stays tested.

    Args:
        connection: in a transaction.
        by: who asks.
        channel_id: which channel.
        given: rate_per_minute, in_flight (0: the provider's usual), weight (at least 1).

    Raises:
        Invalid: RCD-403 no such channel, RCD-405 a negative number, or a weight below 1.
    """
    require(connection, channel_id, lock=True)
    for name, value in given.items():
        if value < (1 if name == "weight" else 0):
            raise Invalid("RCD-405", f"{name.replace('_', ' ')} must not be {value}")
    values = {name: None if name != "weight" and value == DEFAULT else value for name, value in given.items()}
    return write(connection, by, "channel.limit", channels, {"channel_id": channel_id}, values)

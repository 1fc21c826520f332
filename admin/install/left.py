"""What there is of ours, told by the database's catalogue, by Connect and by the broker, never by our records."""

from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from admin.install.cell import topics_there
from cdc.connect import Connect
from cdc.connector import connector_name
from cdc.postgres import Connection, names
from consumers.runtime.kafka import common
from schemas.errors import Recoverable
from schemas.settings import KafkaSettings
from schemas.topics import Cell

KAFKA_TIMEOUT_S = 10.0
_DATABASE = """
    SELECT 'replication slot', slot_name::text FROM pg_replication_slots WHERE slot_name = %(slot)s
    UNION ALL SELECT 'publication', pubname::text FROM pg_publication WHERE pubname = %(publication)s
    UNION ALL SELECT 'role', rolname::text FROM pg_roles WHERE rolname IN (%(cdc)s, %(app)s)"""


class Thing(NamedTuple):
    """An object of ours."""

    kind: str
    name: str


def in_database(connection: Connection, source: str) -> list[Thing]:
    """Return slot, publication and roles. Slots and roles are found whatever database of the server they are in."""
    ours = names(source)
    rows = connection.execute(
        _DATABASE,
        {"slot": ours.slot, "publication": ours.publication, "cdc": ours.cdc_role, "app": ours.app_role},
    )
    return [Thing(kind, name) for kind, name in rows]


def connectors(rest: Connect, cell: Cell) -> list[str]:
    """Return the sources that have a connector in this cell."""
    return sorted(name.removeprefix(cell.prefix) for name in rest.names() if name.startswith(cell.prefix))


def in_connect(rest: Connect, cell: Cell, source: str) -> list[Thing]:
    """Return the source's connector."""
    name = connector_name(cell, source)
    return [Thing("connector", name)] if name in rest.names() else []


def in_broker(kafka: KafkaSettings, cell: Cell) -> list[Thing]:
    """Return the cell's topics and consumer groups. Raises `Recoverable` RCD-207."""
    topics = [Thing("topic", name) for name in sorted(topics_there(kafka)) if name.startswith(cell.prefix)]
    return [*topics, *(Thing("consumer group", name) for name in groups(kafka, cell.prefix))]


def groups(kafka: KafkaSettings, prefix: str) -> list[str]:
    """Return the consumer groups whose names begin so. Raises `Recoverable` RCD-207."""
    admin = AdminClient(common(kafka))
    try:
        found = admin.list_consumer_groups(request_timeout=KAFKA_TIMEOUT_S).result()
    except KafkaException as error:
        raise Recoverable("RCD-207", f"{kafka.bootstrap}: {error.args[0].str()}") from error
    return sorted(group.group_id for group in found.valid if group.group_id.startswith(prefix))


def in_files(files: list[Path]) -> list[Thing]:
    """Return the files of ours that are there."""
    return [Thing("file", str(file)) for file in files if file.exists()]

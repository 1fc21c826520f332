"""Gathers the evidence: reads topics, databases and the phones' ledger. Looks only, changes nothing."""

import json
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psycopg
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from psycopg import sql
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from deploy.demo.verifier.evidence import SHOWN, Evidence, Fork, MessageRow, PhoneLine, Seen, phone_line
from schemas.errors import Fatal, Recoverable
from schemas.topics import Cell

TIMEOUT_S = 20.0
_PASSING = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})
_COLUMNS = """
    SELECT c.relname, a.attname
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.oid = ANY(ARRAY[to_regclass('"Messages"'), to_regclass('"Tickets"')])
"""
_MESSAGES = """
    SELECT id, "ticketId", {company}, "fromMe", {jid} IS NOT NULL, "mediaType", left(body, {shown})
    FROM "Messages" WHERE "createdAt" >= %s ORDER BY "createdAt", "ticketId", id
"""


def collect(
    bootstrap: str,
    cell: Cell,
    sources: Mapping[str, str],
    since_ms: int = 0,
    ledger: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Evidence:
    """Read everything that is known of a cell.

    The topics are not read at one instant: in a cell that is moving, a record may be seen whose consequence is not.
    Positions and states are therefore read before what follows from them; only a cell at rest gets an exact answer.

    Args:
        bootstrap: Kafka's address.
        cell: whose topics.
        sources: source id -> DSN of its database; which fork it is shows in its tables.
        since_ms: rows created before are not the pipeline's business (it had not been installed).
        ledger: path of a JSONL file, or URL, of what the phones saw; None where nobody keeps one.
        options: further librdkafka properties (SASL, TLS).

    Raises:
        Fatal: RCD-201, a topic of the cell is missing.
        Recoverable: RCD-207 Kafka, RCD-110 a database did not answer in time.
    """
    client = {"bootstrap.servers": bootstrap, **(options or {})}
    try:
        reader = _Reader(client)
        try:
            alerts, complete = reader.read(cell.alerts)
            return Evidence(
                rows=[row for source, dsn in sources.items() for row in rows(source, dsn, since_ms)],
                messages=reader.read(cell.messages)[0],
                alerts=alerts,
                alerts_complete=complete,
                messages_read_to=_positions(client, cell.coalescer_group, cell.messages),
                alerts_read_to=_positions(client, cell.sender_group, cell.alerts),
                coalescer_changelog=reader.read(cell.coalescer_changelog)[0],
                sender_changelog=reader.read(cell.sender_changelog)[0],
                outcomes=reader.read(cell.outcomes)[0],
                dlq=reader.read(cell.dlq)[0],
                cdc_dlq=reader.read(cell.cdc_dlq)[0],
                phones=None if ledger is None else list(phones(ledger)),
                forks={source: fork(dsn) for source, dsn in sources.items()},
            )
        finally:
            reader.close()
    except KafkaException as error:
        raise Recoverable("RCD-207", f"Kafka did not answer: {error.args[0].name()}") from error


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() in _PASSING


class _Reader:
    """Reads whole topics, read_committed, to the end that they had when the reading began.

    That end comes from a read_uncommitted handle: a read_committed one answers with the last stable offset, which
    right after a commit may still lie before the committed record.
    """

    def __init__(self, client: Mapping[str, Any]) -> None:
        common = {**client, "group.id": "recado-verifier", "enable.auto.commit": False}
        self._ends = Consumer({**common, "isolation.level": "read_uncommitted"})
        common |= {"enable.partition.eof": True, "fetch.queue.backoff.ms": 5}
        self._consumer = Consumer({**common, "isolation.level": "read_committed"})

    def close(self) -> None:
        self._ends.close()
        self._consumer.close()

    def read(self, topic: str) -> tuple[list[Seen], bool]:
        """Return a topic's records, and whether its beginning is still there."""
        metadata = self._ends.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
        if metadata.error is not None:
            raise Fatal("RCD-201", f"topic {topic} is missing")
        ends, complete, starts = {}, True, []
        for partition in metadata.partitions:
            low, high = self._watermarks(TopicPartition(topic, partition))
            complete = complete and low == 0
            if high > low:
                ends[partition] = high
                starts.append(TopicPartition(topic, partition, low))
        self._consumer.assign(starts)
        found = sorted(self._until(ends, topic), key=lambda record: (record.partition, record.offset))
        self._consumer.unassign()
        return found, complete

    @retry(
        retry=retry_if_exception(_is_passing), stop=stop_after_delay(TIMEOUT_S), wait=wait_fixed(0.2), reraise=True
    )
    def _watermarks(self, partition: TopicPartition) -> tuple[int, int]:
        """Ask for a partition's ends; right after its creation its leader may not know yet that it leads."""
        low, high = self._ends.get_watermark_offsets(partition, timeout=TIMEOUT_S)
        return low, high

    def _until(self, ends: dict[int, int], topic: str) -> Iterator[Seen]:
        deadline = time.monotonic() + TIMEOUT_S
        while ends:
            message = self._consumer.poll(1.0)
            if message is None:
                if time.monotonic() > deadline:
                    raise Recoverable("RCD-207", f"{topic}: its end cannot be read, a transaction is unfinished")
                continue
            error, partition, offset = message.error(), message.partition() or 0, message.offset() or 0
            if error is None:
                deadline = time.monotonic() + TIMEOUT_S
                yield Seen(partition, offset, message.key(), message.value())
            elif error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            elif offset >= ends.get(partition, 0):  # an earlier end is that of a transaction still open
                ends.pop(partition, None)


def _positions(client: Mapping[str, Any], group: str, topic: str) -> dict[int, int]:
    admin = AdminClient({**client, "log_level": 4})  # its end is not worth a line
    asked = [ConsumerGroupTopicPartitions(group)]
    answer = admin.list_consumer_group_offsets(asked, request_timeout=TIMEOUT_S)[group].result()
    return {found.partition: max(found.offset, 0) for found in answer.topic_partitions if found.topic == topic}


def rows(source: str, dsn: str, since_ms: int) -> Iterator[MessageRow]:
    """Read the rows of `Messages` that were created at or after `since_ms`.

    Raises:
        Recoverable: RCD-110, the database did not answer.
    """
    since = datetime.fromtimestamp(since_ms / 1_000, UTC)
    try:
        with psycopg.connect(dsn, connect_timeout=int(TIMEOUT_S)) as connection:
            connection.read_only = True
            kind = _fork(connection)
            statement = sql.SQL(_MESSAGES).format(
                company=sql.SQL('"companyId"' if kind.companies == "row" else "NULL::integer"),
                jid=sql.SQL('"remoteJid"' if kind.jids else "NULL"),
                shown=SHOWN,
            )
            found: Sequence[Any] = connection.execute(statement, [since]).fetchall()
    except psycopg.OperationalError as error:
        raise Recoverable("RCD-110", f"the database of source {source} did not answer") from error
    for row_id, ticket_id, company, from_me, has_jid, media_type, start in found:
        yield MessageRow(
            source, ticket_id, row_id, kind.company(company), from_me, has_jid, media_type, start, kind
        )


def fork(dsn: str) -> Fork:
    """Read off a source's tables which kind of fork it is.

    Raises:
        Recoverable: RCD-110, the database did not answer.
    """
    try:
        with psycopg.connect(dsn, connect_timeout=int(TIMEOUT_S)) as connection:
            return _fork(connection)
    except psycopg.OperationalError as error:
        raise Recoverable("RCD-110", "the database of a source did not answer") from error


def _fork(connection: psycopg.Connection[Any]) -> Fork:
    columns = set(connection.execute(_COLUMNS).fetchall())
    if ("Messages", "companyId") in columns:
        companies: Literal["row", "ticket", "none"] = "row"
    else:
        companies = "ticket" if ("Tickets", "companyId") in columns else "none"
    return Fork(jids=("Messages", "remoteJid") in columns, companies=companies)


def phones(ledger: str) -> Iterable[PhoneLine]:
    """Read what the phones saw: a JSONL file, or a URL that answers `{"messages": [...]}` with the same lines."""
    if ledger.startswith(("http://", "https://")):
        with urllib.request.urlopen(ledger, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return [phone_line(line) for line in json.load(answer)["messages"]]
    path = Path(ledger)
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [phone_line(json.loads(line)) for line in lines]

"""What a cell needs before it runs: the `recado` database and the topics. A plan first, then the doing of it."""

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from admin.install.step import Line, Step
from consumers.runtime.kafka import common
from schemas import migrations
from schemas.database import database_url, transaction
from schemas.errors import Fatal, Recoverable
from schemas.settings import KafkaSettings, Settings
from schemas.topics import Cell, Topic

KAFKA_TIMEOUT_S = 10.0


def plan(settings: Settings, url: str) -> list[Step]:
    """Return what is missing, in the order in which it is to be done; nothing when all is there. Changes nothing.

    Raises:
        RecadoError: RCD-801 or RCD-802 (database), RCD-207 (Kafka), RCD-204 (a topic has other partitions).
    """
    return [*_database(url), *_topics(settings)]


def _database(url: str) -> list[Step]:
    name = database_url(url).database
    steps = []
    if migrations.database_exists(url):
        with transaction(url) as connection:
            pending = migrations.pending(connection)
    else:
        pending = migrations.all_titles()
        line = Line("create the recado database", f"CREATE DATABASE {name}", f"DROP DATABASE {name}")
        steps.append(Step("database", (line,), lambda: migrations.create_database(url)))
    if pending:
        titles = "; ".join(pending)
        line = Line(f"migrate it: {titles}", "migrations.upgrade", "migrations.downgrade")
        steps.append(Step("migrate", (line,), lambda: migrations.upgrade(url)))
    return steps


def _topics(settings: Settings) -> list[Step]:
    wanted = Cell(settings.cell).all(settings.kafka.partitions)
    found = topics_there(settings.kafka)
    steps = []
    for topic in wanted:
        count = found.get(topic.name)
        if count is None:
            steps.append(_topic_step(settings.kafka, topic))
        elif count != topic.partitions:
            raise Fatal(
                "RCD-204", f"topic {topic.name} has {count} partitions, the settings say {topic.partitions}"
            )
    return steps


def _topic_step(kafka: KafkaSettings, topic: Topic) -> Step:
    config = " ".join(f"{name}={value}" for name, value in sorted(topic.config.items()))
    line = Line(
        f"create topic {topic.name}",
        f"{topic.name} partitions={topic.partitions} replication={kafka.replication_factor} {config}",
        f"delete topic {topic.name}",
    )
    return Step(f"topic {topic.name}", (line,), lambda: _create(kafka, topic))


def topics_there(kafka: KafkaSettings, timeout_s: float | None = None) -> dict[str, int]:
    """Return every topic of the broker with its partition count. Raises `Recoverable` RCD-207."""
    try:
        found = AdminClient(common(kafka)).list_topics(timeout=timeout_s or KAFKA_TIMEOUT_S).topics
    except KafkaException as error:
        raise Recoverable("RCD-207", f"{kafka.bootstrap}: {error.args[0].str()}") from error
    return {name: len(topic.partitions) for name, topic in found.items() if topic.error is None}


def _create(kafka: KafkaSettings, topic: Topic) -> None:
    admin = AdminClient(common(kafka))
    wanted = NewTopic(
        topic.name,
        num_partitions=topic.partitions,
        replication_factor=kafka.replication_factor,
        config=topic.config,
    )
    try:
        admin.create_topics([wanted], operation_timeout=30)[topic.name].result(timeout=60)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise Recoverable("RCD-207", f"creating topic {topic.name}: {error.args[0].str()}") from error
    # The controller answers before every broker lists it; whoever starts next must not find it missing.
    for attempt in Retrying(
        retry=retry_if_exception_type(Recoverable), stop=stop_after_delay(KAFKA_TIMEOUT_S), wait=wait_fixed(0.05),
        reraise=True,
    ):  # fmt: skip
        with attempt:
            if topic.name not in topics_there(kafka):
                raise Recoverable("RCD-207", f"topic {topic.name} was created and is not listed yet")

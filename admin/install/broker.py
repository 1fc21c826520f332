"""Deleting a cell's topics and groups."""

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from admin.install import left
from admin.install.cell import topics_there
from consumers.runtime.kafka import common
from schemas.errors import Fatal, Recoverable
from schemas.settings import KafkaSettings

DELETE_S = 30.0
_GONE = (KafkaError.GROUP_ID_NOT_FOUND, KafkaError.UNKNOWN_TOPIC_OR_PART)


def delete_group(kafka: KafkaSettings, name: str, patience_s: float = 0) -> None:
    """Delete a consumer group; who reads with it has `patience_s` to leave.

    Raises:
        Fatal: RCD-210, somebody still reads with it.
        Recoverable: RCD-207.
    """
    for attempt in Retrying(
        retry=retry_if_exception_type(Fatal), stop=stop_after_delay(patience_s), wait=wait_fixed(0.5), reraise=True
    ):
        with attempt:
            _delete_group(kafka, name)


def _delete_group(kafka: KafkaSettings, name: str) -> None:
    admin = AdminClient(common(kafka))
    try:
        admin.delete_consumer_groups([name], request_timeout=DELETE_S)[name].result()
    except KafkaException as error:
        code = error.args[0].code()
        if code == KafkaError.NON_EMPTY_GROUP:
            raise Fatal("RCD-210", f"group {name}") from None
        if code not in _GONE:
            raise Recoverable("RCD-207", f"deleting group {name}: {error.args[0].str()}") from error


def delete_topic(kafka: KafkaSettings, name: str) -> None:
    """Delete a topic; returns when the broker no longer lists it. Raises `Recoverable` RCD-207."""
    admin = AdminClient(common(kafka))
    try:
        admin.delete_topics([name], operation_timeout=DELETE_S)[name].result()
    except KafkaException as error:
        if error.args[0].code() not in _GONE:
            raise Recoverable("RCD-207", f"deleting topic {name}: {error.args[0].str()}") from error
    for attempt in Retrying(
        retry=retry_if_exception_type(Recoverable), stop=stop_after_delay(DELETE_S), wait=wait_fixed(0.05),
        reraise=True,
    ):  # fmt: skip
        with attempt:
            if name in topics_there(kafka):
                raise Recoverable("RCD-207", f"topic {name} was deleted and is still listed")


def groups_of_source(kafka: KafkaSettings, signals: str, source: str) -> list[str]:
    """Return the group with which a source's connector reads its signals."""
    name = f"{signals}.{source}"
    return [found for found in left.groups(kafka, name) if found == name]

"""The dead letter of a record that cannot be decoded. Pure."""

from consumers.dlq.headers import DeadLetter, headers, replay_count, strip
from consumers.runtime.api import Emit, Record, Undecodable


def undecodable(
    record: Record, error: Undecodable, topic: str, *, group: str, stage: str, app_version: str, now_ms: int
) -> Emit:
    """Return the record for `topic`: key, value, timestamp, partition and its own headers byte for byte.

    One that was put back before keeps its replay count; the other headers of its earlier death are replaced.
    """
    letter = DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        group=group,
        stage=stage,
        code=error.code,
        error_class=type(error).__name__,
        message=error.detail,
        attempts=1,
        first_failed_ms=now_ms,
        failed_ms=now_ms,
        replay_count=replay_count(record.headers),
        app_version=app_version,
    )
    return Emit(
        topic,
        record.key,
        record.value,
        headers=[*strip(record.headers), *headers(letter)],
        partition=record.partition,
        timestamp_ms=record.timestamp_ms,
    )

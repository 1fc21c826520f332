"""The headers of a dead letter: short ASCII, so that ordinary Kafka tools list and replay what carries them. Pure.

kcat and Kafka's own console tools separate headers by comma, tab, newline and colon, and escape none of them.
"""

import re
from collections.abc import Iterable

import msgspec

PREFIX = "dlq."
NOTIFICATION = "notification.id"
REPLAY_COUNT = "dlq.replay_count"
_MAX = 200
_UNFIT = re.compile(r"[^!-+\--9;-~]+")
"""Everything but printable ASCII without blank, comma and colon; a run of it becomes one blank."""

Headers = list[tuple[str, bytes | None]]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Where a dead letter came from and why it is one. All texts are made fit for headers on the way out.

    Args:
        topic: of the original record, as are `partition`, `offset` and `timestamp_ms`.
        group: the consumer group that gave up.
        stage: which part of it (`coalescer`, `sender`).
        code: stable short reason, for filters.
        error_class: the error's type.
        message: one short sentence; never a message text, a name or a full number.
        attempts: how often it was tried.
        first_failed_ms: of the first failure; `failed_ms` of the last.
        replay_count: how often it was put back before.
        app_version: the release that gave up.
        notification_id: the notification it belonged to, if any.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    group: str
    stage: str
    code: str
    error_class: str
    message: str
    attempts: int
    first_failed_ms: int
    failed_ms: int
    replay_count: int = 0
    app_version: str = ""
    notification_id: str | None = None


_NAMES = {
    "topic": "dlq.original.topic",
    "partition": "dlq.original.partition",
    "offset": "dlq.original.offset",
    "timestamp_ms": "dlq.original.timestamp_ms",
    "group": "dlq.group",
    "stage": "dlq.stage",
    "code": "dlq.error.code",
    "error_class": "dlq.error.class",
    "message": "dlq.error.message",
    "attempts": "dlq.attempts",
    "first_failed_ms": "dlq.first_failed_ms",
    "failed_ms": "dlq.failed_ms",
    "replay_count": REPLAY_COUNT,
    "app_version": "dlq.app_version",
    "notification_id": NOTIFICATION,
}


def fit(text: str) -> str:
    """Return `text` as a header may carry it: printable ASCII without comma, colon, tab or newline, at most 200."""
    return _UNFIT.sub(" ", text).strip()[:_MAX]


def headers(letter: DeadLetter) -> Headers:
    """Return the headers of a dead letter, in the order of the table."""
    made: Headers = []
    for field, name in _NAMES.items():
        value = getattr(letter, field)
        if value is not None:
            made.append((name, fit(str(value)).encode()))
    return made


def parse(found: Iterable[tuple[str, bytes | None]]) -> DeadLetter | None:
    """Return the dead letter that the headers describe, None when they describe none.

    A header that occurs twice counts with its last value. A tool that lost some of them still gets the rest:
    missing numbers are 0 (-1 for partition and offset), missing texts "".
    """
    texts = {name: (value or b"").decode("ascii", "replace") for name, value in found}
    if "dlq.original.topic" not in texts and "dlq.error.code" not in texts:
        return None

    def text(field: str) -> str:
        return texts.get(_NAMES[field], "")

    def number(field: str, default: int = 0) -> int:
        value = text(field)
        return int(value) if value.removeprefix("-").isdecimal() else default

    return DeadLetter(
        topic=text("topic"),
        partition=number("partition", -1),
        offset=number("offset", -1),
        timestamp_ms=number("timestamp_ms"),
        group=text("group"),
        stage=text("stage"),
        code=text("code"),
        error_class=text("error_class"),
        message=text("message"),
        attempts=number("attempts"),
        first_failed_ms=number("first_failed_ms"),
        failed_ms=number("failed_ms"),
        replay_count=number("replay_count"),
        app_version=text("app_version"),
        notification_id=texts.get(NOTIFICATION),
    )


def strip(found: Iterable[tuple[str, bytes | None]]) -> Headers:
    """Return the headers without ours: those that the record had before it died."""
    return [(name, value) for name, value in found if not name.startswith(PREFIX) and name != NOTIFICATION]


def replay_count(found: Iterable[tuple[str, bytes | None]]) -> int:
    """Return how often the record was put back, 0 when never."""
    count = 0
    for name, value in found:
        if name == REPLAY_COUNT and value is not None and value.isdigit():
            count = int(value)
    return count


def for_replay(found: Iterable[tuple[str, bytes | None]]) -> Headers:
    """Return the headers for putting the record back: its own, and the replay count raised by one."""
    kept = list(found)
    return [*strip(kept), (REPLAY_COUNT, str(replay_count(kept) + 1).encode())]

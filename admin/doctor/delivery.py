"""Delivery, as the newest outcomes tell: channels that hold notices, and gateways that report nothing of theirs."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from admin.doctor.finding import State, Told
from consumers.runtime.kafka import common, reader_config
from consumers.sender.silence import CODE, REASON
from schemas.codec import decoder
from schemas.config import HOUR
from schemas.errors import Recoverable
from schemas.reasons import Hold
from schemas.records import Outcome
from schemas.settings import Settings
from schemas.topics import Cell

KAFKA_S: Final = 3.0
READ_S: Final = 5.0
TAIL: Final = 2_000
"""Outcomes of a partition that are looked at, at most."""
LEADERLESS: Final = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}
ENDS_BY_ITSELF: Final = {Hold.CHANNEL, Hold.RESTRICTED}
"""Holds that were told how long; the others last until something leaves."""
HOLDS: Final[dict[str, tuple[str, str | None]]] = {
    Hold.CHANNEL: ("its provider makes it wait", None),
    Hold.RESTRICTED: ("WhatsApp refuses first contacts", "RCD-303"),
    Hold.SESSION_DOWN: ("its session is down", "RCD-301"),
    Hold.CONFIGURATION: ("its provider refuses how it is set up", "RCD-306"),
    Hold.BREAKER: ("its attempts fail", None),
}
_decode = decoder(Outcome)


def silent(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Return how many notices each channel accepted of which no receipt came, since its last receipt."""
    waiting: dict[str, set[str]] = defaultdict(set)
    for outcome in sorted(outcomes, key=lambda each: each.at_ms):
        if outcome.kind not in {"receipt", "bounced"} or outcome.channel_id is None:
            continue
        if outcome.reason == REASON:
            waiting[outcome.channel_id].add(outcome.notification_id or outcome.outcome_id)
        else:
            waiting.pop(outcome.channel_id, None)
    return {channel: len(found) for channel, found in sorted(waiting.items())}


def holding(outcomes: Iterable[Outcome], now_ms: int) -> dict[tuple[str, str], int]:
    """Return how many agents wait for a channel that cannot send, by channel and reason."""
    waiting: dict[tuple[str, str], set[str | None]] = defaultdict(set)
    for outcome in sorted(outcomes, key=lambda each: each.at_ms):
        channel, reason = outcome.channel_id, outcome.reason or ""
        if channel is None:
            continue
        if outcome.kind == "sent":
            for kind in HOLDS.keys() - ENDS_BY_ITSELF:
                waiting.pop((channel, kind), None)
        elif outcome.kind == "held" and reason in HOLDS and outcome.hold is not None:
            ends = reason in ENDS_BY_ITSELF and outcome.hold.until_ms <= now_ms
            if not ends:
                waiting[channel, reason].add(outcome.agent)
    return {key: len(agents) for key, agents in sorted(waiting.items())}


def channels(settings: Settings) -> Iterator[Told]:
    """Whether channels send, and every gateway that reports has done so, within the last hour."""
    try:
        outcomes = _newest(settings)
    except KafkaException as error:
        raise Recoverable("RCD-207", error.args[0].str()) from error
    for (channel, reason), agents in holding(outcomes, time.time_ns() // 1_000_000).items():
        why, code = HOLDS[reason]
        yield State.WARN, f"channel {channel}: {why}; agents held in the last hour: {agents}", code
    found = silent(outcomes)
    for channel, count in found.items():
        told = f"channel {channel}: {count} accepted in the last hour, and nothing reported since"
        yield State.WARN, told, CODE
    if not found:
        yield State.OK, "no gateway keeps silent about what it accepted"


def _newest(settings: Settings) -> list[Outcome]:
    topic = Cell(settings.cell).outcomes
    since = time.time_ns() // 1_000_000 - HOUR
    admin = AdminClient(common(settings.kafka))
    numbers = sorted(admin.list_topics(topic, timeout=KAFKA_S).topics[topic].partitions)
    if not numbers:
        return []  # the topic is missing, which is another check's finding
    begins = _offsets(admin, topic, numbers, OffsetSpec.for_timestamp(since))
    ends = _offsets(admin, topic, numbers, OffsetSpec.latest())  # type: ignore[no-untyped-call]
    places = {number: max(begin, ends[number] - TAIL) for number, begin in begins.items() if begin >= 0}
    reader = Consumer(reader_config(settings.kafka, f"{Cell(settings.cell).prefix}doctor"))
    try:
        reader.assign([TopicPartition(topic, number, offset) for number, offset in places.items()])
        return _read(reader, len(places))
    finally:
        reader.close()


def _passes(error: BaseException) -> bool:
    """Tell whether trying again may help: a topic that was made a moment ago has no leader yet."""
    return isinstance(error, KafkaException) and error.args[0].code() in LEADERLESS


@retry(retry=retry_if_exception(_passes), stop=stop_after_delay(KAFKA_S), wait=wait_fixed(0.1), reraise=True)
def _offsets(admin: AdminClient, topic: str, numbers: Iterable[int], wanted: OffsetSpec) -> dict[int, int]:
    """Return an offset of each partition; -1 where there is none."""
    asked = {TopicPartition(topic, number): wanted for number in numbers}
    found = admin.list_offsets(asked, request_timeout=KAFKA_S)
    return {place.partition: end.result().offset for place, end in found.items()}


def _read(reader: Consumer, open_ends: int) -> list[Outcome]:
    found, until = [], time.monotonic() + READ_S
    while open_ends and time.monotonic() < until:
        for message in reader.consume(1_000, 0.2):
            value = message.value()
            if message.error() is not None:
                open_ends -= 1
            elif value is not None:
                found.append(_decode.decode(value))
    return found

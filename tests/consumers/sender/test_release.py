"""Release: the latest reason wins."""

from consumers.sender.release import LOOK_AGAIN, Release, Situation, back_off, count_told, release
from schemas.config import HOUR
from schemas.reasons import Hold
from schemas.records import Channel, Header
from tests.consumers.sender.world import START, agent_config, snapshot

TENANT = snapshot().tenants[0]


def at(header: Header | None = None, channel: Channel | None = None, **agent: int) -> Situation:
    return Situation(header or Header(), agent_config(1, **agent), TENANT, channel or Channel())


def test_without_any_reason_it_goes_now() -> None:
    assert release(at(), START) == Release(0, None)


def test_the_latest_reason_wins() -> None:
    situation = at(Header(retry_at_ms=START + 5), Channel(throttled_until_ms=START + 7), paused_until_ms=START + 6)
    assert release(situation, START) == Release(START + 7, Hold.CHANNEL)
    assert release(situation, START, lambda *_: START + 9) == Release(START + 9, Hold.QUIET)


def test_an_open_breaker_holds_until_its_probe_and_a_half_open_one_holds_nobody() -> None:
    broken = Channel(breaker="open", probe_ms=START + 3, reason="session_down")
    assert release(at(channel=broken), START) == Release(START + 3, Hold.SESSION_DOWN)
    assert release(at(channel=Channel(breaker="half", probe_ms=START + 3)), START) == Release(0, None)


def test_a_tenant_without_a_channel_is_looked_at_again() -> None:
    situation = at()._replace(channel=None)
    assert release(situation, START) == Release(START + LOOK_AGAIN, Hold.CONFIGURATION)


def test_the_cap_counts_by_the_hour() -> None:
    header = Header()
    for minute in range(30):
        count_told(header, START + minute)
    assert release(at(header), START + 30) == Release(START + HOUR, Hold.AGENT_CAP)
    count_told(header, START + HOUR)
    assert (header.cap_count, header.cap_hour_ms) == (1, START + HOUR)


def test_back_off_is_exponential_with_full_jitter_and_a_ceiling() -> None:
    assert [back_off(2_000, n, 0.5, 60_000) for n in (1, 2, 3, 10)] == [1_000, 2_000, 4_000, 30_000]
    assert back_off(2_000, 3, 0.0, 60_000) == 0

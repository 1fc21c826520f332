"""Limits: tokens of a channel, and of one phone on it."""

import pytest

from consumers.sender.limits import UNLIMITED, Allowed, Bucket, Pairs, allowed
from schemas.config import MINUTE, SECOND, ChannelConfig
from tests.consumers.sender.world import START, World, agent


def test_a_bucket_starts_with_one_token_and_saves_up_to_its_burst() -> None:
    bucket = Bucket(SECOND, 3, START)
    assert [bucket.ready(START + ms) for ms in (0, 999, 1_000, 2_000, 9_000)] == [1, 1, 2, 3, 3]
    bucket.take(START + 9_000)
    assert (bucket.ready(START + 9_000), bucket.ready(START + 9_999), bucket.ready(START + 10_000)) == (2, 2, 3)


def test_no_interval_of_any_length_gets_more_than_burst_and_rate() -> None:
    bucket, taken = Bucket.full(6 * SECOND, 3), []
    for ms in range(0, 120 * SECOND, 250):
        if bucket.ready(START + ms):
            bucket.take(START + ms)
            taken.append(ms)
    assert taken[:5] == [0, 250, 500, 6_000, 12_000]
    for first in taken:
        for length in (SECOND, 6 * SECOND, MINUTE):
            assert sum(first <= ms < first + length for ms in taken) <= 3 + length // (6 * SECOND)


def test_a_token_that_was_not_used_comes_back() -> None:
    bucket = Bucket(SECOND, 1, START)
    bucket.take(START)
    assert bucket.ready(START) == 0
    bucket.give_back()
    assert bucket.ready(START) == 1


@pytest.mark.parametrize(
    ("channel", "limits"),
    [
        (ChannelConfig("a", "sandbox"), Allowed(UNLIMITED)),
        (ChannelConfig("a", "evolution"), Allowed(60)),
        (ChannelConfig("a", "whaticket-ticketz"), Allowed(20)),
        (ChannelConfig("a", "whaticket-canove"), Allowed(60)),
        (ChannelConfig("a", "meta"), Allowed(3_600)),
        (ChannelConfig("a", "evolution", rate_per_minute=20, in_flight=2, weight=3), Allowed(20, 2, 3)),
        (None, Allowed()),
    ],
)
def test_a_channels_limits_are_its_own_or_its_providers(channel: ChannelConfig | None, limits: Allowed) -> None:
    assert allowed(channel) == limits


def test_a_phone_is_limited_on_one_channel_however_its_number_is_written() -> None:
    pairs = Pairs()
    for _ in range(3):
        assert pairs.next_ms("a", "551187654321", START) == 0
        pairs.told("a", "551187654321", 6 * SECOND, 3, START)
    assert pairs.next_ms("a", "551187654321", START) == START + 6 * SECOND
    assert pairs.next_ms("b", "551187654321", START) == 0
    assert pairs.next_ms("a", "551187654321", START + 6 * SECOND) == 0


def test_too_many_notices_to_one_phone_wait_and_leave_as_one() -> None:
    world = World()
    for text in ("a", "b", "c", "d", "e"):
        world.alert(7, text)
    assert [seen.body for seen in world.phones] == ["#7: a", "#7: b", "#7: c"]
    assert (world.header().hold_reason, world.header().due_ms) == ("pair", START + 6 * SECOND)
    world.run(6 * SECOND)
    assert [seen.body for seen in world.phones][3:] == ["#7: d / e"]
    world.check()


def test_two_agents_with_one_phone_share_its_limit() -> None:
    world = World()
    number = world.config.agents[0].number
    world.agent(2, number=number)
    world.ticket(8, user_id=2)
    for text in ("a", "b"):
        world.alert(7, text)
        world.alert(8, text)
    assert [seen.agent for seen in world.phones] == [agent(1), agent(2), agent(1)]
    world.run(6 * SECOND)
    assert len(world.phones) == 4
    world.check()

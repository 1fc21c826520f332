"""Ready queues: bounded places, in turn."""

from consumers.sender.limits import Allowed
from consumers.sender.ready import Limits, Ready
from schemas.config import SECOND


def test_places_are_bounded_by_channel_and_by_partition() -> None:
    ready = Ready(Limits(channel=2, partition=3))
    assert [ready.claim(a, "x") for a in ("a", "b", "c")] == [True, True, False]
    assert [ready.claim(a, "y") for a in ("d", "e")] == [False, False]  # the last place goes by turns
    assert ready.next() == ["d"]
    assert ready.claim("d", "y")
    ready.free("a")
    assert ready.next() == ["c"]
    assert ready.claim("c", "x")


def test_a_place_is_kept_until_it_is_given_back() -> None:
    ready = Ready(Limits(channel=1))
    assert ready.claim("a", "x")
    assert ready.claim("a", "x")
    ready.free("a")
    ready.free("a")
    assert ready.claim("b", "x")


def test_a_bound_for_now_lets_one_through_or_none() -> None:
    ready = Ready(Limits(channel=4))
    ready.bound("x", 0)
    assert not ready.claim("a", "x")
    assert ready.next() == []
    ready.bound("x", 1)
    assert ready.next() == ["a"]
    assert ready.claim("a", "x")
    assert not ready.claim("b", "x")
    ready.bound("x", None)
    assert ready.claim("b", "x")


def test_one_channel_never_takes_anothers_turn() -> None:
    ready = Ready(Limits(channel=1))
    assert ready.claim("a", "x")
    assert not ready.claim("b", "x")
    assert ready.claim("c", "y")
    assert ready.next() == []


def test_the_oldest_message_goes_first() -> None:
    ready = Ready(Limits(channel=1))
    assert ready.claim("busy", "x")
    for agent, since_ms in (("young", 30), ("old", 10), ("middle", 20)):
        assert not ready.claim(agent, "x", since_ms=since_ms)
    order = []
    for last in ("busy", "old", "middle"):
        ready.free(last)
        order += ready.next()
        assert ready.claim(order[-1], "x")
    assert order == ["old", "middle", "young"]


def test_who_waits_is_not_overtaken_by_who_comes() -> None:
    ready = Ready(Limits(channel=1))
    assert ready.claim("a", "x")
    assert not ready.claim("b", "x", since_ms=1)
    ready.free("a")
    assert not ready.claim("c", "x", since_ms=2)
    assert ready.next() == ["b"]
    assert ready.claim("b", "x")


def test_of_several_who_come_together_the_oldest_goes_first() -> None:
    ready = Ready(Limits(channel=1))
    assert not ready.claim("young", "x", since_ms=2, alone=False)
    assert not ready.claim("old", "x", since_ms=1)
    assert ready.next() == ["old"]


def test_a_rate_lets_one_go_for_each_token_and_names_whose_timer_must_fire() -> None:
    ready, rate = Ready(Limits()), Allowed(per_minute=60)
    assert ready.claim("a", "x", 0, rate)
    ready.spend("a")
    ready.free("a")
    assert not ready.claim("b", "x", 0, rate, 1)
    assert not ready.claim("c", "x", 0, rate, 2)
    assert ready.alarms(0) == [("b", SECOND)]
    assert ready.alarms(0) == []
    assert ready.next(SECOND - 1) == []
    assert ready.next(SECOND) == ["b"]
    assert ready.claim("b", "x", SECOND, rate, 1)
    assert ready.alarms(SECOND) == [("c", 2 * SECOND)]


def test_a_token_in_whose_place_nothing_left_goes_to_the_next() -> None:
    ready, rate = Ready(Limits()), Allowed(per_minute=60)
    assert ready.claim("a", "x", 0, rate)
    assert not ready.claim("b", "x", 0, rate)
    ready.free("a")
    assert ready.next(0) == ["b"]


def test_who_is_called_twice_in_a_turn_goes_back_to_its_place_in_the_queue() -> None:
    ready = Ready(Limits(channel=1))
    assert ready.claim("a", "x")
    for agent, since_ms in (("b", 1), ("c", 2)):
        assert not ready.claim(agent, "x", since_ms=since_ms)
    ready.free("a")
    assert ready.next() == ["b"]
    ready.recall("b")
    assert ready.next() == ["b"]
    assert ready.next() == ["c"]


def test_places_go_round_by_weight() -> None:
    ready = Ready(Limits(channel=100, partition=8))
    for place in range(8):
        assert ready.claim(f"busy{place}", "z")
    for number in range(20):
        assert not ready.claim(f"x{number:02d}", "x", 0, Allowed(), number)
        assert not ready.claim(f"y{number:02d}", "y", 0, Allowed(weight=3), number)
    served = []
    for place in range(8):
        ready.free(f"busy{place}")
        (agent,) = ready.next()
        assert ready.claim(agent, agent[0], 0, Allowed(weight=3 if agent[0] == "y" else 1))
        served.append(agent[0])
    assert "".join(served) == "xyyyxyyy"


def test_a_channel_may_have_fewer_places_of_its_own() -> None:
    ready = Ready(Limits(channel=16))
    assert [ready.claim(f"{n}", "x", 0, Allowed(places=2)) for n in range(3)] == [True, True, False]


def test_a_place_that_is_given_back_while_others_wait_is_not_taken_by_whoever_comes() -> None:
    ready = Ready(Limits(channel=4, partition=2))
    assert ready.claim("a", "x")
    assert ready.claim("b", "x")
    assert not ready.claim("c", "y")
    ready.free("a")
    assert not ready.claim("a", "x")
    assert ready.next() == ["c"]


def test_who_rests_waits_no_more() -> None:
    ready = Ready(Limits(channel=1))
    assert ready.claim("a", "x")
    assert not ready.claim("b", "x")
    assert ready.waits("b", "x")
    ready.free("b")
    assert not ready.waits("b", "x")
    ready.free("a")
    assert ready.next() == []


def test_where_places_are_what_is_missing_no_timer_fires_for_tokens() -> None:
    ready, rate = Ready(Limits()), Allowed(per_minute=60, places=1)
    assert ready.claim("a", "x", 0, rate)
    assert not ready.claim("b", "x", 0, rate)
    assert ready.alarms(SECOND) == []
    ready.spend("a")
    ready.free("a")
    assert ready.next(SECOND) == ["b"]

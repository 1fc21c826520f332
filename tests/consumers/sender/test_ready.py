"""Ready queues: bounded places, in turn."""

from consumers.sender.ready import Limits, Ready


def test_places_are_bounded_by_channel_and_by_partition() -> None:
    ready = Ready(Limits(channel=2, partition=3))
    assert [ready.claim(a, "x") for a in ("a", "b", "c")] == [True, True, False]
    assert [ready.claim(a, "y") for a in ("d", "e")] == [True, False]
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

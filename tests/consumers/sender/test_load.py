"""Many at once: the morning's herd, an outage of ten minutes, bad channels beside good ones. Virtual time."""

from random import Random

import msgspec
import pytest

from consumers.sender.limits import Limits
from schemas.config import HOUR, MINUTE, SECOND, Parameters
from schemas.quiet import parse
from schemas.reasons import Rejection
from tests.consumers.sender.simulation import (
    PLAIN,
    START,
    Gateway,
    Shop,
    Simulation,
    hanging,
    p99,
    refusing,
    until,
    working,
)

NIGHT = msgspec.json.encode(parse("20:00-08:00")).decode()
EIGHT = START - START % (24 * HOUR) + 32 * HOUR
"""08:00 in UTC, on the morning after the simulation starts."""


def test_three_hundred_agents_at_eight_leave_oldest_first_one_a_second_and_none_is_lost() -> None:
    shop = Shop(1, agents=300, rate_per_minute=60, quiet=NIGHT)
    simulation = Simulation([shop], machine=Parameters(agent_cap=0))
    simulation.now_ms = EIGHT - 10 * HOUR
    chance = Random(3)
    first: dict[str, int] = {}
    for _ in range(900):
        simulation.run(30 * SECOND)
        user = chance.randrange(1, 301)
        first.setdefault(f"s/1/{user}", simulation.now_ms)
        simulation.alert(1, user, ticket=user * 10 + chance.randrange(3))
    assert simulation.shown == []
    simulation.run(EIGHT - simulation.now_ms + 10 * MINUTE)
    told = {shown.agent: shown.at_ms for shown in simulation.shown}
    sends = [at_ms for at_ms, _ in simulation.http]
    assert len(sends) == len(told) == len(first)
    assert min(sends) >= EIGHT
    assert max(sends) <= EIGHT + (len(first) + 10) * SECOND
    for at_ms in sends:
        assert sum(at_ms <= other < at_ms + 10 * SECOND for other in sends) <= 15
    # Who came while the herd was still spreading went before it was known; the others went by age.
    order = [first[agent] for at_ms, agent in simulation.http if at_ms > EIGHT + 10 * SECOND]
    assert order == sorted(order)
    assert simulation.ends() == {("sent", None): 900}
    simulation.check()


@pytest.mark.parametrize(
    "outage",
    [
        refusing(Rejection.SESSION_DOWN),
        refusing(Rejection.TRANSIENT),
        refusing(Rejection.PERMANENT_CONFIG),
        lambda send, _: (send.timeout_ms, hanging(send, 0)[1]),
    ],
    ids=["session down", "gateway refuses", "wrongly configured", "gateway hangs"],
)
def test_an_outage_of_ten_minutes_leaves_no_dead_letter_and_one_notice_for_each_agent(outage: Gateway) -> None:
    simulation = Simulation([Shop(1, agents=20, gateway=until(START + 10 * MINUTE, outage, working()))])
    for round_ in range(20):
        for user in range(1, 21):
            simulation.alert(1, user, ticket=user)
        simulation.run(30 * SECOND)
        del round_
    simulation.run(30 * MINUTE)
    assert [key for key in simulation.ends() if key[0] != "sent"] == []
    assert simulation.ends() == {("sent", None): 400}
    assert len(simulation.http) < 70
    # What was unknown is sent again by itself; everything else of the outage is one notice each.
    after = [agent for at_ms, agent in simulation.http if at_ms >= START + 10 * MINUTE]
    unknown = {o.agent for o in simulation.outcomes if o.reason == "unknown"}
    assert sorted(after) == sorted([*(f"s/1/{user}" for user in range(1, 21)), *(a for a in unknown if a)])
    for user in range(1, 21):
        mine = [o.message_refs for o in simulation.outcomes if o.kind == "sent" and o.agent == f"s/1/{user}"]
        told = [ref for refs in mine for ref in refs]
        assert told == sorted(told, key=lambda ref: int(ref.rpartition("m")[2])), "an agent is told in order"
    simulation.check()


def test_a_lonely_agent_loses_nothing_to_an_outage_either() -> None:
    outage = refusing(Rejection.TRANSIENT)
    simulation = Simulation([Shop(1, gateway=until(START + 10 * MINUTE, outage, working()))])
    simulation.alert(1, 1)
    simulation.run(30 * MINUTE)
    assert simulation.ends() == {("sent", None): 1}
    simulation.check()


def twenty(bad: bool) -> Simulation:
    """Twenty shops that work, each told of a message every five seconds; with three bad ones beside them or not."""
    shops = [Shop(company, agents=10) for company in range(1, 21)]
    gateways = {
        21: hanging,
        22: refusing(Rejection.THROTTLE_SENDER, retry_after_ms=20 * SECOND),
        23: refusing(Rejection.TRANSIENT),
    }
    if bad:
        shops += [Shop(company, agents=40, gateway=gateway) for company, gateway in gateways.items()]
    simulation = Simulation(shops, limits=Limits(channel=16, partition=64))
    chance = Random(4)
    for step in range(100):
        for company in range(1, 21):
            at_ms = START + step * 5 * SECOND + chance.randrange(5_000)
            user = chance.randrange(1, 11)
            simulation.at(at_ms, lambda c=company, u=user: simulation.alert(c, u))  # type: ignore[misc]
        for company in gateways if bad else ():
            for user in range(1, 41, 4):
                at_ms = START + step * 5 * SECOND + chance.randrange(5_000)
                simulation.at(at_ms, lambda c=company, u=user: simulation.alert(c, u))  # type: ignore[misc]
    simulation.run(9 * MINUTE)
    return simulation


def test_bad_channels_do_not_move_the_good_ones() -> None:
    alone, beside = twenty(bad=False), twenty(bad=True)
    good = range(1, 21)
    assert len(alone.waited(good)) > 1_500
    assert sum(len(o.message_refs) for o in beside.outcomes if o.kind == "sent") == 20 * 100
    assert p99(beside.waited(good)) <= 1.2 * p99(alone.waited(good))
    beside.check()


def test_places_are_shared_by_weight_while_they_are_scarce() -> None:
    shops = [Shop(1, agents=400), Shop(2, agents=400, weight=3)]
    simulation = Simulation(shops, limits=Limits(channel=400, partition=8))
    for user in range(1, 401):
        for company in (1, 2):
            simulation.alert(company, user)
    simulation.run(6 * SECOND)
    sent = [shown.agent.split("/")[1] for shown in simulation.shown]
    assert 100 < len(sent) < 400
    assert 2.4 <= sent.count("2") / sent.count("1") <= 3.4
    simulation.run(5 * MINUTE)
    assert simulation.ends() == {("sent", None): 800}


def test_a_crash_in_the_middle_of_a_herd_loses_nobody_and_the_limiter_starts_empty() -> None:
    simulation = Simulation([Shop(1, agents=60, rate_per_minute=60)])
    for user in range(1, 61):
        simulation.alert(1, user)
    simulation.run(20 * SECOND)
    simulation.start()
    crashed_ms, before = simulation.now_ms, len(simulation.http)
    simulation.run(5 * MINUTE)
    within = [at_ms for at_ms, _ in simulation.http[before:] if at_ms < crashed_ms + 5 * SECOND]
    assert len(within) <= 6
    assert {shown.agent for shown in simulation.shown} == {f"s/1/{user}" for user in range(1, 61)}
    simulation.check()


@pytest.mark.slow
def test_ten_thousand_held_agents_are_released_within_bounds() -> None:
    simulation = Simulation([Shop(1, agents=10_000, rate_per_minute=60_000, quiet=NIGHT)], machine=PLAIN)
    simulation.now_ms = EIGHT - HOUR
    for user in range(1, 10_001):
        simulation.alert(1, user)
    simulation.run(HOUR + 10 * MINUTE)
    assert simulation.ends() == {("sent", None): 10_000}

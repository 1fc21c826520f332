"""Who is responsible, and who of them is told."""

from typing import Any

import msgspec
import pytest

from cdc.flavours.api import LiveTicket
from consumers.sender.recipients import Responsible, choose, responsible
from tests.consumers.sender.world import LANE, World, agent, snapshot

TENANT = snapshot().tenants[0]


def ticket(**changes: Any) -> LiveTicket:
    return World().ticket(7, **changes)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"user_id": 3, "queue_id": 1, "queue_members": (1, 2)}, Responsible("assignee", (agent(3),))),
        ({"user_id": None, "queue_id": 1, "queue_members": (1, 2)}, Responsible("queue", (agent(1), agent(2)))),
        ({"user_id": None, "queue_id": 1, "queue_members": ()}, Responsible("admins", (agent(5),))),
        ({"user_id": None, "queue_id": None, "queue_members": (1,)}, Responsible("admins", (agent(5),))),
        ({"user_id": None, "admins": ()}, Responsible(None, ())),
    ],
)
def test_the_chain_is_assignee_queue_admins(changes: dict[str, Any], found: Responsible) -> None:
    assert responsible(ticket(**changes), TENANT) == found


@pytest.mark.parametrize(
    ("chain", "changes", "found"),
    [
        (("assignee",), {"user_id": None}, Responsible(None, ())),
        (("assignee", "queue"), {"user_id": None, "queue_id": 1, "queue_members": ()}, Responsible(None, ())),
        (("queue", "admins"), {"user_id": 3, "queue_id": 1, "queue_members": (1,)}, Responsible(None, ())),
    ],
)
def test_the_tenant_chooses_how_far_it_goes(chain: Any, changes: dict[str, Any], found: Responsible) -> None:
    tenant = msgspec.structs.replace(TENANT, recipients=chain)
    assert responsible(ticket(**changes), tenant) == found


def test_the_fan_out_takes_the_first_by_rank_and_then_by_lowest_id() -> None:
    ranks = {f"{LANE}/{user}": (user % 2,) for user in range(1, 12)}
    chosen = choose(list(ranks), TENANT, ranks.__getitem__)
    assert chosen == [agent(2), agent(4), agent(6)]


def test_those_who_were_served_count_against_the_fan_out() -> None:
    everyone = [agent(user) for user in (1, 2, 3, 4)]
    assert choose(everyone, TENANT, lambda _: (0,), {agent(1), agent(2), agent(9)}) == [agent(3)]
    first = msgspec.structs.replace(TENANT, first_only=True)
    assert choose(everyone, first, lambda _: (0,)) == [agent(1)]
    assert choose(everyone, first, lambda _: (0,), {agent(4)}) == []

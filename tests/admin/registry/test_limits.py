"""Limits of a channel, as an operator sets them."""

from typing import Any

import pytest
from sqlalchemy import Connection, select

from admin.registry import channels
from admin.registry.limits import limit
from consumers.directory.snapshot import load
from schemas.errors import Invalid
from schemas.tables import channels as table
from tests.admin.registry.conftest import BY

pytestmark = pytest.mark.stack


def test_limits_are_set_taken_back_and_seen_by_the_workers(world: Connection) -> None:
    channels.mark_tested(world, BY, "phones")
    limit(world, BY, "phones", rate_per_minute=20, in_flight=2, weight=3)
    (channel,) = load(world).channels
    assert (channel.rate_per_minute, channel.in_flight, channel.weight) == (20, 2, 3)
    limit(world, BY, "phones", rate_per_minute=0)
    (channel,) = load(world).channels
    assert (channel.rate_per_minute, channel.in_flight, channel.weight) == (None, 2, 3)
    assert world.scalar(select(table.c.tested_at)) is not None


@pytest.mark.parametrize(
    ("channel", "given", "code"),
    [
        ("nothing", {"weight": 1}, "RCD-403"),
        ("phones", {"weight": 0}, "RCD-405"),
        ("phones", {"rate_per_minute": -1}, "RCD-405"),
        ("phones", {"in_flight": -1}, "RCD-405"),
    ],
)
def test_what_makes_no_sense_is_refused(world: Connection, channel: str, given: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        limit(world, BY, channel, **given)
    assert refused.value.code == code

"""Rows S29 and S30: a dead letter comes back."""

import msgspec
import pytest

from consumers.dlq.headers import parse
from schemas.codec import decoder
from schemas.reasons import Rejection
from schemas.records import Alert
from tests.consumers.sender.world import World, agent, rejected


def dead_world() -> World:
    world = World()
    world.replies.append(rejected(Rejection.PERMANENT_RECIPIENT))
    world.alert(7, "oi")
    return world


def test_s29_replaying_a_dead_letter_thrice_sends_once() -> None:
    world = dead_world()
    for _ in range(3):
        world.record(world.dead[0])
    assert world.story()[2:] == [("revived", 1, None), ("sent", 1, None)]
    assert [(o.kind, o.hop) for o in world.outcomes if o.kind in {"dead", "revived", "sent"}] == [
        ("dead", 0),
        ("revived", 1),
        ("sent", 1),
    ]
    assert world.counts["recado_redrive_refused_total", ("not_dead",)] == 2
    world.check()


def test_s29_a_changed_number_is_used_only_if_asked() -> None:
    world = dead_world()
    world.agent(1, number="+5511977776666")
    world.record(world.dead[0])
    assert world.story()[2:] == [("revived", 1, None), ("suppressed", 1, "bad_number")]
    other = dead_world()
    other.agent(1, number="+5511977776666")
    other.record(msgspec.structs.replace(other.dead[0], new_number=True))
    assert [seen.address for seen in other.phones] == ["+5511977776666"]
    other.check()


def test_s29_it_is_checked_anew() -> None:
    world = dead_world()
    world.ticket(7, status="closed")
    world.record(world.dead[0])
    assert world.story()[2:] == [("revived", 1, None), ("suppressed", 1, "closed")]
    world.check()


def test_s29_it_moves_to_who_is_responsible_now() -> None:
    world = dead_world()
    world.ticket(7, user_id=2)
    world.record(world.dead[0])
    assert world.story()[2:] == [("revived", 1, None), ("moved", 1, None), ("sent", 2, None)]
    world.check()


def test_a_letter_that_died_twice_counts_its_replays() -> None:
    world = dead_world()
    world.replies.append(rejected(Rejection.PERMANENT_RECIPIENT))
    world.record(world.dead[0])
    letters = [parse(emit.headers) for emit in world.dead_emits]
    assert [letter.replay_count for letter in letters if letter] == [0, 1]


def test_s30_a_letter_without_a_dead_entry_is_refused() -> None:
    world = dead_world()
    letter = world.dead[0]
    fresh = World()
    fresh.record(letter)
    assert fresh.state() == {}
    assert fresh.counts["recado_redrive_refused_total", ("not_dead",)] == 1


def test_a_dead_letter_holds_no_text_and_is_complete() -> None:
    world = dead_world()
    raw = world.dead_emits[0].value
    assert raw is not None
    assert b"oi" not in raw
    letter = decoder(Alert).decode(raw)
    assert (letter.agent, letter.redrive_of, [item.kind for item in letter.items]) == (
        agent(1),
        letter.alert_id,
        ["text"],
    )


@pytest.mark.parametrize("field", ["key", "value"])
def test_headers_are_short_ascii_without_separators(field: str) -> None:
    for name, value in dead_world().dead_emits[0].headers:
        text = name if field == "key" else (value or b"").decode("ascii")
        assert not set(text) & set(",\t\n")

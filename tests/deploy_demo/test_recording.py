"""Recordings are read as they are, and their instants move so that each scenario happens now."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from deploy.demo.recording import Change, Scenario, TimeShift, Transaction, read_scenarios
from schemas.errors import Invalid

TRACES = Path(__file__).parents[1] / "traces"
NOW = 1_900_000_000_000.0
CREATED = frozenset({"createdAt"})


def scenario(start_ms: float) -> Scenario:
    change = Change("Messages", "c", 10.0, start_ms + 10.0, 1, after={})
    return Scenario("01-some", start_ms, (Transaction(10.0, "", (change,)),))


def at(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC)


@pytest.mark.parametrize(
    ("flavour", "scenarios", "changes"), [("ticketz", 63, 921), ("canove", 29, 290), ("maurilio", 15, 163)]
)
def test_every_recording_is_whole(flavour: str, scenarios: int, changes: int) -> None:
    found = read_scenarios(TRACES / flavour)

    assert [one.name[:2] for one in found] == [f"{number:02}" for number in range(1, scenarios + 1)]
    assert sum(len(list(one.changes())) for one in found) == changes


def test_changes_of_one_transaction_stay_together() -> None:
    found = read_scenarios(TRACES / "ticketz")
    first, reply = found[5], found[17]

    assert [[change.table for change in transaction.changes] for transaction in first.transactions][:3] == [
        ["Contacts"],
        ["Tickets"],
        ["TicketTraking"],
    ]
    assert (first.transactions[0].rel_ms, first.length_ms) == (13.4, 628.9)
    assert [change.table for change in reply.transactions[1].changes] == ["Messages"] * 3


def test_a_scenario_may_write_nothing() -> None:
    group = read_scenarios(TRACES / "ticketz")[48]

    assert (group.name, group.transactions, group.length_ms) == ("49-group-default-dropped", (), 0.0)


def test_a_folder_without_scenarios_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="RCD-601: no recorded scenarios"):
        read_scenarios(tmp_path)


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "01-broken.jsonl").write_text('{"table":"Messages"}\n')

    with pytest.raises(Invalid, match=r"01-broken\.jsonl, line 1"):
        read_scenarios(tmp_path)


def test_instants_of_a_scenario_happen_now() -> None:
    shift = TimeShift()
    shift.begin(scenario(1_000_000.0), NOW, 1.0)

    moved = shift.row({"createdAt": "1970-01-01 00:16:41.5+00", "body": "1970-01-01 00:16:41.5+00"}, CREATED)
    assert moved == {"createdAt": at(NOW + 1_500), "body": "1970-01-01 00:16:41.5+00"}


def test_a_faster_replay_squeezes_them() -> None:
    shift = TimeShift()
    shift.begin(scenario(1_000_000.0), NOW, 10.0)

    assert shift.instant_ms(1_001_500.0) == NOW + 150


def test_as_fast_as_possible_is_one_instant() -> None:
    shift = TimeShift()
    shift.begin(scenario(1_000_000.0), NOW, None)

    assert shift.instant_ms(1_001_500.0) == NOW


def test_rows_of_earlier_scenarios_keep_their_creation() -> None:
    shift = TimeShift()
    shift.begin(scenario(1_000_000.0), NOW, 1.0)
    shift.begin(scenario(2_000_000.0), NOW + 60_000, 1.0)

    assert [shift.instant_ms(recorded) for recorded in (999_999.0, 1_000_500.0, 2_000_500.0)] == [
        999_999.0,
        NOW + 500,
        NOW + 60_500,
    ]


def test_an_empty_scenario_moves_nothing() -> None:
    shift = TimeShift()
    shift.begin(Scenario("49-empty", 0.0, ()), NOW, 1.0)

    assert shift.instant_ms(1_000.0) == 1_000.0


def test_the_age_of_a_backlog_is_kept() -> None:
    shift = TimeShift()
    shift.begin(scenario(1_795_000_000_000.0), 1_795_000_500_000.0, None)

    moved = shift.row({"dataJson": '{"messageTimestamp":1794992800,"n":1}'}, CREATED)
    assert moved == {"dataJson": '{"messageTimestamp":1794993300,"n":1}'}


def test_wall_clock_without_a_zone_is_read_in_the_sources_zone() -> None:
    shift = TimeShift(timezone(timedelta(hours=-3)))
    shift.begin(scenario(0.0), NOW, 1.0)

    assert shift.row({"createdAt": "1969-12-31 21:00:01"}, CREATED) == {"createdAt": at(NOW + 1_000)}
    assert shift.row({"createdAt": None}, CREATED) == {"createdAt": None}

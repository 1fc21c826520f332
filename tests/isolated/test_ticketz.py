"""ticketz, scenario by scenario: who is told of what equals the hand-written oracle. Nothing here writes it."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc.change import Row
from cdc.flavours.api import Person
from cdc.flavours.ticketz import Ticketz
from deploy.demo.recording import Scenario
from deploy.demo.replay import Recording, Replay
from deploy.demo.verifier.laws import check
from deploy.stack import LocalStack
from schemas.config import Parameters
from schemas.reasons import Ignored
from tests.isolated.arm import START_MS, Arm, Played
from tests.isolated.cast import Cast
from tests.stack_fixture import fresh_database

TESTS = Path(__file__).parents[1]
EXPECTED: dict[str, Any] = json.loads((TESTS / "expected" / "ticketz.json").read_text(encoding="utf-8"))
SCENARIOS: dict[str, Any] = EXPECTED["scenarios"]
FOLDER = TESTS / "traces" / "ticketz"

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("isolated")]


@contextmanager
def arm(stack: LocalStack, **settings: Any) -> Iterator[tuple[Arm, list[Scenario]]]:
    """An arm over a database of its own, and the scenarios."""
    database = fresh_database(stack)
    recording = Recording(TESTS / "traces")
    with asyncio.Runner() as runner, psycopg.connect(database.dsn, autocommit=True) as connection:
        replay = Replay(recording, connection)
        replay.create(START_MS)
        ready = Arm(replay, database.dsn, Cast.read(FOLDER), runner, **settings)
        try:
            yield ready, recording.scenarios
        finally:
            ready.close()
    stack.drop_database(database.name)


@pytest.fixture(scope="module", params=[False, True], ids=["steady", "restarted-after-each-commit"])
def played(request: pytest.FixtureRequest, stack: LocalStack) -> dict[str, Played]:
    """All scenarios, each with fresh machines, in order, over one database."""
    with arm(stack, restarts=request.param) as (ready, scenarios):
        return {scenario.name: ready.play(scenario) for scenario in scenarios}


def test_every_recorded_scenario_is_judged() -> None:
    assert sorted(SCENARIOS) == sorted(path.stem for path in FOLDER.glob("[0-9]*.jsonl"))
    assert Cast.read(FOLDER).agents == {
        key: (2 if key == "EVA" else 1, user, Cast.read(FOLDER).agents[key][2])
        for key, user in EXPECTED["agents"].items()
    }


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_a_scenario_ends_as_expected(played: dict[str, Played], scenario: str) -> None:
    found, expected = played[scenario], SCENARIOS[scenario]

    assert found.messages == expected["messages"]
    within = {
        agent: [least, most] if least <= found.notices.get(agent, 0) <= most else found.notices.get(agent, 0)
        for agent, (least, most) in expected["notices"].items()
    }
    assert (within, sorted(found.notices)) == (expected["notices"], sorted(expected["notices"]))


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_a_scenario_keeps_the_laws(played: dict[str, Played], scenario: str) -> None:
    verdict = check(played[scenario].evidence)

    assert (verdict.findings, verdict.tally.pending) == ([], 0)
    assert verdict.tally.notices == sum(played[scenario].notices.values())


def test_an_edited_text_is_told_as_it_is_now(played: dict[str, Played]) -> None:
    assert '"Meu endereço é Rua A, 1000"' in played["37-customer-edit"].texts["ANA"][0]


def test_no_text_carries_a_customers_number_or_papers(played: dict[str, Played]) -> None:
    texts = "\n".join(text for found in played.values() for lines in found.texts.values() for text in lines)

    secrets = ("529.982.247-25", "11.222.333/0001-81", "4111 1111", "91234-5678", "123.456.789-09", "551199")
    assert [secret for secret in secrets if secret in texts] == []


class EveryOwnRowIsAPerson(Ticketz):
    """ticketz, misread: the bot's greeting counts as somebody's answer."""

    def classify(self, row: Row, marker: str) -> Person | Ignored:
        person = super().classify(row, marker)
        return "human" if person == "undecided" else person


def test_a_greeting_that_counted_as_an_answer_would_cancel_the_first_notice(stack: LocalStack) -> None:
    """The control arm: the oracle sees the worst mistake that this flavour invites."""
    with arm(stack, flavours=lambda _: EveryOwnRowIsAPerson()) as (ready, scenarios):
        played = {scenario.name: ready.play(scenario) for scenario in scenarios[:9]}

    first = played["06-first-message-one-queue"]
    assert (list(first.messages.values()), first.notices) == ([{"suppressed": "answered"}], {})
    assert [name for name in played if played[name].messages == SCENARIOS[name]["messages"]] == [
        "07-first-message-no-queue"
    ]


@pytest.mark.parametrize("restarts", [False, True], ids=["steady", "restarted-after-each-commit"])
def test_one_continuous_pass_keeps_the_laws_at_default_parameters(stack: LocalStack, restarts: bool) -> None:
    """Later scenarios fall into the windows of earlier ones, and caps are on: no oracle, but the laws hold."""
    with arm(stack, machine=Parameters(), restarts=restarts) as (ready, scenarios):
        verdict = check(ready.play(*scenarios).evidence)

    assert (verdict.findings, verdict.tally.pending) == ([], 0)
    expected = [said for judged in SCENARIOS.values() for said in judged["messages"].values()]
    assert verdict.tally.admitted == sum("ignored" not in said for said in expected)

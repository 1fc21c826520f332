"""ticketz, scenario by scenario: who is told of what equals the hand-written oracle. Nothing here writes it."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.demo.replay import Recording, Replay
from deploy.demo.verifier.laws import check
from deploy.stack import LocalStack
from tests.isolated.arm import Arm, Cast, Played
from tests.stack_fixture import fresh_database

TESTS = Path(__file__).parents[1]
EXPECTED: dict[str, Any] = json.loads((TESTS / "expected" / "ticketz.json").read_text(encoding="utf-8"))
SCENARIOS: dict[str, Any] = EXPECTED["scenarios"]
FOLDER = TESTS / "traces" / "ticketz"

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("isolated")]


@pytest.fixture(scope="module", params=[False, True], ids=["steady", "restarted-after-each-commit"])
def played(request: pytest.FixtureRequest, stack: LocalStack) -> Iterator[dict[str, Played]]:
    """All scenarios, played once, in order, over one database."""
    database = fresh_database(stack)
    recording = Recording(TESTS / "traces")
    with asyncio.Runner() as runner, psycopg.connect(database.dsn, autocommit=True) as connection:
        replay = Replay(recording, connection)
        replay.create()
        arm = Arm(replay, database.dsn, Cast.read(FOLDER), runner, restarts=request.param)
        try:
            yield {scenario.name: arm.play(scenario) for scenario in recording.scenarios}
        finally:
            arm.close()
    stack.drop_database(database.name)


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

"""A flavour's hand-written oracle, and the arm that is compared with it. Nothing here writes the oracle."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from deploy.demo.recording import Scenario
from deploy.demo.replay import Recording, Replay
from deploy.demo.verifier.laws import check
from deploy.stack import LocalStack
from tests.isolated.arm import START_MS, Arm, Played, Stage
from tests.isolated.cast import Cast
from tests.stack_fixture import fresh_database

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Oracle:
    """What each scenario of a flavour's recording should lead to."""

    flavour: str
    agents: dict[str, int]
    scenarios: dict[str, Any]

    @classmethod
    def read(cls, flavour: str) -> "Oracle":
        """Read `tests/expected/<flavour>.json`."""
        expected = json.loads((TESTS / "expected" / f"{flavour}.json").read_text(encoding="utf-8"))
        return cls(flavour, expected["agents"], expected["scenarios"])

    @property
    def folder(self) -> Path:
        """The recording."""
        return TESTS / "traces" / self.flavour

    def covers_the_recording(self) -> bool:
        """Tell whether every recorded scenario and agent is judged."""
        cast = Cast.read(self.folder)
        return (
            sorted(self.scenarios) == sorted(path.stem for path in self.folder.glob("[0-9]*.jsonl"))
            and {key: user for key, (_, user, _) in cast.agents.items()} == self.agents
        )

    def admitted(self) -> int:
        """Return how many customer messages the whole recording holds."""
        said = (message for judged in self.scenarios.values() for message in judged["messages"].values())
        return sum("ignored" not in message for message in said)

    def agrees(self, scenario: str, found: Played) -> None:
        """Compare whole values: who was told of each message, and how many texts each phone got."""
        expected = self.scenarios[scenario]
        assert found.messages == expected["messages"]
        within = {
            agent: [least, most] if least <= found.notices.get(agent, 0) <= most else found.notices.get(agent, 0)
            for agent, (least, most) in expected["notices"].items()
        }
        assert (within, sorted(found.notices)) == (expected["notices"], sorted(expected["notices"]))


@contextmanager
def staged(stack: LocalStack, source: str, flavour: str) -> Iterator[tuple[Stage, list[Scenario]]]:
    """A source in a database of its own, and its recorded scenarios."""
    database = fresh_database(stack)
    recording = Recording(TESTS / "traces", flavour)
    try:
        with psycopg.connect(database.dsn, autocommit=True) as connection:
            replay = Replay(recording, connection)
            replay.create(START_MS)
            cast = Cast.read(TESTS / "traces" / flavour, source)
            yield Stage(replay, database.dsn, cast), recording.scenarios
    finally:
        stack.drop_database(database.name)


@contextmanager
def arm(stack: LocalStack, flavour: str, **settings: Any) -> Iterator[tuple[Arm, list[Scenario]]]:
    """An arm over one source, and the scenarios."""
    with staged(stack, "loja", flavour) as (stage, scenarios), asyncio.Runner() as runner:
        ready = Arm(stage, runner=runner, **settings)
        try:
            yield ready, scenarios
        finally:
            ready.close()


def play_each(stack: LocalStack, flavour: str, *, restarts: bool) -> dict[str, Played]:
    """Play all scenarios, each with fresh machines, in order, over one database."""
    with arm(stack, flavour, restarts=restarts) as (ready, scenarios):
        return {scenario.name: ready.play(scenario) for scenario in scenarios}


def keeps_the_laws(found: Played) -> None:
    """Let the verifier judge a scenario that came to rest."""
    verdict = check(found.evidence)
    assert (verdict.findings, verdict.tally.pending) == ([], 0)
    assert verdict.tally.notices == sum(found.notices.values())

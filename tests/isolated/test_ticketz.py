"""ticketz, scenario by scenario: who is told of what equals the hand-written oracle. Nothing here writes it."""

import pytest

from cdc.change import Row
from cdc.flavours.api import Person
from cdc.flavours.ticketz import Ticketz
from deploy.demo.verifier.laws import check
from deploy.stack import LocalStack
from schemas.config import Parameters
from schemas.reasons import Ignored
from tests.isolated.arm import Played
from tests.isolated.oracle import Oracle, arm, keeps_the_laws, play_each

ORACLE = Oracle.read("ticketz")
SCENARIOS = ORACLE.scenarios

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("isolated")]


@pytest.fixture(scope="module", params=[False, True], ids=["steady", "restarted-after-each-commit"])
def played(request: pytest.FixtureRequest, stack: LocalStack) -> dict[str, Played]:
    """All scenarios, each with fresh machines, in order, over one database."""
    return play_each(stack, "ticketz", restarts=request.param)


def test_every_recorded_scenario_is_judged() -> None:
    assert ORACLE.covers_the_recording()


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_a_scenario_ends_as_expected(played: dict[str, Played], scenario: str) -> None:
    ORACLE.agrees(scenario, played[scenario])


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_a_scenario_keeps_the_laws(played: dict[str, Played], scenario: str) -> None:
    keeps_the_laws(played[scenario])


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
    with arm(stack, "ticketz", flavours=lambda _: EveryOwnRowIsAPerson()) as (ready, scenarios):
        played = {scenario.name: ready.play(scenario) for scenario in scenarios[:9]}

    first = played["06-first-message-one-queue"]
    assert (list(first.messages.values()), first.notices) == ([{"suppressed": "answered"}], {})
    assert [name for name in played if played[name].messages == SCENARIOS[name]["messages"]] == [
        "07-first-message-no-queue"
    ]


@pytest.mark.parametrize("restarts", [False, True], ids=["steady", "restarted-after-each-commit"])
def test_one_continuous_pass_keeps_the_laws_at_default_parameters(stack: LocalStack, restarts: bool) -> None:
    """Later scenarios fall into the windows of earlier ones, and caps are on: no oracle, but the laws hold."""
    with arm(stack, "ticketz", machine=Parameters(), restarts=restarts) as (ready, scenarios):
        verdict = check(ready.play(*scenarios).evidence)

    assert (verdict.findings, verdict.tally.pending) == ([], 0)
    assert verdict.tally.admitted == ORACLE.admitted()

"""canove on PostgreSQL, scenario by scenario: who is told of what equals the hand-written oracle."""

import pytest

from cdc.change import Row
from cdc.flavours.api import Person
from cdc.flavours.canove import Canove
from deploy.demo.verifier.laws import check
from deploy.stack import LocalStack
from schemas.config import Parameters
from schemas.reasons import Ignored
from tests.isolated.arm import Played
from tests.isolated.oracle import Oracle, arm, keeps_the_laws, play_each

ORACLE = Oracle.read("canove")
SCENARIOS = ORACLE.scenarios

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("isolated")]


@pytest.fixture(scope="module", params=[False, True], ids=["steady", "restarted-after-each-commit"])
def played(request: pytest.FixtureRequest, stack: LocalStack) -> dict[str, Played]:
    """All scenarios, each with fresh machines, in order, over one database."""
    return play_each(stack, "canove", restarts=request.param)


def test_every_recorded_scenario_is_judged() -> None:
    assert ORACLE.covers_the_recording()


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_a_scenario_ends_as_expected(played: dict[str, Played], scenario: str) -> None:
    ORACLE.agrees(scenario, played[scenario])


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_a_scenario_keeps_the_laws(played: dict[str, Played], scenario: str) -> None:
    keeps_the_laws(played[scenario])


def test_no_text_carries_a_customers_number_papers_or_the_insides_of_media(played: dict[str, Played]) -> None:
    texts = "\n".join(text for found in played.values() for lines in found.texts.values() for text in lines)

    secrets = ("529.982.247-25", "91234-56", "551199", "base64", "VCARD", ".jpeg", ".ogg", ".webp", "{{")
    assert [secret for secret in secrets if secret in texts] == []


class EveryOwnRowIsAPerson(Canove):
    """canove, misread: the bot's menu counts as somebody's answer."""

    def classify(self, row: Row, marker: str) -> Person | Ignored:
        person = super().classify(row, marker)
        return "human" if person == "bot" else person


def test_a_menu_that_counted_as_an_answer_would_cancel_first_messages(stack: LocalStack) -> None:
    """A control arm: the oracle sees the mistake."""
    with arm(stack, "canove", flavours=lambda _: EveryOwnRowIsAPerson()) as (ready, scenarios):
        played = {scenario.name: ready.play(scenario) for scenario in scenarios[:3]}

    assert [name for name in played if played[name].messages == SCENARIOS[name]["messages"]] == []


def test_a_read_flag_that_counted_would_lose_a_message_that_nobody_saw(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control arm: a transfer marks the message as read before its new owner could see it."""
    monkeypatch.setattr(Canove, "read_means_person", True)
    with arm(stack, "canove") as (ready, scenarios):
        played = {scenario.name: ready.play(scenario) for scenario in scenarios[:14]}

    lost = played["14-race-message-and-transfer"]
    assert (list(lost.messages.values()), lost.notices) == ([{"suppressed": "read"}], {})


@pytest.mark.parametrize("restarts", [False, True], ids=["steady", "restarted-after-each-commit"])
def test_one_continuous_pass_keeps_the_laws_at_default_parameters(stack: LocalStack, restarts: bool) -> None:
    with arm(stack, "canove", machine=Parameters(), restarts=restarts) as (ready, scenarios):
        verdict = check(ready.play(*scenarios).evidence)

    assert (verdict.findings, verdict.tally.pending) == ([], 0)
    assert verdict.tally.admitted == ORACLE.admitted()

import msgspec
import pytest

from provider.api import digits
from provider.sandbox.faults import Faults, Rule


def hits(rule: Rule, count: int) -> list[bool]:
    faults = Faults()
    faults.add([rule])
    return [faults.hit("+5511987654321", "loja") is not None for _ in range(count)]


def test_a_rule_hits_once_unless_told_otherwise() -> None:
    assert hits(Rule(do="hang"), 3) == [True, False, False]


def test_a_rule_without_times_hits_for_ever() -> None:
    assert hits(Rule(do="hang", times=None), 3) == [True, True, True]


def test_skip_every_and_times_count_matching_messages_only() -> None:
    assert hits(Rule(do="hang", skip=2, every=3, times=2), 12) == [n in (4, 7) for n in range(12)]


def test_the_first_rule_that_acts_wins_and_a_spent_one_lets_the_next_act() -> None:
    faults = Faults()
    faults.add([Rule(do="reset"), Rule(do="hang")])
    found = [faults.hit("+5511987654321", "loja") for _ in range(3)]
    assert [rule and rule.do for rule in found] == ["reset", "hang", None]


@pytest.mark.parametrize(
    ("do", "delivers"), [("delay", True), ("malformed", True), ("huge", True), ("status", False)]
)
def test_what_the_phone_sees_has_a_default_for_each_effect(do: str, delivers: bool) -> None:
    assert msgspec.convert({"do": do}, Rule).delivers is delivers
    assert msgspec.convert({"do": do, "accepted": not delivers}, Rule).delivers is not delivers


@pytest.mark.parametrize(
    "wrong", [{"every": 0}, {"times": 0}, {"skip": -1}, {"delay_ms": -1}, {"status": 99}, {"to": "x"}, {"do": "x"}]
)
def test_a_rule_that_could_never_act_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"do": "hang"} | wrong, Rule)


@pytest.mark.parametrize("number", ["+55 11 98765-4321", "5511987654321", "5511987654321@s.whatsapp.net"])
def test_a_phone_is_known_by_its_digits(number: str) -> None:
    assert digits(number) == "5511987654321"

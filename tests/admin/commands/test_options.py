"""Words of the command line."""

import pytest

from admin.commands.options import by, pairs, parameters
from schemas.errors import Invalid


def test_times_are_given_with_their_unit() -> None:
    words = ["settle=3s", "window=1min", "bot_hold=500ms", "stale_ttl=4h", "dead_ttl=30d", "max_items=20"]
    assert parameters(words) == {
        "settle": 3_000,
        "window": 60_000,
        "bot_hold": 500,
        "stale_ttl": 14_400_000,
        "dead_ttl": 2_592_000_000,
        "max_items": 20,
    }


def test_default_takes_an_override_away() -> None:
    assert parameters(["settle=default"]) == {"settle": None}


@pytest.mark.parametrize("text", ["settle", "settle=", "settle=soon", "settle=-1", "=3s", "settle=3 weeks"])
def test_what_is_no_parameter_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parameters([text])
    assert refused.value.code == "RCD-405"


def test_a_setting_may_hold_an_equals_sign() -> None:
    assert pairs(["url=http://x/?a=b"], "setting") == {"url": "http://x/?a=b"}


def test_a_setting_that_is_given_twice_is_refused_for_one_of_both_would_be_lost() -> None:
    with pytest.raises(Invalid) as refused:
        pairs(["url=http://a", "url=http://b"], "setting")
    assert str(refused.value) == "RCD-405: setting 'url' is given twice"


def test_the_person_behind_sudo_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "ana")
    assert (by("why").who, by("why").via, by("why").why) == ("ana", "cli", "why")

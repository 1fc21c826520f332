"""Channels hold references, never secrets, and are not removed under a tenant."""

from typing import Any

import pytest
from sqlalchemy import Connection

from admin.registry import channels
from provider.api import ChannelSettings
from schemas.errors import Invalid
from tests.admin.registry.conftest import BY, SANDBOX

pytestmark = pytest.mark.stack


def test_adding_the_same_again_changes_nothing(connection: Connection) -> None:
    done = [channels.add(connection, BY, "phones", "sandbox", SANDBOX).is_nothing for _ in range(2)]
    assert done == [False, True]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"channel_id": "Phones"}, "RCD-405"),
        ({"provider": "pigeon"}, "RCD-306"),
        ({"settings": {}}, "RCD-306"),
        ({"settings": {"url": "nowhere"}}, "RCD-306"),
        ({"settings": {**SANDBOX, "token": "hunter2"}}, "RCD-602"),
        ({"settings": {**SANDBOX, "apiKey": "hunter2"}}, "RCD-602"),
        ({"session_number": "98765-4321"}, "RCD-401"),
    ],
)
def test_what_makes_no_channel_is_refused_and_no_secret_is_repeated(
    connection: Connection, words: dict[str, Any], code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        channels.add(
            connection, BY, **({"channel_id": "phones", "provider": "sandbox", "settings": SANDBOX} | words)
        )
    assert refused.value.code == code
    assert "hunter2" not in str(refused.value)
    assert channels.show(connection) == []


def test_an_id_that_is_taken_is_refused(connection: Connection) -> None:
    channels.add(connection, BY, "phones", "sandbox", SANDBOX)
    with pytest.raises(Invalid) as refused:
        channels.add(connection, BY, "phones", "sandbox", {"url": "http://127.0.0.1:1"})
    assert refused.value.code == "RCD-404"


def test_an_unknown_channel_is_refused(connection: Connection) -> None:
    with pytest.raises(Invalid) as refused:
        channels.change(connection, BY, "phones", settings=SANDBOX)
    assert refused.value.code == "RCD-403"


def test_given_settings_replace_their_namesakes_only(connection: Connection) -> None:
    channels.add(connection, BY, "phones", "sandbox", {**SANDBOX, "token": "env:A"})
    channels.change(connection, BY, "phones", settings={"token": "env:B"})
    assert channels.require(connection, "phones")["settings"] == {**SANDBOX, "token": "env:B"}


def test_secrets_are_resolved_for_the_provider_only(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHONES_TOKEN", "t0ken")
    channels.add(connection, BY, "phones", "sandbox", {**SANDBOX, "token": "env:PHONES_TOKEN"})
    kept = channels.require(connection, "phones")
    assert kept["settings"]["token"] == "env:PHONES_TOKEN"
    assert channels.resolved(kept) == ChannelSettings("phones", "sandbox", {**SANDBOX, "token": "t0ken"})


def test_a_test_teaches_the_sessions_number_when_none_was_given(connection: Connection) -> None:
    channels.add(connection, BY, "phones", "sandbox", SANDBOX)
    channels.mark_tested(connection, BY, "phones", "551130611234")
    channels.mark_tested(connection, BY, "phones", "551130619999")
    assert channels.require(connection, "phones")["session_number"] == "+551130611234"


def test_a_channel_goes_when_no_tenant_uses_it(world: Connection) -> None:
    with pytest.raises(Invalid) as refused:
        channels.discard(world, BY, "phones")
    assert (refused.value.code, refused.value.detail) == ("RCD-404", "channel phones is used by shop/1")
    channels.add(world, BY, "spare", "sandbox", SANDBOX)
    channels.discard(world, BY, "spare")
    assert [row["channel_id"] for row in channels.show(world)] == ["phones"]

import pytest

from provider import factory
from provider.api import ChannelSettings
from provider.sandbox_client import SandboxClient
from schemas.errors import Invalid
from schemas.secrets import names_a_secret


def test_a_known_provider_is_made_without_any_connection() -> None:
    made = factory.make(ChannelSettings("loja", "sandbox", {"url": "http://127.0.0.1:1/"}))
    assert isinstance(made, SandboxClient)


def test_an_unknown_provider_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Invalid) as refusal:
        factory.make(ChannelSettings("loja", "pombo", {}))
    known = ", ".join(sorted(factory.REGISTRY))
    assert str(refusal.value) == f"RCD-306: channel loja: no provider 'pombo'; known: {known}"


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:80",
        "ftp://a",
        "http://",
        "http://user:secret@a",
        "http://a?x=1",
        "http://a:99999",
        "http://a:0",
        "http://a/ b",
    ],
)
def test_a_url_that_cannot_work_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(Invalid) as refusal:
        factory.make(ChannelSettings("loja", "sandbox", {"url": url}))
    form = "'url' must be like http://127.0.0.1:8099, without user, password, ? and #"
    assert str(refusal.value) == f"RCD-306: channel loja: {form}"


def test_a_missing_setting_is_named_with_what_it_is() -> None:
    with pytest.raises(Invalid) as refusal:
        factory.make(ChannelSettings("loja", "sandbox", {"url": " "}))
    assert (
        str(refusal.value) == "RCD-306: channel loja: 'url' is missing: Address of the sandbox gateway (-s url=…)"
    )


def test_all_missing_settings_are_named_at_once_with_the_words_that_give_them() -> None:
    with pytest.raises(Invalid) as refusal:
        factory.make(ChannelSettings("loja", "whaticket-ticketz", {}))
    assert str(refusal.value) == (
        "RCD-306: channel loja: "
        "'url' is missing: Address of Whaticket's backend, for example https://api.desk.example (-s url=…); "
        "'token' is missing: The token that was given to the connection in its settings"
        " (-s token=env:NAME or file:/path)"
    )


def test_a_setting_that_the_provider_does_not_know_is_refused() -> None:
    with pytest.raises(Invalid) as refusal:
        factory.make(ChannelSettings("loja", "sandbox", {"url": "http://a", "urll": "http://b"}))
    said = "sandbox has no setting 'urll'; known: url, token (see recado channel providers sandbox)"
    assert str(refusal.value) == f"RCD-306: channel loja: {said}"


def test_every_secret_setting_is_one_that_only_references_are_accepted_for() -> None:
    for declared in factory.REGISTRY.values():
        for setting in declared.settings:
            assert setting.secret or not names_a_secret(setting.name), (declared.name, setting.name)


def test_every_setting_is_explained_in_both_languages() -> None:
    for declared in factory.REGISTRY.values():
        for setting in declared.settings:
            assert setting.en.endswith("."), (declared.name, setting.name)
            assert setting.pt.endswith("."), (declared.name, setting.name)

import pytest

from provider import factory
from provider.api import ChannelSettings
from provider.sandbox_client import SandboxClient
from schemas.errors import Invalid


def test_a_known_provider_is_made_without_any_connection() -> None:
    made = factory.make(ChannelSettings("loja", "sandbox", {"url": "http://127.0.0.1:1/"}))
    assert isinstance(made, SandboxClient)


def test_an_unknown_provider_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Invalid) as refusal:
        factory.make(ChannelSettings("loja", "pombo", {}))
    assert str(refusal.value) == "RCD-306: channel loja: no provider 'pombo'; known: sandbox"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:80",
        "ftp://a",
        "http://",
        "http://user:secret@a",
        "http://a?x=1",
        "http://a:99999",
        "http://a:0",
    ],
)
def test_a_url_that_cannot_work_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(Invalid) as refusal:
        factory.make(ChannelSettings("loja", "sandbox", {"url": url}))
    assert str(refusal.value) == "RCD-306: channel loja: 'url' must be like http://127.0.0.1:8099"

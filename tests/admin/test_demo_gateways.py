"""Which gateways the demonstration can send through; whether it does is seen on a stack, in `test_demo`."""

import pytest

from admin.demo.gateways import GATEWAYS, gateway
from provider import factory
from provider.api import ChannelSettings
from provider.sandbox.gateways import EMULATORS
from schemas.errors import Exit, Invalid
from tests.admin.command_line import Command


def test_an_unknown_gateway_is_refused_before_anything_starts(command: Command) -> None:
    done = command("demo", "--once", "--gateway", "whatsapp-web")
    assert done.code == Exit.CONFIGURATION
    assert "RCD-405" in done.err
    assert "no gateway 'whatsapp-web'; it has: apprise, evolution, meta, sandbox, ticketz" in done.err


def test_the_refusal_names_them_all() -> None:
    with pytest.raises(Invalid) as caught:
        gateway("")
    assert str(caught.value).endswith(f"it has: {', '.join(sorted(GATEWAYS))}")


@pytest.mark.parametrize("name", GATEWAYS)
def test_each_gateway_has_an_emulator_and_settings_that_its_provider_takes(name: str) -> None:
    found = gateway(name)
    values = {"url": "http://127.0.0.1:1", **found.settings, **found.secrets}
    factory.make(ChannelSettings("demo-phones", found.provider, values))
    assert found.emulator in EMULATORS
    assert found.page == "/"
    secrets = {each.name for each in factory.declaration(found.provider).accepts if each.secret}
    assert found.secrets.keys() <= secrets
    assert not found.settings.keys() & secrets

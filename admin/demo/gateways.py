"""Which gateways the demonstration can send through: a provider, its emulator, and made-up credentials."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from provider.sandbox.gateways import EMULATORS
from schemas.errors import Invalid


@dataclass(frozen=True, slots=True)
class DemoGateway:
    """A gateway of the demonstration.

    `provider` and `emulator` are names of the registries; `settings` are the channel's beside its address,
    `secrets` those that a channel takes by reference only.
    """

    provider: str
    emulator: str
    settings: Mapping[str, str]
    secrets: Mapping[str, str]

    @property
    def page(self) -> str:
        """Where the emulator shows the phones."""
        return "/" if EMULATORS[self.emulator].shows_phones_at_root else "/wall"


_TOKEN: Final = {"token": "demo"}

GATEWAYS: Final[dict[str, DemoGateway]] = {
    "sandbox": DemoGateway("sandbox", "sandbox", {}, {}),
    "apprise": DemoGateway("apprise", "apprise", {}, {"key": "demo"}),
    "evolution": DemoGateway("evolution", "evolution", {"instance": "demo"}, {"api_key": "demo"}),
    "meta": DemoGateway("meta", "meta", {"phone_number_id": "106540352242922"}, _TOKEN),
    "ticketz": DemoGateway("whaticket-ticketz", "whaticket-ticketz", {}, _TOKEN),
    "twilio": DemoGateway("twilio", "twilio", {"account_sid": "AC" + "1" * 32, "sender": "+14155238886"}, _TOKEN),
    "waha": DemoGateway("waha", "waha", {}, _TOKEN),
    "wppconnect": DemoGateway("wppconnect", "wppconnect", {"session": "demo"}, _TOKEN),
    "wuzapi": DemoGateway("wuzapi", "wuzapi", {}, _TOKEN),
    "zapi": DemoGateway("zapi", "zapi", {"instance": "demo"}, _TOKEN),
}
"""By the name that a person gives (`GATEWAY=` of `make demo`)."""


def gateway(name: str) -> DemoGateway:
    """Return a gateway of the demonstration.

    Raises:
        Invalid: RCD-405, there is none of this name.
    """
    found = GATEWAYS.get(name)
    if found is None:
        raise Invalid(
            "RCD-405", f"the demonstration has no gateway {name!r}; it has: {', '.join(sorted(GATEWAYS))}"
        )
    return found

"""All emulators by their names. A new one is one line here."""

from typing import Final

from provider.sandbox import whaticket
from provider.sandbox.apprise_api import AppriseServer
from provider.sandbox.emulator import Emulator
from provider.sandbox.evolution import Evolution
from provider.sandbox.gateway import Gateway
from provider.sandbox.graph import Graph
from provider.sandbox.twilio import TwilioApi
from provider.sandbox.waha import Waha
from provider.sandbox.wppconnect import WppConnectServer
from provider.sandbox.wuzapi import WuzApiServer
from provider.sandbox.zapi import ZApiHost

EMULATORS: Final[dict[str, type[Emulator]]] = {
    each.name: each
    for each in (
        Gateway,
        Graph,
        WppConnectServer,
        WuzApiServer,
        ZApiHost,
        Waha,
        *whaticket.FORKS,
        TwilioApi,
        Evolution,
        AppriseServer,
        # a new emulator's class goes here
    )
}

"""A test message through a channel, to an agent whose number is verified and to nobody else."""

import asyncio
import secrets
from dataclasses import dataclass

from admin.registry import agents, channels, tenants, words
from admin.registry.rows import By, Change
from provider.addresses import Allowed
from provider.api import Accepted, Address, Health, Rejected, Rendered, Result
from provider.factory import make
from provider.http import HttpClient
from schemas.database import transaction
from schemas.errors import Fatal, Recoverable
from schemas.reasons import Rejection

TIMEOUT_S = 10.0
TEXT = "{marker} Teste do canal {channel}: os avisos do Recado chegam por aqui."


@dataclass(frozen=True, slots=True)
class Tested:
    """What the provider said, and what was recorded."""

    health: Health
    provider_message_id: str
    change: Change


def send_test(url: str, by: By, channel_id: str, agent: str, allowed: Allowed) -> Tested:
    """Ask the channel for its health, send the test to the agent, and record that it works. Blocks for seconds.

    Raises:
        Invalid: RCD-403 no such channel or agent, RCD-602 a reference does not resolve, RCD-306 wrong settings.
        Fatal: RCD-402 the number is not verified; RCD-306 or RCD-401, the provider refuses.
        Recoverable: RCD-301, the session or its gateway is down.
    """
    who = words.agent_id(agent)
    with transaction(url) as connection:
        settings = channels.resolved(channels.require(connection, channel_id))
        number, address = agents.verified_number(connection, who)
        marker = tenants.require(connection, who.tenant)["marker"]
    to = Address(address, "manual") if address else Address(number)
    text = Rendered(TEXT.format(marker=marker, channel=channel_id), template_id="channel_test")

    async def ask() -> tuple[Health, Result | None]:
        http = HttpClient(allowed)
        provider = make(settings, http)
        try:
            health = await provider.health()
            if not health.ok:
                return health, None
            return health, await provider.send(text, to, f"test-{secrets.token_hex(12)}", TIMEOUT_S)
        finally:
            await http.close()

    health, result = asyncio.run(ask())
    if isinstance(result, Accepted):
        with transaction(url) as connection:
            change = channels.mark_tested(connection, by, channel_id, health.session_number)
        return Tested(health, result.provider_message_id, change)
    said = health.detail if result is None else result.code
    with transaction(url) as connection:
        channels.record_failed_test(connection, by, channel_id, said)
    raise _refusal(channel_id, result, said)


def _refusal(channel_id: str, result: Result | None, said: str) -> Fatal | Recoverable:
    detail = f"channel {channel_id}: {said}"
    if isinstance(result, Rejected):
        if result.kind in {Rejection.PERMANENT_CONFIG, Rejection.PERMANENT_PAYLOAD}:
            return Fatal("RCD-306", detail)
        if result.kind == Rejection.PERMANENT_RECIPIENT:
            return Fatal("RCD-401", f"{detail}: the provider does not know the number")
    return Recoverable("RCD-301", detail)

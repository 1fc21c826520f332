"""Trying a channel out: its health, and a test message to an agent whose number is verified and to nobody else."""

import asyncio
import secrets
from dataclasses import dataclass, replace
from typing import Final

from admin.registry import agents, channels, tenants, words
from admin.registry.rows import By, Change
from provider.addresses import Allowed
from provider.api import Accepted, Address, ChannelSettings, Health, Opening, Provider, Rejected, Rendered, Result
from provider.factory import declaration, make
from provider.http import HttpClient
from schemas.database import transaction
from schemas.errors import Fatal, Recoverable
from schemas.reasons import Rejection

TIMEOUT_S = 10.0
TEXT = "{marker} Teste do canal {channel}: os avisos do Recado chegam por aqui."

EXPLAINED: Final = {
    "connect": "nothing listens at its host and port",
    "dns": "the host name of its address is not known",
    "timeout": "it does not answer in time",
    "reset": "it breaks the connection",
    "tls": "its certificate is not accepted",
    "url": "its address cannot be used",
    "address_forbidden": "its address is in a private network that RECADO_GATEWAYS__NETWORKS does not allow",
    "redirect": "it redirects; give the address that it redirects to",
    "http_404": "its address leads to no such interface",
    "131021": "the agent's number is the channel's own",
    "131030": "the channel's number is one for tests, and the agent's is not on its list of recipients",
    "131031": "Meta has locked the business account",
    "131037": "the display name of the channel's number is not approved",
    "131042": "Meta asks for a payment method",
    "131045": "the channel's number is not registered",
    "132000": "the template has another number of placeholders than one",
    "132001": "the template does not exist in this language, or is not approved",
    "132015": "the template is paused for its quality",
    "132016": "the template is disabled for its quality",
    "133010": "the channel's number is not registered",
    "20003": "account or token are wrong",
    "21655": "the content does not exist",
    "131048": "Meta limits the number because people block or report it",
    "21211": "the number is no phone's",
    "ERR_INTERNAL_ERROR": "its session is down, or the number has no WhatsApp: ticketz says the same of both",
    "20005": "the account is not active",
    "ERR_SUBSCRIPTION_EXPIRED": "the company's subscription at Whaticket has ended",
    "no_connection": "Whaticket has no such connection ('connection'), or no default one",
    "no_instance": "there is no such instance",
    "not_configured": "the server has no services under this key",
    "no_service": "none of the key's services has the agent's number as tag",
    "number_doubtful": "it says that the number does not exist, but may have sent all the same",
    "no_template": "it needs a template to open a conversation, and none is set",
}
"""What short codes mean to the person who set the channel up."""

PROOFS: Final = ("webhook_secret", "webhook_token", "webhook_key", "app_secret", "hook_secret")
"""Settings by which a gateway's report is believed."""
CREDENTIALS: Final = frozenset({"0", "190", "20003", "unauthorised", "invalid_token", "http_401", "http_403"})
TEMPLATES: Final = frozenset({"132000", "132001", "132015", "132016", "21655", "63027", "63028", "no_template"})
_BY_CODE: Final = {
    "ERR_INTERNAL_ERROR": "RCD-301",
    "address_forbidden": "RCD-307",
    "url": "RCD-306",
    "tls": "RCD-306",
} | dict.fromkeys(("connect", "dns", "timeout", "reset", "protocol"), "RCD-310")
_TEMPORARY: Final = {"RCD-301", "RCD-303", "RCD-310", "RCD-311", "RCD-312"}
_BY_KIND: Final = {
    Rejection.SESSION_DOWN: "its session is down",
    Rejection.TRANSIENT: "it reports a disturbance of its own",
    Rejection.THROTTLE_PAIR: "it asks for a slower pace to this number",
    Rejection.THROTTLE_SENDER: "it asks for a slower pace",
    Rejection.THROTTLE_APP: "it asks for a slower pace",
    Rejection.RESTRICTED: "WhatsApp restricts its number",
    Rejection.PERMANENT_RECIPIENT: "the agent's number has no WhatsApp; see recado user set --number",
    Rejection.PERMANENT_PAYLOAD: "it does not take the message or the form of the number",
}


@dataclass(frozen=True, slots=True)
class Tested:
    """What the provider said, and what was recorded."""

    health: Health
    provider_message_id: str
    change: Change


def check(url: str, channel_id: str, allowed: Allowed) -> Health:
    """Ask the channel whether it can send, without sending. Blocks for seconds.

    Raises:
        Invalid: RCD-403 no such channel, RCD-602 a reference does not resolve, RCD-306 wrong settings.
        Fatal: RCD-302, 304, 306 or 307: a person has to change something.
        Recoverable: RCD-301 the session is down, RCD-310 its gateway cannot be reached.
    """
    with transaction(url) as connection:
        settings = channels.resolved(channels.require(connection, channel_id))
    health, _ = asyncio.run(_try(settings, allowed, None))
    if not health.ok:
        raise refusal(channel_id, health)
    return health


def send_test(url: str, by: By, channel_id: str, agent: str, allowed: Allowed) -> Tested:
    """Ask the channel for its health, send the test to the agent, and record that it works. Blocks for seconds.

    Raises:
        Invalid: as `check`, and RCD-403 no such agent.
        Fatal: as `check`; RCD-402 the agent's number is not verified; RCD-401 the provider does not know it.
        Recoverable: RCD-301, 303 or 310, the session, its number or its gateway cannot send now.
    """
    who = words.agent_id(agent)
    with transaction(url) as connection:
        settings = channels.resolved(channels.require(connection, channel_id))
        number, address = agents.verified_number(connection, who)
        marker = tenants.require(connection, who.tenant)["marker"]
    to = Address(address, "manual") if address else Address(number)
    text = Rendered(TEXT.format(marker=marker, channel=channel_id), template_id="channel_test")
    health, result = asyncio.run(_try(settings, allowed, (text, to)))
    if isinstance(result, Accepted):
        with transaction(url) as connection:
            change = channels.mark_tested(connection, by, channel_id, health.session_number)
        return Tested(health, result.provider_message_id, change)
    with transaction(url) as connection:
        channels.record_failed_test(connection, by, channel_id, result.code if result else health.detail)
    raise refusal(channel_id, health if result is None else result)


async def _try(
    settings: ChannelSettings, allowed: Allowed, message: tuple[Rendered, Address] | None
) -> tuple[Health, Result | None]:
    http = HttpClient(allowed)
    try:
        provider = make(settings, http)
        health = _with_receipts(settings, provider, await provider.health())
        if not health.ok or message is None:
            return health, None
        text, to = message
        result = await provider.send(text, to, f"test-{secrets.token_hex(12)}", TIMEOUT_S)
        if isinstance(result, Rejected) and result.kind == Rejection.WINDOW_CLOSED:
            # As a notice would: refused outside the 24-hour window, it goes out as the channel's template.
            opened = replace(text, opening=Opening("", parameters=(text.body,)))
            result = await provider.send(opened, to, f"test-{secrets.token_hex(12)}", TIMEOUT_S)
        return health, result
    finally:
        await http.close()


def _with_receipts(settings: ChannelSettings, provider: Provider, health: Health) -> Health:
    """Add the warning that a gateway which could report will not be believed as the channel is set."""
    declared = declaration(settings.provider)
    believed = provider.abilities.receipts and (declared.signs or bool(settings.values.get("hook_secret")))
    if not declared.abilities.receipts or believed or any("receipts" in each for each in health.warnings):
        return health
    named = ", ".join(each.name for each in declared.accepts if each.name in PROOFS)
    warning = f"without one of these settings no receipts are read: {named} (docs/receipts.md)"
    return replace(health, warnings=(*health.warnings, warning))


def refusal(channel_id: str, said: Health | Result) -> Fatal | Recoverable:
    """Return the error that tells a person what to mend; a gateway's own words are not repeated."""
    if isinstance(said, Health):
        code, detail = said.code or "RCD-301", said.detail
    elif isinstance(said, Rejected):
        code, detail = _code(said), _why(said)
    else:
        short = getattr(said, "code", "")
        code = "RCD-312"
        detail = EXPLAINED.get(short, "its answer does not tell") + f" ({short})"
    detail = f"channel {channel_id}: {detail}"
    return Recoverable(code, detail) if code in _TEMPORARY else Fatal(code, detail)


def _why(said: Rejected) -> str:
    otherwise = "it refuses the credentials" if _code(said) == "RCD-302" else "it refuses"
    return f"{EXPLAINED.get(said.code) or _BY_KIND.get(said.kind, otherwise)} ({said.code})"


def _code(said: Rejected) -> str:
    if said.code in _BY_CODE:
        return _BY_CODE[said.code]
    match said.kind:
        case Rejection.PERMANENT_CONFIG if said.code in CREDENTIALS:
            return "RCD-302"
        case Rejection.PERMANENT_CONFIG if said.code not in EXPLAINED and said.http in (401, 403):
            return "RCD-302"
        case Rejection.PERMANENT_CONFIG if said.code in TEMPLATES:
            return "RCD-304"
        case Rejection.WINDOW_CLOSED:
            return "RCD-304"
        case Rejection.PERMANENT_CONFIG | Rejection.PERMANENT_PAYLOAD:
            return "RCD-306"
        case Rejection.PERMANENT_RECIPIENT:
            return "RCD-401"
        case Rejection.RESTRICTED:
            return "RCD-303"
        case Rejection.SESSION_DOWN:
            return "RCD-301"
        case _:
            return "RCD-311"

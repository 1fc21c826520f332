"""Which provider is proved against which emulator. A new provider is one line here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from provider.sandbox.faults import Preset
from schemas.reasons import Rejection

SESSION = "loja"
"""The channel's id, and the name of the gateway's session, instance or number where it has one."""

EXPECTED: Mapping[Preset, Rejection | str] = {
    Preset.SESSION_DOWN: Rejection.SESSION_DOWN,
    Preset.SESSION_NEVER_STARTED: Rejection.SESSION_DOWN,
    Preset.NO_WHATSAPP: Rejection.PERMANENT_RECIPIENT,
    Preset.TOKEN_EXPIRED: Rejection.PERMANENT_CONFIG,
    Preset.TEMPLATE_MISSING: Rejection.PERMANENT_CONFIG,
    Preset.WINDOW_CLOSED: Rejection.WINDOW_CLOSED,
    Preset.PAIR_LIMIT: Rejection.THROTTLE_PAIR,
    Preset.RATE_LIMITED: Rejection.THROTTLE_SENDER,
    Preset.ACCOUNT_BLOCKED: Rejection.PERMANENT_CONFIG,
    Preset.SENDER_RESTRICTED: Rejection.THROTTLE_SENDER,
    Preset.PAYLOAD_REFUSED: Rejection.PERMANENT_PAYLOAD,
    Preset.SERVICE_DOWN: Rejection.TRANSIENT,
    Preset.ERROR_IN_SUCCESS: Rejection.WINDOW_CLOSED,
    Preset.EMPTY_ERROR: Rejection.SESSION_DOWN,
    Preset.SENT_DESPITE_ERROR: "unknown",
    Preset.NEVER_DELIVERED: "accepted",
    Preset.FAILS_LATER: "accepted",
    Preset.QUEUED_NOT_SENT: "accepted",
    Preset.BURST_AFTER_RECONNECT: "accepted",
}
"""What every provider makes of a situation, unless its pair says that its gateway cannot be understood so well."""


@dataclass(frozen=True)
class Pair:
    """A provider with its emulator.

    `settings` beside the address (which goes into the setting `url`); `expected` replaces rows of `EXPECTED`, for
    gateways whose answer does not tell more. `wants` is how the emulator's ledger writes the number +5511987654321,
    `session` what it calls the channel. `blind`: its health cannot tell whether the session is connected.
    """

    provider: str
    gateway: str
    settings: Mapping[str, str] = field(default_factory=dict)
    expected: Mapping[Preset, Rejection | str] = field(default_factory=dict)
    wants: str = "5511987654321"
    session: str = SESSION
    blind: bool = False

    def __str__(self) -> str:
        return self.provider if self.provider == self.gateway else f"{self.provider}-{self.gateway}"


WHATICKET = {"token": SESSION, "accept_agent_tickets": "yes"}

PAIRS = (
    Pair("sandbox", "sandbox", wants="+5511987654321"),
    Pair(
        "meta",
        "meta",
        {"phone_number_id": "106540352242922", "token": "t0ken"},
        {Preset.EMPTY_ERROR: "unknown"},
        session="106540352242922",
    ),
    Pair(
        "wppconnect",
        "wppconnect",
        {"session": SESSION, "token": "t0ken"},
        {Preset.NO_WHATSAPP: "unknown"},  # by its answer alone; the number itself is looked up again
    ),
    Pair("wuzapi", "wuzapi", {"token": "t0ken"}, {Preset.SENDER_RESTRICTED: Rejection.RESTRICTED}),
    Pair("zapi", "zapi", {"instance": SESSION, "token": "t0ken", "client_token": "acc0unt"}),
    Pair(
        "waha",
        "waha",
        # Its own tests look numbers up; here what is lost must be lost by the message, not by the question before.
        {"session": SESSION, "token": "t0ken", "check": "no"},
        {Preset.SERVICE_DOWN: Rejection.SESSION_DOWN, Preset.SENDER_RESTRICTED: Rejection.RESTRICTED},
        wants="5511987654321@c.us",
    ),
    Pair(
        "whaticket-ticketz",
        "whaticket-ticketz",
        {"token": SESSION},
        {Preset.SESSION_DOWN: Rejection.TRANSIENT, Preset.NO_WHATSAPP: Rejection.TRANSIENT},  # one answer for both
        blind=True,
    ),
    Pair("whaticket-canove", "whaticket-canove", WHATICKET, blind=True),
    Pair("whaticket-flavio", "whaticket-flavio", WHATICKET, blind=True),
    Pair("whaticket-maurilio", "whaticket-maurilio", WHATICKET, blind=True),
    Pair("whaticket-izing", "whaticket-izing", WHATICKET | {"api_id": "7a5d"}, blind=True),
    Pair(
        "whaticket-press",
        "whaticket-press",
        WHATICKET | {"user_id": "3"},
        {Preset.RATE_LIMITED: Rejection.THROTTLE_APP},
        blind=True,
    ),
    Pair(
        "twilio",
        "twilio",
        {"account_sid": "AC" + "1" * 32, "token": "t0ken", "sender": "+14155238886"},
        # WhatsApp's own refusals come by callback; what Twilio limits is the account.
        {
            Preset.NO_WHATSAPP: "accepted",
            Preset.WINDOW_CLOSED: "accepted",
            Preset.RATE_LIMITED: Rejection.THROTTLE_APP,
        },
        wants="whatsapp:+5511987654321",
        session="AC" + "1" * 32,
    ),
    Pair(
        "evolution",
        "evolution",
        {"instance": SESSION, "api_key": "k3y"},
        {Preset.SENDER_RESTRICTED: Rejection.RESTRICTED},
    ),
    Pair(
        "apprise",
        "apprise",
        {"key": SESSION},
        # What lies behind the server is hidden by one word for all; what it has stored is a person's work.
        {Preset.SESSION_DOWN: "unknown", Preset.SESSION_NEVER_STARTED: Rejection.PERMANENT_CONFIG},
        blind=True,
    ),
    # a new provider's pair goes here
)

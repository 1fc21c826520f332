"""What `recado channel test` says of a refusal: the code's advice must be what mends it."""

import pytest

from admin.channel_trial import refusal
from admin.commands.channel import shown_id
from provider.api import Health, Rejected, Unknown
from provider.endpoint import unreachable
from provider.http import NotSent
from schemas.reasons import Rejection

SAID = [
    (Rejected(Rejection.SESSION_DOWN, "session_down"), "RCD-301: channel c: its session is down (session_down)"),
    (
        Rejected(Rejection.PERMANENT_CONFIG, "131031", 403),
        "RCD-306: channel c: Meta has locked the business account (131031)",
    ),
    (Rejected(Rejection.PERMANENT_CONFIG, "x", 401), "RCD-302: channel c: it refuses the credentials (x)"),
    (
        Rejected(Rejection.PERMANENT_RECIPIENT, "no_whatsapp"),
        "RCD-401: channel c: the agent's number has no WhatsApp; see recado user set --number (no_whatsapp)",
    ),
    (
        Rejected(Rejection.PERMANENT_PAYLOAD, "bad_number"),
        "RCD-306: channel c: it does not take the message or the form of the number (bad_number)",
    ),
    (Rejected(Rejection.THROTTLE_SENDER, "429"), "RCD-311: channel c: it asks for a slower pace (429)"),
    (
        Rejected(Rejection.TRANSIENT, "http_503"),
        "RCD-311: channel c: it reports a disturbance of its own (http_503)",
    ),
    (
        Rejected(Rejection.TRANSIENT, "connect"),
        "RCD-310: channel c: nothing listens at its host and port (connect)",
    ),
    (
        Rejected(Rejection.TRANSIENT, "ERR_INTERNAL_ERROR", 500),
        "RCD-301: channel c: its session is down, or the number has no WhatsApp: ticketz says the same of both"
        " (ERR_INTERNAL_ERROR)",
    ),
    (Rejected(Rejection.RESTRICTED, "463"), "RCD-303: channel c: WhatsApp restricts its number (463)"),
    (Unknown("timeout"), "RCD-312: channel c: it does not answer in time (timeout)"),
    (Unknown("failed", 200), "RCD-312: channel c: its answer does not tell (failed)"),
    (Health(ok=False, detail="the instance is close"), "RCD-301: channel c: the instance is close"),
    (
        unreachable(NotSent("dns")),
        "RCD-310: channel c: the gateway cannot be reached (dns): the host name in its address is not known",
    ),
]


@pytest.mark.parametrize(("said", "text"), SAID)
def test_a_refusal_has_the_code_whose_advice_mends_it(said: Health | Rejected | Unknown, text: str) -> None:
    assert str(refusal("c", said)) == text


def test_a_messages_id_is_shown_without_the_agents_number() -> None:
    assert [
        shown_id("true_5511987654321@c.us_3EB0"),
        shown_id("wamid.FQIANTUxMTk4NzY1NDMyMQAx"),
        shown_id("3EB0C05E439785559636"),
    ] == ["true_…4321@c.us_3EB0", "wamid.…NDMyMQAx", "3EB0C05E439785559636"]

"""What WAHA's answers mean. Its 500 repeats the request, and with it the text: nothing of an answer is ever logged.

A call first waits up to 5 s for the session to work; when it does not, the answer is 422 and nothing was sent.
"""

from typing import Final

import msgspec

from provider.answers import UNKNOWN, ErrorTable, Row, Said, decode, example
from provider.api import Accepted
from provider.http import Answer
from schemas.reasons import Rejection

HOUR_MS: Final = 60 * 60 * 1000


class _Exception(msgspec.Struct):
    message: str = ""


class _Refusal(msgspec.Struct):
    """An answer that is not a success, in any of its forms."""

    error: str = ""
    message: str | list[str] = ""
    status: str = ""
    exception: _Exception | None = None


class _Key(msgspec.Struct):
    id: str


class _Serialized(msgspec.Struct):
    serialized: str = msgspec.field(name="_serialized")


class _Sent(msgspec.Struct):
    """A message as the engines describe it: NOWEB by `key.id`, WEBJS by `id._serialized`, GOWS by `id`."""

    id: str | _Serialized | None = None
    key: _Key | None = None


def bare_id(serialized: str) -> str:
    """Return WhatsApp's own id of `true_5511987654321@c.us_3EB0…`: webhooks wrap it, some answers do not."""
    parts = serialized.split("_")
    return parts[2] if len(parts) > 2 and parts[0] in ("true", "false") else serialized


def _accepted(answer: Answer) -> Accepted | None:
    sent = decode(answer.body, _Sent)
    if sent is None:
        return None
    found = sent.key.id if sent.key else sent.id.serialized if isinstance(sent.id, _Serialized) else sent.id
    return Accepted(bare_id(found), answer.status) if found else None


def _read(answer: Answer) -> Said | None:
    refusal = decode(answer.body, _Refusal)
    if refusal is None:
        return None
    said = refusal.message if isinstance(refusal.message, str) else "; ".join(refusal.message)
    words = refusal.exception.message if refusal.exception else f"{refusal.error} {said}".strip()
    return Said(f"session_{refusal.status.casefold()}" if refusal.status else "", words) if words else None


def _down(status: str) -> Answer:
    return example(
        422,
        {
            "error": "Session status is not as expected. Try again later or restart the session",
            "session": "default",
            "status": status,
            "expected": ["WORKING"],
        },
    )


def _http(status: int, message: str, error: str) -> Answer:
    return example(status, {"statusCode": status, "message": message, "error": error})


def _failed(message: str) -> Answer:
    body = {"statusCode": 500, "timestamp": "2026-11-22T12:00:00.000Z", "exception": {"message": message}}
    return example(500, body | {"request": {"path": "/api/sendText", "body": {"text": "…"}}, "version": {}})


_NOT_SENT: Final = r"connection (closed|terminated|failure|lost)|not connected|client is nil|session closed"

ROWS: Final = (
    Row(
        Rejection.SESSION_DOWN,
        statuses=(422,),
        text="session status is not as expected",
        examples=tuple(map(_down, ("STARTING", "SCAN_QR_CODE", "STOPPED", "FAILED"))),
    ),
    Row(
        Rejection.PERMANENT_CONFIG,
        "sender",
        "no_session",
        statuses=(404, 422),
        text=r"session",
        examples=(
            _http(404, "We didn't find a session with name 'loja'. Please start it first", "Not Found"),
            _http(422, "WAHA Core support only 'default' session", "Unprocessable Entity"),
            _http(422, "Session 'loja' does not exist", "Unprocessable Entity"),
        ),
    ),
    Row(
        Rejection.PERMANENT_CONFIG, "account", statuses=(401, 403),
        examples=(_http(401, "Unauthorized", "Unauthorized"), _http(403, "Forbidden resource", "Forbidden")),
    ),
    # WhatsApp refuses first contacts of a number that it distrusts.
    Row(
        Rejection.RESTRICTED, "sender", "463", statuses=(500,), text=r"\b463\b|account_restricted",
        wait_ms=HOUR_MS,
        examples=(_failed("server returned error 463"), _failed("account_restricted")),
    ),
    # GOWS can refuse everything in a session that says WORKING, until it is restarted.
    Row(
        Rejection.SESSION_DOWN, "sender", "server_error", statuses=(500,), text=r"server returned error \d+",
        examples=(_failed("rpc error: code = Unknown desc = server returned error 400"),),
    ),
    Row(
        Rejection.SESSION_DOWN, "sender", "connection_closed", statuses=(500,), text=_NOT_SENT,
        examples=(_failed("Connection Closed"), _failed("websocket not connected"), _failed("Session closed.")),
    ),
    # The engine could not resolve the number, which comes before sending; it says nothing about the number.
    Row(
        Rejection.TRANSIENT, "recipient", "no_lid", statuses=(500,), text=r"no lid",
        examples=(_failed("No LID for user"),),
    ),
    Row(
        Rejection.PERMANENT_RECIPIENT, "recipient", "no_whatsapp", statuses=(500,),
        text=r"not (registered|on whatsapp)|invalid wid",
        examples=(_failed("The number is not registered on WhatsApp"), _failed("invalid wid")),
    ),
    Row(
        UNKNOWN, code="gateway_error", statuses=(500, 502, 503, 504),
        examples=(_failed("Timed Out"), _http(503, "busy", "Service Unavailable")),
    ),
    Row(
        Rejection.PERMANENT_PAYLOAD, "recipient", statuses=(400, 413),
        examples=(
            example(400, {"statusCode": 400, "message": ["text must be a string"], "error": "Bad Request"}),
            _http(413, "request entity too large", "Payload Too Large"),
        ),
    ),
)  # fmt: skip

ERRORS: Final = ErrorTable("waha", _accepted, _read, ROWS)

"""What Twilio's error codes mean. One table for answers and for callbacks: most come only by callback.

Source: twilio.com/docs/api/errors. A message that was created with an `error_code` was not sent.
"""

from typing import Final

import msgspec

from provider.answers import UNKNOWN, ErrorTable, Kind, Row, Said, decode, example
from provider.api import Accepted, Scope
from provider.http import Answer
from schemas.reasons import Rejection

HOUR_MS: Final = 60 * 60 * 1000
FAILED: Final = frozenset({"failed", "undelivered", "canceled"})


class _Sent(msgspec.Struct):
    sid: str
    status: str = ""
    error_code: int | None = None


class _Refusal(msgspec.Struct):
    code: int


def _accepted(answer: Answer) -> Accepted | None:
    sent = decode(answer.body, _Sent)
    if sent is None or not sent.sid or sent.error_code is not None or sent.status in FAILED:
        return None
    return Accepted(sent.sid, answer.status, sent.status)


def _read(answer: Answer) -> Said | None:
    refusal = decode(answer.body, _Refusal)
    if refusal is not None:
        return Said(str(refusal.code))
    sent = decode(answer.body, _Sent)
    failed = sent is not None and (sent.error_code is not None or sent.status in FAILED)
    return Said(str(sent.error_code or "")) if sent is not None and failed else None


def refusal(code: int, status: int, message: str = "scripted") -> dict[str, object]:
    """Return a refusal in Twilio's form."""
    link = f"https://www.twilio.com/docs/errors/{code}"
    return {"code": code, "message": message, "more_info": link, "status": status}


def _row(kind: Kind, scope: Scope, *codes: tuple[int, int], wait_ms: int | None = None) -> Row:
    """Return a row for codes, each with the HTTP status that it comes with; 201: it comes after creation."""
    examples = tuple(
        example(201, {"sid": "SM1", "status": "failed", "error_code": code})
        if status == 201
        else example(status, refusal(code, status))
        for code, status in codes
    )
    return Row(kind, scope, codes=tuple(str(code) for code, _ in codes), wait_ms=wait_ms, examples=examples)


_CONFIG: Final = Rejection.PERMANENT_CONFIG
_PAYLOAD: Final = Rejection.PERMANENT_PAYLOAD
_RECIPIENT: Final = Rejection.PERMANENT_RECIPIENT

ROWS: Final = (
    _row(_CONFIG, "account", (20003, 401), (20005, 403), (20008, 403), (20404, 404)),  # credentials, account
    _row(_CONFIG, "account", (30002, 201), (63112, 201)),  # suspended by Twilio, by Meta
    _row(_CONFIG, "sender", (21212, 400), (21603, 400), (21606, 400), (21910, 400)),  # From
    _row(_CONFIG, "sender", (63001, 201), (63002, 201), (63007, 400), (63020, 201), (63022, 201)),  # the sender
    _row(_CONFIG, "sender", (21609, 400)),  # StatusCallback is no address
    _row(_CONFIG, "sender", (21655, 400), (63027, 201), (63028, 201)),  # content: missing, its parameters
    _row(_CONFIG, "sender", (63040, 201), (63041, 201), (63042, 201)),  # template rejected, paused, disabled
    _row(_CONFIG, "account", (21408, 400)),  # not enabled for the region
    _row(Rejection.THROTTLE_APP, "account", (20429, 429), (14107, 400)),
    _row(Rejection.THROTTLE_APP, "account", (63038, 201), wait_ms=HOUR_MS),  # the account's limit of a day
    _row(Rejection.THROTTLE_SENDER, "sender", (21611, 400), (63018, 201), (63119, 201)),  # the sender's queue, rate
    _row(Rejection.WINDOW_CLOSED, "recipient", (63016, 201)),
    _row(_RECIPIENT, "recipient", (21211, 400), (21217, 400), (21610, 400), (21612, 400), (21614, 400)),
    _row(_RECIPIENT, "recipient", (63003, 201), (63014, 201), (63024, 201), (63033, 201)),  # none, blocked us
    # One agent's number, which must not stop the channel for others: has not joined a sandbox; the sender itself.
    # These come by callback, which has no scope: a fault of configuration would be the channel's.
    _row(_RECIPIENT, "recipient", (63015, 201), (63031, 201)),
    _row(_PAYLOAD, "recipient", (21602, 400), (21617, 400), (21619, 400), (21656, 400)),
    _row(_PAYLOAD, "recipient", (63005, 201), (63013, 201), (63021, 201), (63030, 201)),
    _row(_PAYLOAD, "recipient", (63032, 201), (63049, 201)),  # WhatsApp's experiment, its marketing cap
    _row(Rejection.TRANSIENT, "gateway", (20503, 503), (30001, 201), (63010, 201), (63012, 201)),
    _row(Rejection.TRANSIENT, "recipient", (63029, 201)),  # the phone could not fetch the template
    _row(Rejection.TRANSIENT, "sender", (30036, 201)),  # its validity ended in Twilio's queue, unsent
    _row(UNKNOWN, "gateway", (20500, 500)),
    Row(
        Rejection.TRANSIENT, "gateway", "failed", statuses=(200, 201),
        examples=(example(201, {"sid": "SM1", "status": "failed", "error_code": None}),),
    ),
)  # fmt: skip

ERRORS: Final = ErrorTable("twilio", _accepted, _read, ROWS)


def kind_of(code: str) -> Rejection | None:
    """Return what a code of a callback means, None when it is not known."""
    said = Said(code)
    row = next((row for row in ROWS if row.codes and row.matches(0, said)), None)
    return None if row is None or row.kind == UNKNOWN else Rejection(row.kind)

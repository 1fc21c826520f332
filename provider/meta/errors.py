"""What Graph's error codes mean. One table for answers and for webhooks: the same codes come by both ways.

Source: Meta's error reference (business-messaging/whatsapp/support/error-codes). The code decides; HTTP status,
`title` and `message` do not (Meta changes them), except where a code is not in the table.
"""

from typing import Any, Final

import msgspec

from provider.answers import ErrorTable, Kind, Row, Said, decode, example, retry_after_ms
from provider.api import Accepted, Scope
from provider.http import Answer
from schemas.reasons import Rejection

TOO_LONG: Final = "132005"
HOUR_MS: Final = 60 * 60 * 1000
_USAGE: Final = "x-business-use-case-usage"
# Prefixes of `Said.text`: what Graph says beside the code and the words.
_SUBCODE: Final = "[subcode {}] "
_PASSING: Final = "[transient] "


class Details(msgspec.Struct):
    """`error_data` of an error."""

    details: str = ""


class GraphError(msgspec.Struct):
    """An error as Graph gives it in answers (`message`, `type`) and in webhooks (`title`, `href`)."""

    code: int
    message: str = ""
    error_data: Details | None = None
    error_subcode: int | None = None
    is_transient: bool = False

    def said(self, wait_ms: int | None = None) -> Said:
        """Return it as the table reads it."""
        marks = _SUBCODE.format(self.error_subcode) if self.error_subcode else ""
        marks += _PASSING if self.is_transient else ""
        details = self.error_data.details if self.error_data else ""
        return Said(str(self.code), f"{marks}{self.message} {details}", wait_ms)


class Refusal(msgspec.Struct):
    """The body of a refusal."""

    error: GraphError


class _Contact(msgspec.Struct):
    wa_id: str | None = None


class _Message(msgspec.Struct):
    id: str
    message_status: str = "accepted"


class _Sent(msgspec.Struct):
    messages: list[_Message]
    contacts: list[_Contact] = []


class _Usage(msgspec.Struct):
    estimated_time_to_regain_access: int = 0


def _accepted(answer: Answer) -> Accepted | None:
    sent = decode(answer.body, _Sent)
    if sent is None or not sent.messages or not sent.messages[0].id:
        return None
    first = sent.messages[0]
    address = sent.contacts[0].wa_id if sent.contacts else None
    return Accepted(first.id, answer.status, first.message_status, address)


def _read(answer: Answer) -> Said | None:
    refusal = decode(answer.body, Refusal)
    if refusal is None:
        return None
    wait_ms = None if retry_after_ms(answer.headers) is not None else regain_ms(answer)
    return refusal.error.said(wait_ms)


def regain_ms(answer: Answer) -> int | None:
    """Read from `X-Business-Use-Case-Usage` when the account may send again; None when it may now."""
    named = {name.casefold(): value for name, value in answer.headers.items()}
    usage = decode(named.get(_USAGE, "").encode(), dict[str, list[_Usage]]) or {}
    minutes = max((each.estimated_time_to_regain_access for uses in usage.values() for each in uses), default=0)
    return min(minutes, 24 * 60) * 60_000 if minutes > 0 else None


def _error(code: int, status: int, details: str = "", **more: Any) -> Answer:
    data = {"messaging_product": "whatsapp", "details": details} if details else None
    body = {"message": f"(#{code}) scripted", "type": "OAuthException", "code": code, "fbtrace_id": "A1"}
    headers = more.pop("headers", None)
    return example(status, {"error": body | ({"error_data": data} if data else {}) | more}, headers)


def _row(
    kind: Kind, scope: Scope, *codes: tuple[int, int], wait_ms: int | None = None, text: str = "", details: str = ""
) -> Row:
    """Return a row for codes, each with the HTTP status of Meta's table as its example."""
    examples = tuple(_error(code, status, details) for code, status in codes)
    return Row(
        kind, scope, codes=tuple(str(code) for code, _ in codes), text=text, wait_ms=wait_ms, examples=examples
    )


_CONFIG: Final = Rejection.PERMANENT_CONFIG
_PAYLOAD: Final = Rejection.PERMANENT_PAYLOAD
_RECIPIENT: Final = Rejection.PERMANENT_RECIPIENT

ROWS: Final = (
    # A parameter that is not one line: seen under codes that otherwise mean wrong counts.
    _row(
        _PAYLOAD, "recipient", (100, 400), (132000, 400), (132018, 400),
        text="new-line/tab",
        details="Param text cannot have new-line/tab characters or more than 4 consecutive spaces",
    ),
    # Codes that the table calls a bad parameter, but where it is the number's id: a person can mend that.
    Row(_CONFIG, "sender", codes=("100",), text=r"\[subcode 33\]", examples=(_error(100, 400, error_subcode=33),)),
    _row(_CONFIG, "sender", (33, 400)),
    _row(_CONFIG, "account", (0, 401), (190, 401)),  # cannot authenticate; the token has expired
    _row(_CONFIG, "account", (3, 500), (10, 403), (131005, 403)),  # permission missing
    Row(_CONFIG, "account", codes=tuple(map(str, range(200, 300))), examples=(_error(200, 403), _error(299, 403))),
    _row(_CONFIG, "account", (368, 403), (131031, 403)),  # blocked or locked for policy
    _row(_CONFIG, "account", (131042, 400), (131044, 400)),  # billing
    _row(_CONFIG, "sender", (131037, 400)),  # no approved display name
    # One agent's number, which must not stop the channel for others: not on a test number's list; the sender's own.
    _row(_CONFIG, "recipient", (131030, 400), (131021, 400)),
    _row(_CONFIG, "sender", (131045, 500), (133010, 400)),  # the sending number is not registered
    _row(_CONFIG, "sender", (132000, 400), (132001, 404), (132016, 400)),  # template: parameters, missing, disabled
    _row(_CONFIG, "sender", (132015, 400)),  # template paused for quality: hold, a person decides
    _row(Rejection.TRANSIENT, "gateway", (1, 400), (2, 503), (131000, 500), (131016, 500), (133004, 503)),
    _row(Rejection.TRANSIENT, "sender", (131057, 500)),  # the account is in maintenance, about a minute
    _row(Rejection.THROTTLE_APP, "account", (4, 400), (80007, 429)),
    _row(Rejection.THROTTLE_APP, "account", (131064, 400), wait_ms=HOUR_MS),  # limit cut after misclassification
    _row(Rejection.THROTTLE_SENDER, "sender", (130429, 429)),
    _row(Rejection.THROTTLE_SENDER, "sender", (131048, 400), wait_ms=HOUR_MS),  # spam limit: hours
    _row(Rejection.THROTTLE_PAIR, "recipient", (131056, 400)),
    _row(Rejection.WINDOW_CLOSED, "recipient", (131047, 400)),
    _row(_RECIPIENT, "recipient", (131026, 400), (130497, 403), (131050, 400)),
    # Not this message (an experiment, a marketing cap, an identity hash), which says nothing about the number.
    _row(_PAYLOAD, "recipient", (130472, 400), (131049, 400), (137000, 400), (131062, 400), (131063, 400)),
    _row(_PAYLOAD, "recipient", (100, 400), (131008, 400), (131009, 400), (131051, 400), (135000, 400)),
    _row(_PAYLOAD, "recipient", (132005, 400), (132007, 400), (132008, 400), (132012, 400), (132018, 400)),
    Row(
        Rejection.TRANSIENT, "gateway", text=r"\[transient\]",
        examples=(_error(999_999, 400, is_transient=True), _error(999_999, 500, is_transient=True)),
    ),
)  # fmt: skip

ERRORS: Final = ErrorTable("meta", _accepted, _read, ROWS)


def kind_of(error: GraphError) -> Rejection | None:
    """Return what an error in a webhook means, None when the code is not known."""
    said = error.said()
    row = next((row for row in ROWS if row.matches(0, said)), None)
    return Rejection(row.kind) if row else None

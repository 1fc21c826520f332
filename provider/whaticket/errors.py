"""What the answers of the forks' send interfaces mean.

Source: the forks' code and running backends. A fork that sends before it answers has told nothing when it fails in
a way that is not listed: unknown. One that only queues has not queued when it refuses: try again, nothing doubles.
"""

import re
from typing import Any, Final

import msgspec

from provider.answers import UNKNOWN, ErrorTable, Row, Said, decode, example
from provider.api import Accepted
from provider.http import Answer
from schemas.reasons import Rejection

_CONFIG: Final = Rejection.PERMANENT_CONFIG
_PAYLOAD: Final = Rejection.PERMANENT_PAYLOAD
_RECIPIENT: Final = Rejection.PERMANENT_RECIPIENT
_NAME: Final = re.compile(r"ERR_[A-Z_]{1,40}")


class _Refusal(msgspec.Struct):
    error: str


class _Queued(msgspec.Struct):
    mensagem: str = ""
    message: str = ""


class _Serialised(msgspec.Struct):
    serialized: str = msgspec.field(default="", name="_serialized")


class _Sent(msgspec.Struct):
    id: _Serialised | str | None = None


class _Press(msgspec.Struct):
    resp: _Sent


def _read(answer: Answer) -> Said | None:
    refusal = decode(answer.body, _Refusal)
    if refusal is None:
        return None
    named = _NAME.fullmatch(refusal.error)
    return Said(named[0] if named else "", refusal.error)


def _read_press(answer: Answer) -> Said | None:
    named = {name.casefold(): value.strip() for name, value in answer.headers.items()}
    reset = named.get("ratelimit-reset")
    if answer.status == 429 and reset is not None:  # its rate limiter answers with a sentence
        known = "retry-after" not in named and reset.isascii() and reset.isdecimal()
        return Said(retry_after_ms=min(int(reset[:6]), 24 * 3600) * 1000 if known else None)
    return _read(answer)


def _empty(answer: Answer) -> Accepted | None:
    """The body of a success is empty: it names no message."""
    return Accepted("", answer.status, "sent") if answer.status == 200 and not answer.body.strip() else None


def _queued(answer: Answer) -> Accepted | None:
    found = decode(answer.body, _Queued)
    said = found.mensagem or found.message if found else ""
    return Accepted("", answer.status, "queued" if "queue" in said else "sent") if said else None


def _press(answer: Answer) -> Accepted | None:
    found = decode(answer.body, _Press)
    if found is None:
        return None
    identity = found.resp.id
    named = identity.serialized if isinstance(identity, _Serialised) else identity
    return Accepted(named or "", answer.status, "sent")


def _refusal(status: int, error: str) -> Answer:
    return example(status, {"error": error})


def _row(kind: Any, scope: Any, *answers: tuple[int, str], text: str = "", code: str = "") -> Row:
    """Return a row for these statuses and words; without `text` the words are looked for as they are."""
    pattern = text or "^(" + "|".join(re.escape(error) for _, error in answers) + ")$"
    statuses = tuple(dict.fromkeys(status for status, _ in answers))
    examples = tuple(_refusal(status, error) for status, error in answers)
    return Row(kind, scope, code=code, statuses=statuses, text=pattern, examples=examples)


_CANOVE: Final = (
    _row(_CONFIG, "account", (401, "ERR_SESSION_EXPIRED")),
    _row(
        _CONFIG, "account", (403, "Invalid token. We'll try to assign a new one on next request"),
        text="^Invalid token", code="invalid_token",
    ),
    _row(
        _CONFIG, "sender", (400, "whatsapp #7 not found"), (400, "ERR_NO_DEF_WAPP_FOUND"),
        text=r"^(whatsapp #\d+ not found|ERR_NO_DEF_WAPP_FOUND)$", code="no_connection",
    ),
    _row(
        _PAYLOAD, "recipient", (400, "Invalid number format. Only numbers is allowed."),
        text="^Invalid number format", code="bad_number",
    ),
    _row(_RECIPIENT, "recipient", (400, "ERR_WAPP_INVALID_CONTACT")),
    _row(Rejection.SESSION_DOWN, "sender", (400, "ERR_WAPP_NOT_INITIALIZED"), (400, "ERR_WAPP_CHECK_CONTACT")),
    _row(UNKNOWN, "sender", (400, "ERR_SENDING_WAPP_MSG")),
    # It sends before it writes: what fails otherwise may have failed after the message was on its way.
    _row(UNKNOWN, "sender", (400, "ERR_OTHER"), text=".", code="refused"),
    _row(UNKNOWN, "sender", (500, "Internal server error"), text=".", code="internal"),
)  # fmt: skip

CANOVE: Final = ErrorTable("whaticket-canove", _empty, _read, _CANOVE, names_messages=False)
FLAVIO: Final = ErrorTable("whaticket-flavio", _empty, _read, _CANOVE, names_messages=False)

PRESS: Final = ErrorTable(
    "whaticket-press",
    _press,
    _read_press,
    (
        Row(
            Rejection.THROTTLE_APP, "account", code="rate_limit", statuses=(429,), wait_ms=60_000,
            examples=(
                example(429, b"Too many requests, please try again later.", {"RateLimit-Reset": "420"}),
                example(429, b"Too many requests.", {"Retry-After": "30", "RateLimit-Reset": "31"}),
            ),
        ),
        _row(_CONFIG, "account", (401, "ERR_API_TOKEN_REQUIRED"), (401, "ERR_INVALID_API_TOKEN")),
        _row(_CONFIG, "account", (403, "ERR_NO_PERMISSION")),
        _row(_CONFIG, "account", (404, "ERR_TOKEN_NOT_FOUND")),
        *_CANOVE,
    ),
    names_messages=False,
)  # fmt: skip

TICKETZ: Final = ErrorTable(
    "whaticket-ticketz",
    _queued,
    _read,
    (
        _row(_CONFIG, "account", (401, "Acesso não permitido"), text=".", code="invalid_token"),
        _row(_CONFIG, "account", (402, "ERR_SUBSCRIPTION_EXPIRED")),
        _row(_PAYLOAD, "recipient", (400, "ERR_SYNTAX")),
        _row(_CONFIG, "sender", (404, "ERR_WHATSAPP_NOT_FOUND")),
        # A session that is down and a number without WhatsApp cannot be told apart. Of a text it means "not
        # queued"; failures of many agents open the channel's breaker, those of one exhaust that one's attempts.
        _row(Rejection.TRANSIENT, "sender", (500, "ERR_INTERNAL_ERROR")),
    ),
    names_messages=False,
)

MAURILIO: Final = ErrorTable(
    "whaticket-maurilio",
    _queued,
    _read,
    (
        _row(_CONFIG, "account", (401, "Acesso não permitido"), text=".", code="invalid_token"),
        _row(_PAYLOAD, "recipient", (400, "O número é obrigatório"), text="obrigatóri", code="incomplete"),
        _row(
            _RECIPIENT, "recipient",
            (400, "ERR_WAPP_INVALID_CONTACT"), (400, "ERR_CHECK_NUMBER"), (400, "invalidNumber"),
            text="^(ERR_WAPP_INVALID_CONTACT|ERR_CHECK_NUMBER|invalidNumber)$", code="no_whatsapp",
        ),
        _row(Rejection.SESSION_DOWN, "sender", (400, "ERR_WAPP_NOT_INITIALIZED"), (400, "ERR_WAPP_CHECK_CONTACT")),
        _row(_CONFIG, "sender", (400, "ERR_NO_DEF_WAPP_FOUND"), (400, "ERR_WAPP_NOT_FOUND")),
        # It sends before it answers, and names a failure by whatever was thrown.
        _row(
            UNKNOWN, "sender",
            (400, "Não foi possível enviar a mensagem, tente novamente em alguns instantes"),
            (500, "ERR_INTERNAL_ERROR"),
            text=".", code="refused",
        ),
    ),
    names_messages=False,
)  # fmt: skip

IZING: Final = ErrorTable(
    "whaticket-izing",
    _queued,
    _read,
    (
        _row(
            _CONFIG, "account",
            (403, "Token was not provided."), (403, "Invalid token."), (403, "ERR_SESSION_NOT_AUTH_TOKEN"),
            text=".", code="invalid_token",
        ),
        _row(_PAYLOAD, "recipient", (400, "externalKey is a required field"), text=".", code="incomplete"),
    ),
    names_messages=False,
)  # fmt: skip

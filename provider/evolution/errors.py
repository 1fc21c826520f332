"""What Evolution's answers mean. Status codes lie here: 201 may carry Graph's refusal, 400 a closed connection.

Source: Evolution API 2.3.6, run and read (its code has no table of errors; texts of exceptions reach the caller).
"""

from dataclasses import replace
from typing import Any, Final

import msgspec

from provider.answers import UNKNOWN, ErrorTable, Row, Said, decode, example
from provider.api import Accepted
from provider.http import Answer
from provider.meta.errors import ROWS as GRAPH_ROWS
from provider.meta.errors import GraphError
from schemas.reasons import Rejection

NO_WHATSAPP: Final = "no_whatsapp"
# Prefixes of `Said.text`: whose words follow.
_GRAPH: Final = "[graph] "
_NOTHING: Final = "[nothing]"


class _Key(msgspec.Struct):
    id: str
    remote_jid: str | None = msgspec.field(default=None, name="remoteJid")


class _Sent(msgspec.Struct):
    key: _Key
    status: str = ""


def accepted(answer: Answer) -> Accepted | None:
    """Read a success: only `key.id` proves it."""
    sent = decode(answer.body, _Sent)
    if sent is None or not sent.key.id:
        return None
    return Accepted(sent.key.id, answer.status, sent.status, sent.key.remote_jid)


def read(answer: Answer) -> Said | None:
    """Read a refusal: Graph's own error, or Evolution's in one of its three forms."""
    graph = decode(answer.body, GraphError)
    if graph is not None:
        said = graph.said()
        return replace(said, text=_GRAPH + said.text)
    found = decode(answer.body, dict[str, Any])
    if found is None:
        return None
    if not found:
        return Said(text=_NOTHING)
    response = found.get("response")
    words = list(_words(response.get("message") if isinstance(response, dict) else found.get("message")))
    missing = any(isinstance(each, dict) and each.get("exists") is False for each in words)
    text = " ".join(each for each in words if isinstance(each, str))
    return Said(NO_WHATSAPP if missing else "", f"{found.get('error', '')}: {text}")


def _words(message: Any) -> Any:
    """Yield what is in a message: a text, an object, or lists of these in lists."""
    if isinstance(message, list):
        for each in message[:50]:
            yield from _words(each) if not isinstance(each, list) else _flat(each)
    elif message is not None:
        yield message


def _flat(messages: list[Any]) -> Any:
    yield from (each for each in messages[:50] if isinstance(each, str | dict))


def _says(status: int, message: Any, error: str = "Bad Request") -> Answer:
    return example(status, {"status": status, "error": error, "response": {"message": message}})


def _carried(row: Row) -> Row:
    """Return a row of Graph's table as it comes through Evolution: a 201 around the naked error."""
    naked = tuple(
        example(201, msgspec.json.decode(each.body)["error"]) for each in row.examples
    )  # Evolution passes Graph's `error` on without its envelope
    return replace(row, examples=naked)


ROWS: Final = (
    *map(_carried, GRAPH_ROWS),
    # A code that Graph's table does not have: Graph refused, so nothing was sent.
    Row(
        Rejection.TRANSIENT, "gateway", text=r"^\[graph\] ",
        examples=(example(201, {"message": "(#999) new", "type": "OAuthException", "code": 999}),),
    ),
    Row(
        Rejection.PERMANENT_CONFIG, "account", code="unauthorised", statuses=(401, 403),
        examples=(_says(401, "Unauthorized", "Unauthorized"), _says(403, ["Forbidden"], "Forbidden")),
    ),
    Row(
        Rejection.PERMANENT_CONFIG, "account", code="no_instance", statuses=(404,),
        examples=(_says(404, ['The "loja" instance does not exist'], "Not Found"),),
    ),
    Row(
        Rejection.PERMANENT_RECIPIENT, "recipient", codes=(NO_WHATSAPP,), statuses=(400,),
        examples=(_says(400, [{"jid": "5511987654321@s.whatsapp.net", "exists": False, "number": "1"}]),),
    ),
    Row(
        Rejection.RESTRICTED, "sender", code="463", text=r"\b463\b|account_restricted",
        examples=(_says(400, ["Error: 463"]), _says(500, "account_restricted", "Internal Server Error")),
    ),
    # The instance is not loaded, was never connected, or its socket has closed: permanent for nobody.
    Row(
        Rejection.SESSION_DOWN, "sender", code="session_down", statuses=(400, 500),
        text=r"Connection Closed|properties of undefined \(reading '(onWhatsApp|textMessage|sendMessage)'\)",
        examples=(
            _says(500, "Cannot read properties of undefined (reading 'onWhatsApp')", "Internal Server Error"),
            _says(500, "Cannot read properties of undefined (reading 'textMessage')", "Internal Server Error"),
            example(500, {"response": {"message": "Connection Closed"}}),
            _says(500, "Connection Closed", "Internal Server Error"),
            _says(400, ["Error: Connection Closed"]),
        ),
    ),
    Row(
        Rejection.SESSION_DOWN, "sender", code="session_down", statuses=(400,), text=r"^\[nothing\]$",
        examples=(example(400, {}),),
    ),
    Row(
        Rejection.PERMANENT_PAYLOAD, "recipient", code="payload", statuses=(400,),
        text=r"requires property|Invalid format|value in milliseconds|Text is required|^Internal Server Error:",
        examples=(
            _says(400, [['instance requires property "text"']]),
            _says(400, [["Invalid format"]]),
            _says(400, [["Enter a value in milliseconds"]]),
            _says(400, ["Text is required"]),
            example(400, {"status": 400, "error": "Bad Request", "message": [['instance requires property "x"']]}),
            _says(400, "Unexpected token", "Internal Server Error"),  # broken JSON, and so it is called
        ),
    ),
    # The Cloud API did not answer Evolution, or answered with something that is no JSON.
    Row(
        UNKNOWN, "gateway", code="cloud_unreachable", statuses=(400,), text=r"\(reading 'message'\)",
        examples=(_says(400, ["TypeError: Cannot read properties of undefined (reading 'message')"]),),
    ),
    # It sends before it writes to its database, and any exception of either reaches us in these two forms.
    Row(
        UNKNOWN, "gateway", code="failed", statuses=(400, 500),
        examples=(
            _says(400, ["Error: Timed Out"]),
            _says(500, "Invalid `this.prismaRepository.message.create()` invocation", "Internal Server Error"),
        ),
    ),
)  # fmt: skip

ERRORS: Final = ErrorTable("evolution", accepted, read, ROWS)

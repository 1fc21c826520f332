"""What answers have in common: reading them without trust, and tables that say what each refusal means.

An adapter brings three things: how its gateway says "taken" (`accepted`), how it says "no" (`read`), and the rows
of its error table. Every row carries real answers as examples, and a test walks all of them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, Literal, TypeVar

import msgspec

from provider.api import Accepted, Rejected, Result, Scope, Unknown
from provider.http import Answer
from schemas.reasons import Rejection

T = TypeVar("T")
MAX_RETRY_AFTER_S: Final = 24 * 60 * 60
UNKNOWN: Final = "unknown"
Kind = Rejection | Literal["unknown"]


@dataclass(frozen=True, slots=True)
class Said:
    """What a gateway said when it did not simply take a message.

    `code` is the gateway's own error code, `text` its words (never logged, never part of an outcome: some gateways
    repeat the message in them), `retry_after_ms` only where it is not in the header `Retry-After`.
    """

    code: str = ""
    text: str = ""
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an error table: which answers, and what they mean.

    An answer matches when its status is one of `statuses`, the gateway's own code one of `codes`, and `text` (a
    pattern, any case) is found in its words; what is empty matches all.

    Args:
        kind: the meaning; `UNKNOWN` where a refusal does not exclude that the message was sent.
        scope: whose breaker or limiter reacts.
        code: the short name in outcomes; empty takes the gateway's own code, else `http_<status>`.
        statuses: HTTP statuses.
        codes: the gateway's own codes.
        text: a regular expression.
        wait_ms: how long to wait where the gateway does not say.
        examples: answers as the gateway gives them; the first row that matches each must be this one.
    """

    kind: Kind
    scope: Scope = "sender"
    code: str = ""
    statuses: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()
    text: str = ""
    wait_ms: int | None = None
    examples: tuple[Answer, ...] = ()

    def matches(self, status: int, said: Said) -> bool:
        """Tell whether this row speaks of an answer."""
        return (
            (not self.statuses or status in self.statuses)
            and (not self.codes or said.code in self.codes)
            and (not self.text or re.search(self.text, said.text, re.IGNORECASE) is not None)
        )

    def result(self, answer: Answer, said: Said) -> Rejected | Unknown:
        """Return the meaning of an answer that matches."""
        code = self.code or said.code or f"http_{answer.status}"
        if self.kind == UNKNOWN:
            return Unknown(code, answer.status)
        wait_ms = said.retry_after_ms if said.retry_after_ms is not None else retry_after_ms(answer.headers)
        return Rejected(
            Rejection(self.kind), code, answer.status, self.wait_ms if wait_ms is None else wait_ms, self.scope
        )


# What a status means when no row of the gateway's own table says more. A server error of the gateway's own making
# is "try again"; one that is not its own (a proxy's page) leaves open whether the gateway has taken the message.
BY_STATUS: Final = (
    Row(Rejection.PERMANENT_CONFIG, "account", statuses=(401, 402, 403)),
    Row(Rejection.PERMANENT_CONFIG, "gateway", statuses=(404, 405, 415, 501)),
    Row(Rejection.TRANSIENT, "gateway", statuses=(408, 425)),
    Row(Rejection.SESSION_DOWN, "sender", statuses=(409,)),
    Row(Rejection.PERMANENT_RECIPIENT, "recipient", statuses=(410,)),
    Row(Rejection.PERMANENT_PAYLOAD, "recipient", statuses=(400, 413, 414, 422)),
    Row(Rejection.THROTTLE_SENDER, "sender", statuses=(429,)),
    Row(Rejection.TRANSIENT, "gateway", statuses=tuple(range(500, 600))),
    Row(Rejection.PERMANENT_PAYLOAD, "gateway"),
)


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """How one gateway's answers are understood.

    Args:
        name: of the gateway, for tests and the documentation.
        accepted: reads a success (2xx); None when the answer does not prove that the message was taken.
        read: reads a refusal in the gateway's own form; None when the answer is not the gateway's own.
        rows: tried in order before what the status says; the first that matches wins.
        names_messages: whether a success names the message; else the attempt's id stands for it.
    """

    name: str
    accepted: Callable[[Answer], Accepted | None]
    read: Callable[[Answer], Said | None]
    rows: tuple[Row, ...] = ()
    names_messages: bool = True

    def row(self, answer: Answer) -> Row | None:
        """Return the gateway's own row for an answer, if there is one."""
        said = None if answer.truncated else self.read(answer)
        if said is None:
            return None
        return next((row for row in self.rows if row.matches(answer.status, said)), None)

    def classify(self, answer: Answer) -> Result:
        """Tell what an answer to a send means. Never raises, whatever the answer."""
        success = 200 <= answer.status < 300
        if success and answer.truncated:
            return Unknown("huge_answer", answer.status)
        if success and (taken := self.accepted(answer)) is not None:
            return taken
        if 300 <= answer.status < 400:
            return Rejected(Rejection.PERMANENT_CONFIG, "redirect", answer.status, scope="gateway")
        said = None if answer.truncated else self.read(answer)
        if said is not None and (row := self.row(answer)) is not None:
            return row.result(answer, said)
        if success:
            return Unknown("malformed_answer", answer.status)
        if said is None and answer.status >= 500:
            return Unknown(f"http_{answer.status}", answer.status)
        said = said or Said()
        return next(row for row in BY_STATUS if row.matches(answer.status, said)).result(answer, said)


def example(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer for a row's examples: `body` as JSON, or as it is when it is bytes."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Answer(status, dict(headers or {}), raw)


def decode(body: bytes, kind: type[T]) -> T | None:
    """Return the body as `kind`, None when it is anything else. Never raises."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError):
        return None


def retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """Read `Retry-After`: seconds, or a date compared with the answer's own `Date` (our clock may differ).

    At most a day; None when there is none, or none that can be read.
    """
    named = {name.casefold(): value for name, value in headers.items()}
    wanted = named.get("retry-after", "").strip()
    if wanted.isascii() and wanted.isdecimal():
        return min(int(wanted[:9]), MAX_RETRY_AFTER_S) * 1000
    try:
        seconds = (parsedate_to_datetime(wanted) - parsedate_to_datetime(named.get("date", ""))).total_seconds()
    except (TypeError, ValueError):
        return None
    return int(min(max(seconds, 0), MAX_RETRY_AFTER_S) * 1000)

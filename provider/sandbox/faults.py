"""Scripted faults: rules that match a message and say what goes wrong. Pure.

A script is JSON: `{"rules": [{"do": "status", "status": 503, "to": "+5511987654321", "times": 2}]}`. Rules are
tried in order and the first that matches acts.
"""

from enum import StrEnum
from typing import Any, Literal

import msgspec

from provider.api import digits
from schemas.reasons import Rejection


class Preset(StrEnum):
    """A situation by its name. Each emulator answers as its gateway does, and refuses what it cannot be in."""

    SESSION_DOWN = "session_down"
    SESSION_NEVER_STARTED = "session_never_started"
    NO_WHATSAPP = "no_whatsapp"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a situation
    TEMPLATE_MISSING = "template_missing"
    WINDOW_CLOSED = "window_closed"
    PAIR_LIMIT = "pair_limit"
    RATE_LIMITED = "rate_limited"
    ACCOUNT_BLOCKED = "account_blocked"
    SENDER_RESTRICTED = "sender_restricted"
    PAYLOAD_REFUSED = "payload_refused"
    SERVICE_DOWN = "service_down"
    ERROR_IN_SUCCESS = "error_in_success"
    EMPTY_ERROR = "empty_error"
    SENT_DESPITE_ERROR = "sent_despite_error"
    NEVER_DELIVERED = "never_delivered"
    FAILS_LATER = "fails_later"
    QUEUED_NOT_SENT = "queued_not_sent"
    BURST_AFTER_RECONNECT = "burst_after_reconnect"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When something goes wrong, and what.

    When: `to` (compared by digits) and `channel`, None matches any. Of the messages that match, the first `skip`
    pass, then every `every`-th is hit, at most `times` times (None: for ever).

    What: `preset` is a situation by its name, answered as the emulated gateway does. `delay` only waits `delay_ms`
    (every other effect may wait too). `status` answers `status` with `kind`, `code` and `scope` in our error form,
    or with `raw` as it is. `reset` resets the connection. `hang` never answers. `malformed` answers 201 with broken
    JSON, `huge` with a megabyte.

    `accepted`: whether the phone gets the message all the same; by default only for delay, malformed and huge, and
    for a preset as the situation is. A `reset` with it is the lost answer, without it the connection that breaks
    before the message was taken.
    """

    do: Literal["preset", "delay", "status", "reset", "hang", "malformed", "huge"] = "preset"
    preset: Preset | None = None
    to: str | None = None
    channel: str | None = None
    skip: int = 0
    times: int | None = 1
    every: int = 1
    delay_ms: int = 0
    accepted: bool | None = None
    status: int = 503
    headers: dict[str, str] = {}
    raw: str | None = None
    kind: Rejection | None = None
    code: str | None = None
    scope: Literal["recipient", "sender", "account", "gateway"] | None = None

    def __post_init__(self) -> None:
        """Refuse what could never act."""
        if self.skip < 0 or self.every < 1 or self.delay_ms < 0 or (self.times is not None and self.times < 1):
            message = "skip and delay_ms must not be negative, every and times at least 1"
            raise ValueError(message)
        if (self.do == "preset") is not (self.preset is not None):
            message = "do says what goes wrong; preset names a situation, without do"
            raise ValueError(message)
        if not 200 <= self.status <= 599:
            message = "status must be between 200 and 599"
            raise ValueError(message)
        if self.to is not None and not digits(self.to):
            message = "to must contain digits"
            raise ValueError(message)

    @property
    def delivers(self) -> bool:
        """Whether the phone sees the message."""
        return self.do in ("delay", "malformed", "huge") if self.accepted is None else self.accepted

    def error(self) -> dict[str, Any]:
        """Return the body of a `status` answer."""
        named = {"kind": self.kind, "code": self.code or f"scripted_{self.status}", "scope": self.scope}
        return {"error": {name: value for name, value in named.items() if value is not None}}


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST /v1/faults` takes."""

    rules: list[Rule]


class Counted(msgspec.Struct):
    """A rule with what it has seen and done."""

    rule: Rule
    seen: int = 0
    hits: int = 0


class Faults:
    """The rules in force, in order, and their counters."""

    def __init__(self) -> None:
        self.rules: list[Counted] = []

    def add(self, rules: list[Rule]) -> None:
        """Append rules behind those in force."""
        self.rules += [Counted(rule) for rule in rules]

    def clear(self) -> None:
        """Forget all rules."""
        self.rules = []

    def hit(self, to: str, channel: str) -> Rule | None:
        """Count a message and return the rule that acts on it, if any."""
        for counted in self.rules:
            rule = counted.rule
            if rule.to is not None and digits(rule.to) != digits(to):
                continue
            if rule.channel is not None and rule.channel != channel:
                continue
            counted.seen += 1
            turn = counted.seen - rule.skip
            if turn < 1 or turn % rule.every or (rule.times is not None and counted.hits >= rule.times):
                continue
            counted.hits += 1
            return rule
        return None

"""Reasons, as enums: the vocabulary of the documentation, the panel and the metrics at once."""

from enum import StrEnum


class Suppressed(StrEnum):
    """Why an admitted customer message was, on purpose, not told (to this agent, or to anyone)."""

    COMMAND = "command"
    STALE = "stale"
    FOLDED = "folded"
    ANSWERED = "answered"
    TENANT_DISABLED = "tenant_disabled"
    GLOBAL_DISABLED = "global_disabled"
    AGENT_DISABLED = "agent_disabled"
    UNVERIFIED = "unverified"
    NO_NUMBER = "no_number"
    BAD_NUMBER = "bad_number"
    DELETED = "deleted"
    CLOSED = "closed"
    GONE = "gone"
    GROUP = "group"
    LOOP = "loop"
    NOBODY = "nobody"
    BOT = "bot"
    READ = "read"
    REASSIGNED = "reassigned"
    FLAPPING = "flapping"
    QUIET = "quiet"
    EXPIRED = "expired"
    PURGED = "purged"


class Dead(StrEnum):
    """Why an obligation could not be kept and waits in the dead-letter topic."""

    RECIPIENT = "recipient"
    PAYLOAD = "payload"
    ATTEMPTS = "attempts"
    UNKNOWN = "unknown"
    DIRECTORY = "directory"


class Hold(StrEnum):
    """Why a notice waits in an agent's outbox."""

    QUIET = "quiet"
    PAUSED = "paused"
    PAIR = "pair"
    AGENT_CAP = "agent_cap"
    CHANNEL = "channel"
    BREAKER = "breaker"
    SESSION_DOWN = "session_down"
    CONFIGURATION = "configuration"
    RETRY = "retry"
    BOT = "bot"
    STALE_CHECK = "stale_check"
    RESTRICTED = "restricted"


class Ignored(StrEnum):
    """Why a row of `Messages` is no customer message at all: a metric, never an outcome."""

    NOT_CREATE = "not_create"
    MODE_OFF = "mode_off"
    DUPLICATE = "duplicate"
    REPLAY = "replay"
    REACTION = "reaction"
    QUOTED_COPY = "quoted_copy"
    CALL_LOG = "call_log"
    MARKER = "marker"
    OWN_ROW = "own_row"


class Rejection(StrEnum):
    """What a provider's refusal means for the attempt; the reaction to each is in the sender."""

    PERMANENT_RECIPIENT = "permanent_recipient"
    PERMANENT_PAYLOAD = "permanent_payload"
    PERMANENT_CONFIG = "permanent_config"
    THROTTLE_PAIR = "throttle_pair"
    THROTTLE_SENDER = "throttle_sender"
    THROTTLE_APP = "throttle_app"
    WINDOW_CLOSED = "window_closed"
    SESSION_DOWN = "session_down"
    TRANSIENT = "transient"
    RESTRICTED = "restricted"


class Mode(StrEnum):
    """A tenant's switch (public name `notifyNewMessage`)."""

    OFF = "off"
    SHADOW = "shadow"
    ON = "on"

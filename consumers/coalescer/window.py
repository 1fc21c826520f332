"""The machine of one ticket's window: bursts become few alerts. Pure; owns only time.

A phase is ABSENT (no state), STUB (only memory), SETTLING (the first burst is still arriving) or GATHERING (told
already; what follows waits for the end of the window). `step` has one branch for each row (W1 ... W15) of the
machine's table; W16 (restored, revoked) is the runtime's. A ticket cap of 0 means no cap.
"""

from typing import Literal

import msgspec

from schemas.config import HOUR, Parameters
from schemas.reasons import Suppressed
from schemas.records import Item, Window

_DOUBLINGS = 40
"""More doublings than any `max_window` needs; keeps the shift small on a ticket that nobody ever answers."""


# ── events ────────────────────────────────────────────────────────────────────────────────────────────────


class Customer(msgspec.Struct, frozen=True, gc=False):
    """An admitted customer message. `captured_ms` and `offset` are those of its record."""

    item: Item
    captured_ms: int = 0
    offset: int = -1


class Human(msgspec.Struct, frozen=True, gc=False):
    """A person answered. `seq` was given at admission, so it is above every earlier message's."""

    seq: int
    ref: str
    created_ms: int


class Undecided(msgspec.Struct, frozen=True, gc=False):
    """An own row of which the row alone does not tell whether a person or a bot wrote it."""


class Bot(msgspec.Struct, frozen=True, gc=False):
    """A bot's row."""


class Remembered(msgspec.Struct, frozen=True, gc=False):
    """An admitted row that ended at its admission (a command, too old): the ticket only remembers its id."""


class Due(msgspec.Struct, frozen=True, gc=False):
    """The window's own due time has come.

    `tenant_off` and `disabled_at_ms` are the tenant's switch as it stands now; `high_water_ms` is the stream time
    of the ticket's source.
    """

    tenant_off: bool
    disabled_at_ms: int
    high_water_ms: int


WindowEvent = Customer | Human | Undecided | Bot | Remembered | Due


# ── effects ───────────────────────────────────────────────────────────────────────────────────────────────


class Fire(msgspec.Struct, frozen=True):
    """Tell whoever is responsible of these items. `level` is the one in force when the alert left."""

    kind: Literal["lead", "summary"]
    items: list[Item]
    omitted: int
    alert_no: int
    level: int
    first_ms: int
    captured_ms: int
    offset: int


class Suppress(msgspec.Struct, frozen=True):
    """These items end here, agentless, for this reason."""

    reason: Suppressed
    items: list[Item]


class Retract(msgspec.Struct, frozen=True, gc=False):
    """What was told of this ticket up to `up_to_seq` and still waits need not be told any more."""

    up_to_seq: int
    ref: str
    created_ms: int


WindowEffect = Fire | Suppress | Retract


def window_length(level: int, parameters: Parameters) -> int:
    """Return W(level) in milliseconds: doubled for each alert to which nobody reacted."""
    length = parameters.window << (level if level < _DOUBLINGS else _DOUBLINGS)
    return length if length < parameters.max_window else parameters.max_window


def step(
    window: Window | None, event: WindowEvent, now_ms: int, parameters: Parameters
) -> tuple[Window | None, list[WindowEffect]]:
    """Apply one event to a ticket's window; None is ABSENT.

    A given `window` is changed in place and returned (no copy of its lists: a busy ticket would pay for each row).
    Ids, seq and stream time of the row are the business of `consumers.coalescer.seen`.
    """
    if isinstance(event, Customer):
        return _customer(window, event, now_ms, parameters)
    if isinstance(event, Undecided):
        return _undecided(window, now_ms, parameters), []
    if isinstance(event, Due):
        return _due(window, event, now_ms, parameters)
    if isinstance(event, Human):
        return _human(window, event, now_ms, parameters)
    if isinstance(event, Remembered):  # the first half of W10: ABSENT becomes a stub, so that the id is kept
        return window or _stub(now_ms, parameters), []
    return window, []  # W11


def _customer(
    window: Window | None, event: Customer, now_ms: int, parameters: Parameters
) -> tuple[Window, list[WindowEffect]]:
    item = event.item
    if window is None:
        window = Window(phase="STUB", due_ms=0)
    elif item.created_ms < window.horizon_ms - parameters.late_grace:  # W12
        return window, [Suppress(Suppressed.ANSWERED, [item])]
    if window.phase == "STUB":  # W1
        if now_ms - window.last_customer_ms > parameters.reset_after:
            window.level = 0
        window.phase = "SETTLING"
        window.last_customer_ms = now_ms
        _first(window, event, now_ms)
        window.pending = [item]
        window.due_ms = now_ms + min(parameters.settle, parameters.max_settle)
        return window, []
    window.last_customer_ms = now_ms
    pending = window.pending
    if len(pending) >= parameters.max_pending:  # W8
        window.omitted += 1
        return window, [Suppress(Suppressed.FOLDED, [item])]
    if not pending:
        _first(window, event, now_ms)
    pending.append(item)
    if window.phase == "SETTLING":  # W2
        if len(pending) >= parameters.max_items:
            window.due_ms = now_ms
        else:
            window.due_ms = min(now_ms + parameters.settle, window.first_ms + parameters.max_settle)
        return window, []
    due_ms = _window_end(window, parameters)  # W4
    if len(pending) >= parameters.max_items:
        due_ms = min(due_ms, max(now_ms, window.last_alert_ms + parameters.window))
    window.due_ms = due_ms
    return window, []


def _human(
    window: Window | None, event: Human, now_ms: int, parameters: Parameters
) -> tuple[Window, list[WindowEffect]]:
    if window is None:  # W10; the horizon holds for a message that a sweep brings after its answer (W12)
        window = _stub(now_ms, parameters)
        window.horizon_ms = event.created_ms
        return window, []
    effects: list[WindowEffect] = []  # W9
    if window.pending:
        effects.append(Suppress(Suppressed.ANSWERED, window.pending))
        window.pending = []
    if window.alerts_out:
        effects.append(Retract(event.seq, event.ref, event.created_ms))
        window.alerts_out = 0
    window.omitted = 0
    window.level = 0
    window.horizon_ms = max(window.horizon_ms, event.created_ms)
    window.phase = "GATHERING"
    _open(window, now_ms, 0, parameters)
    window.due_ms = window.window_end_ms
    return window, effects


def _undecided(window: Window | None, now_ms: int, parameters: Parameters) -> Window:
    if window is None:  # W10
        return _stub(now_ms, parameters)
    window.level = 0  # W9u
    if window.phase == "GATHERING" and not window.pending:
        if now_ms + window_length(0, parameters) > window.window_end_ms:
            _open(window, now_ms, 0, parameters)
        window.due_ms = window.window_end_ms
    return window


def _due(
    window: Window | None, event: Due, now_ms: int, parameters: Parameters
) -> tuple[Window | None, list[WindowEffect]]:
    if window is None or now_ms < window.due_ms:  # an event has moved the due time since the timer was set
        return window, []
    if window.phase == "STUB":
        if (
            event.high_water_ms > window.last_ts_ms + parameters.seen_keep
            and now_ms >= window.last_alert_ms + parameters.reset_after
        ):  # W14; ">" because a row just at the edge does not yet count as a repetition
            return None, []
        window.due_ms = now_ms + parameters.seen_keep  # W15
        return window, []
    effects: list[WindowEffect] = []
    if window.pending and (event.tenant_off or window.pending[0].admitted_ms <= event.disabled_at_ms):  # W13
        # What came in after the tenant was switched on again has never been switched off: it goes on.
        kept = [] if event.tenant_off else [i for i in window.pending if i.admitted_ms > event.disabled_at_ms]
        effects.append(Suppress(Suppressed.TENANT_DISABLED, window.pending[: len(window.pending) - len(kept)]))
        window.pending = kept
    if not window.pending:  # W6, and W13's next phase; the level is kept
        window.omitted = 0
        window.phase = "STUB"
        window.due_ms = now_ms + parameters.seen_keep
        return window, effects
    if now_ms >= window.cap_hour_ms + HOUR:
        window.cap_hour_ms = now_ms
        window.cap_count = 0
    if parameters.ticket_cap and window.cap_count >= parameters.ticket_cap:  # W7
        window.phase = "GATHERING"
        window.opened_ms = window.window_end_ms = window.due_ms = window.cap_hour_ms + HOUR
        return window, effects
    # W3 (a lead, when the first burst has settled) and W5 (a summary)
    effects.append(_fire(window, "lead" if window.phase == "SETTLING" else "summary", now_ms, parameters))
    return window, effects


def _fire(window: Window, kind: Literal["lead", "summary"], now_ms: int, parameters: Parameters) -> Fire:
    window.alert_no += 1
    fire = Fire(
        kind=kind,
        items=window.pending,
        omitted=window.omitted,
        alert_no=window.alert_no,
        level=window.level,
        first_ms=window.first_ms,
        captured_ms=window.captured_ms,
        offset=window.first_offset,
    )
    window.pending = []
    window.omitted = 0
    window.alerts_out += 1
    window.cap_count += 1
    window.last_alert_ms = now_ms
    window.phase = "GATHERING"
    _open(window, now_ms, window.level, parameters)
    window.due_ms = window.window_end_ms
    window.level += 1
    return fire


def _stub(now_ms: int, parameters: Parameters) -> Window:
    return Window(phase="STUB", due_ms=now_ms + parameters.seen_keep)


def _first(window: Window, event: Customer, now_ms: int) -> None:
    window.first_ms = now_ms
    window.captured_ms = event.captured_ms
    window.first_offset = event.offset


def _open(window: Window, now_ms: int, level: int, parameters: Parameters) -> None:
    window.opened_ms = now_ms
    window.opened_level = level
    window.window_end_ms = now_ms + window_length(level, parameters)


def _window_end(window: Window, parameters: Parameters) -> int:
    """Return the end of the open window; a setting that became shorter counts at once, a longer one at the next."""
    end_ms = window.opened_ms + window_length(window.opened_level, parameters)
    end_ms = end_ms if end_ms < window.window_end_ms else window.window_end_ms
    window.window_end_ms = end_ms
    return end_ms

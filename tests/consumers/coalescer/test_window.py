"""Each row of the window's table as an example. Times are milliseconds after NOW."""

from typing import Any

import msgspec

from consumers.coalescer.window import (
    Bot,
    Customer,
    Due,
    Fire,
    Human,
    Remembered,
    Retract,
    Suppress,
    Undecided,
    WindowEffect,
    step,
    window_length,
)
from schemas.config import HOUR, MINUTE, SECOND, Parameters
from schemas.reasons import Suppressed
from schemas.records import Item, Window

NOW = 1_795_000_000_000
P = Parameters()
ON = Due(tenant_off=False, disabled_at_ms=0, high_water_ms=NOW)


def item(number: int, at: int = 0, created: int | None = None) -> Item:
    return Item(
        message_ref=f"wpp/1/m{number}",
        row_id=f"m{number}",
        seq=NOW + number,
        created_ms=NOW + (at if created is None else created),
        admitted_ms=NOW + at,
    )


def customer(number: int, at: int = 0, created: int | None = None) -> Customer:
    return Customer(item(number, at, created), captured_ms=NOW + at - 5, offset=100 + number)


def window(**fields: Any) -> Window:
    return Window(**{"phase": "STUB", "due_ms": NOW, **fields})


def play(
    state: Window | None, *events: tuple[int, Any], parameters: Parameters = P
) -> tuple[Window | None, list[WindowEffect]]:
    effects: list[WindowEffect] = []
    for at, event in events:
        state, more = step(state, event, NOW + at, parameters)
        effects += more
    return state, effects


def changed(before: Window, **fields: Any) -> Window:
    return msgspec.structs.replace(before, **fields)


def test_w1_the_first_message_of_an_absent_ticket_waits_for_settle() -> None:
    state, effects = step(None, customer(1), NOW, P)

    assert effects == []
    assert state == Window(
        phase="SETTLING",
        due_ms=NOW + 3 * SECOND,
        first_ms=NOW,
        last_customer_ms=NOW,
        captured_ms=NOW - 5,
        first_offset=101,
        pending=[item(1)],
    )


def test_w1_a_stub_keeps_its_level_within_reset_after_and_loses_it_later() -> None:
    for silence, level in ((P.reset_after, 3), (P.reset_after + 1, 0)):
        state, _ = step(window(level=3, last_customer_ms=NOW - silence), customer(1), NOW, P)

        assert state is not None
        assert (state.phase, state.level) == ("SETTLING", level)


def test_w2_more_messages_slide_the_settle_time_but_never_beyond_max_settle() -> None:
    state, effects = play(None, *((at, customer(n, at)) for n, at in enumerate((0, 2000, 4000, 6000, 8000))))

    assert effects == []
    assert state is not None
    assert (state.phase, state.due_ms) == ("SETTLING", NOW + P.max_settle)
    assert [i.row_id for i in state.pending] == ["m0", "m1", "m2", "m3", "m4"]
    assert state.first_offset == 100


def test_w2_a_full_alert_settles_at_once() -> None:
    state, _ = play(None, *((0, customer(n)) for n in range(P.max_items)))

    assert state is not None
    assert (state.phase, state.due_ms, len(state.pending)) == ("SETTLING", NOW, 20)


def test_w3_the_settled_burst_fires_the_lead_and_opens_the_window() -> None:
    state, effects = play(None, (0, customer(1)), (1000, customer(2, 1000)), (4000, ON))

    assert effects == [
        Fire(
            kind="lead",
            items=[item(1), item(2, 1000)],
            omitted=0,
            alert_no=1,
            level=0,
            first_ms=NOW,
            captured_ms=NOW - 5,
            offset=101,
        )
    ]
    at = NOW + 4000
    assert state == Window(
        phase="GATHERING",
        due_ms=at + 60 * SECOND,
        first_ms=NOW,
        last_customer_ms=NOW + 1000,
        last_alert_ms=at,
        window_end_ms=at + 60 * SECOND,
        alert_no=1,
        level=1,
        alerts_out=1,
        cap_hour_ms=at,
        cap_count=1,
        captured_ms=NOW - 5,
        first_offset=101,
        opened_ms=at,
    )


GATHERING = window(
    phase="GATHERING",
    due_ms=NOW + 120 * SECOND,
    window_end_ms=NOW + 120 * SECOND,
    opened_ms=NOW,
    opened_level=1,
    last_alert_ms=NOW,
    alert_no=2,
    level=2,
    alerts_out=2,
    cap_hour_ms=NOW - 60 * SECOND,
    cap_count=2,
)


def gathering(**fields: Any) -> Window:
    return changed(GATHERING, pending=[], **fields)


def test_w4_what_follows_waits_for_the_end_of_the_window() -> None:
    state, effects = step(gathering(), customer(1, 1000), NOW + 1000, P)

    assert effects == []
    waiting = {"first_ms": NOW + 1000, "captured_ms": NOW + 995, "first_offset": 101, "pending": [item(1, 1000)]}
    assert state == changed(GATHERING, last_customer_ms=NOW + 1000, **waiting)


def test_w4_a_full_alert_waits_one_base_window_after_the_last_alert_only() -> None:
    state, _ = play(gathering(), *((1000, customer(n, 1000)) for n in range(20)))
    assert state is not None
    assert state.due_ms == NOW + P.window

    state, _ = play(gathering(), *((90_000, customer(n, 90_000)) for n in range(20)))
    assert state is not None
    assert state.due_ms == NOW + 90_000


def test_w5_the_end_of_a_window_with_news_fires_a_summary_and_doubles_the_window() -> None:
    state, effects = play(gathering(), (1000, customer(1, 1000)), (120_000, ON))

    assert effects == [
        Fire(
            kind="summary",
            items=[item(1, 1000)],
            omitted=0,
            alert_no=3,
            level=2,
            first_ms=NOW + 1000,
            captured_ms=NOW + 995,
            offset=101,
        )
    ]
    assert state is not None
    assert (state.phase, state.level, state.alerts_out) == ("GATHERING", 3, 3)
    assert state.due_ms == NOW + 120_000 + 240_000


def test_the_window_doubles_up_to_its_maximum() -> None:
    assert [window_length(level, P) // MINUTE for level in (0, 1, 2, 3, 4, 5, 10_000)] == [1, 2, 4, 8, 8, 8, 8]


def test_w6_the_end_of_a_window_without_news_sends_nothing_and_keeps_the_level() -> None:
    state, effects = step(gathering(), ON, NOW + 120_000, P)

    assert effects == []
    assert state == gathering(phase="STUB", due_ms=NOW + 120_000 + P.seen_keep)


def test_w7_beyond_the_cap_the_messages_wait_for_the_end_of_the_hour() -> None:
    capped = gathering(cap_count=P.ticket_cap)
    state, effects = play(capped, (1000, customer(1, 1000)), (120_000, ON))

    end = GATHERING.cap_hour_ms + HOUR
    assert effects == []
    assert state is not None
    assert (state.phase, state.due_ms, [i.row_id for i in state.pending]) == ("GATHERING", end, ["m1"])

    state, effects = step(state, ON, end, P)
    assert [type(e) for e in effects] == [Fire]
    assert state is not None
    assert (state.cap_hour_ms, state.cap_count) == (end, 1)


def test_w7_holds_a_first_burst_too_and_a_later_message_does_not_open_the_cap() -> None:
    stub = window(cap_hour_ms=NOW, cap_count=P.ticket_cap, last_customer_ms=NOW)
    state, effects = play(stub, (0, customer(1)), (3000, ON), (4000, customer(2, 4000)), (5000, ON))

    assert effects == []
    assert state is not None
    assert (state.phase, state.due_ms, len(state.pending)) == ("GATHERING", NOW + HOUR, 2)


def test_a_cap_of_zero_is_no_cap() -> None:
    free = Parameters(ticket_cap=0)
    state, effects = play(gathering(cap_count=500), (1000, customer(1, 1000)), (120_000, ON), parameters=free)
    assert [type(e) for e in effects] == [Fire]
    assert state is not None
    assert state.cap_count == 501


def test_w8_a_flood_folds_and_the_alert_says_how_many_more() -> None:
    tight = Parameters(max_items=2, max_pending=2)
    state, effects = play(None, *((0, customer(n)) for n in range(4)), (0, ON), parameters=tight)

    assert effects[:2] == [
        Suppress(Suppressed.FOLDED, [item(2)]),
        Suppress(Suppressed.FOLDED, [item(3)]),
    ]
    fire = effects[2]
    assert isinstance(fire, Fire)
    assert (fire.items, fire.omitted) == ([item(0), item(1)], 2)
    assert state is not None
    assert (state.omitted, state.pending) == (0, [])


def test_w9_a_person_ends_what_waits_retracts_what_was_told_and_quiets_the_ticket_for_one_window() -> None:
    state, effects = play(
        gathering(omitted=3), (1000, customer(1, 1000)), (2000, Human(NOW + 9, "wpp/1/h", NOW + 1900))
    )

    assert effects == [
        Suppress(Suppressed.ANSWERED, [item(1, 1000)]),
        Retract(up_to_seq=NOW + 9, ref="wpp/1/h", created_ms=NOW + 1900),
    ]
    assert state == gathering(
        due_ms=NOW + 2000 + P.window,
        window_end_ms=NOW + 2000 + P.window,
        opened_ms=NOW + 2000,
        opened_level=0,
        level=0,
        alerts_out=0,
        horizon_ms=NOW + 1900,
        first_ms=NOW + 1000,
        last_customer_ms=NOW + 1000,
        captured_ms=NOW + 995,
        first_offset=101,
    )


def test_w9_with_nothing_told_there_is_nothing_to_retract_and_a_stub_becomes_quiet() -> None:
    state, effects = step(window(level=2, horizon_ms=NOW + 7), Human(NOW, "wpp/1/h", NOW), NOW, P)

    assert effects == []
    assert state == window(
        phase="GATHERING",
        due_ms=NOW + P.window,
        window_end_ms=NOW + P.window,
        opened_ms=NOW,
        horizon_ms=NOW + 7,
    )


def test_w9u_an_undecided_row_resets_the_level_and_leaves_what_waits() -> None:
    state, effects = play(gathering(), (1000, customer(1, 1000)), (2000, Undecided()))

    assert effects == []
    assert state is not None
    assert (state.phase, state.level, len(state.pending), state.due_ms) == ("GATHERING", 0, 1, GATHERING.due_ms)
    assert state.alerts_out == 2

    state, effects = play(None, (0, customer(1)), (2900, Undecided()))
    assert effects == []
    assert state is not None
    assert (state.phase, state.due_ms, len(state.pending)) == ("SETTLING", NOW + 3000, 1)


def test_w9u_with_nothing_waiting_the_window_ends_no_earlier_than_one_base_window_from_now() -> None:
    for at, end in ((1000, 120_000), (100_000, 160_000)):
        state, _ = step(gathering(), Undecided(), NOW + at, P)
        assert state is not None
        assert (state.phase, state.due_ms, state.window_end_ms) == ("GATHERING", NOW + end, NOW + end)


def test_w9u_leaves_a_stub_a_stub() -> None:
    assert step(window(level=2), Undecided(), NOW, P) == (window(level=0), [])


def test_w10_an_answer_on_an_absent_ticket_is_only_remembered() -> None:
    due_ms = NOW + P.seen_keep
    assert step(None, Undecided(), NOW, P) == (Window(phase="STUB", due_ms=due_ms), [])
    assert step(None, Remembered(), NOW, P) == (Window(phase="STUB", due_ms=due_ms), [])
    assert step(None, Human(NOW, "wpp/1/h", NOW - 9), NOW, P) == (
        Window(phase="STUB", due_ms=due_ms, horizon_ms=NOW - 9),
        [],
    )


def test_w11_a_bot_changes_nothing_in_any_phase() -> None:
    settling = window(phase="SETTLING", due_ms=NOW + 5, pending=[item(1)])
    for state in (None, window(level=2), gathering(), settling):
        before = msgspec.convert(msgspec.to_builtins(state), Window | None)
        assert step(state, Bot(), NOW, P) == (before, [])


def test_w12_a_message_older_than_the_answer_that_preceded_it_is_answered() -> None:
    answered = gathering(horizon_ms=NOW)
    late = customer(1, 1000, created=-P.late_grace - 1)
    assert step(answered, late, NOW + 1000, P) == (
        gathering(horizon_ms=NOW),
        [Suppress(Suppressed.ANSWERED, [late.item])],
    )

    just_in_time = customer(1, 1000, created=-P.late_grace)
    state, effects = step(gathering(horizon_ms=NOW), just_in_time, NOW + 1000, P)
    assert effects == []
    assert state is not None
    assert state.pending == [just_in_time.item]


def test_w13_a_tenant_that_is_off_now_loses_what_waits() -> None:
    off = Due(tenant_off=True, disabled_at_ms=0, high_water_ms=NOW)
    state, effects = play(gathering(omitted=2), (1000, customer(1, 1000)), (120_000, off))

    assert effects == [Suppress(Suppressed.TENANT_DISABLED, [item(1, 1000)])]
    assert state is not None
    assert (state.phase, state.pending, state.omitted) == ("STUB", [], 0)
    assert state.due_ms == NOW + 120_000 + P.seen_keep


def test_w13_what_waited_when_it_was_switched_off_is_not_sent_when_it_is_on_again() -> None:
    off_and_on = Due(tenant_off=False, disabled_at_ms=NOW + 1500, high_water_ms=NOW)
    state, effects = play(None, (1000, customer(1, 1000)), (2000, customer(2, 2000)), (5000, off_and_on))

    assert effects[0] == Suppress(Suppressed.TENANT_DISABLED, [item(1, 1000)])
    assert isinstance(effects[1], Fire)
    assert effects[1].items == [item(2, 2000)]
    assert state is not None
    assert state.phase == "GATHERING"


def test_w14_a_stub_is_forgotten_when_stream_and_wall_clock_have_both_passed() -> None:
    stub = window(last_ts_ms=NOW - P.seen_keep, last_alert_ms=NOW - P.reset_after)
    after = Due(tenant_off=False, disabled_at_ms=0, high_water_ms=NOW + 1)
    assert step(stub, after, NOW, P) == (None, [])


def test_w15_otherwise_it_is_kept_for_another_while() -> None:
    seen_lately = window(last_ts_ms=NOW - P.seen_keep)
    told_lately = window(last_alert_ms=NOW - P.reset_after + 1)
    for stub in (seen_lately, told_lately):
        kept = changed(stub, due_ms=NOW + P.seen_keep)
        assert step(stub, ON, NOW, P) == (kept, [])


def test_a_timer_that_is_early_does_nothing() -> None:
    assert step(gathering(), ON, GATHERING.due_ms - 1, P) == (gathering(), [])
    assert step(None, ON, NOW, P) == (None, [])


def test_a_window_that_became_shorter_applies_at_the_next_event_a_longer_one_at_the_next_alert() -> None:
    short, long = Parameters(window=10 * SECOND), Parameters(window=300 * SECOND)

    state, _ = step(gathering(), customer(1, 1000), NOW + 1000, short)
    assert state is not None
    assert state.due_ms == NOW + 20 * SECOND

    state, _ = step(gathering(), customer(1, 1000), NOW + 1000, long)
    assert state is not None
    assert state.due_ms == GATHERING.due_ms
    state, _ = step(state, ON, GATHERING.due_ms, long)
    assert state is not None
    assert state.due_ms == GATHERING.due_ms + 480 * SECOND


def test_settle_of_zero_fires_at_the_next_tick() -> None:
    state, effects = play(None, (0, customer(1)), (0, ON), parameters=Parameters(settle=0))
    assert [type(e) for e in effects] == [Fire]
    assert state is not None
    assert state.phase == "GATHERING"

"""The verifier accepts a sound cell and finds each kind of damage: its control arms."""

import pytest

from deploy.demo.verifier.evidence import Evidence, Fork, PhoneLine, Seen, created_row
from deploy.demo.verifier.laws import check, is_customer_message
from deploy.demo.verifier.verdict import Finding, Percentiles
from schemas.codec import decoder, encode
from schemas.records import Alert, Header, Outcome, Sending
from tests.deploy_demo.cell_at_rest import (
    ANA,
    BRUNO,
    GROUP,
    NOTICE_1,
    NOTICE_3,
    OUTCOMES,
    QUEUE,
    TOLD,
    alert,
    at_rest,
    change,
    entry,
    outcome,
    row,
    state,
    topic,
    window,
)


def findings(evidence: Evidence) -> list[tuple[str, str, str]]:
    return [(found.law, found.what, found.subject) for found in check(evidence).findings]


def without(kind: str, alert_id: str, agent: str | None = None) -> list[Seen]:
    return topic(
        *(o for o in OUTCOMES if not (o.kind == kind and alert_id in o.alert_ids and agent in {None, o.agent}))
    )


def test_a_cell_at_rest_is_sound() -> None:
    verdict = check(at_rest())

    assert verdict.ok
    assert verdict.summary() == {
        "admitted": 4,
        "sent": 3,
        "suppressed": {"group": 1, "read": 1},
        "dead": 0,
        "pending": 0,
        "unaccounted": 0,
        "doubled": 0,
        "latency_ms": {"p50": 350, "p99": 550},
        "shadow": 0,
        "moved": 0,
        "notices": 3,
        "broken": {},
        "steps_ms": {
            "capture": {"n": 3, "p50": 100, "p99": 100},
            "admit": {"n": 3, "p50": 100, "p99": 100},
            "window": {"n": 3, "p50": 3_000, "p99": 3_000},
            "resolve": {"n": 3, "p50": 50, "p99": 50},
            "hold": {"n": 3, "p50": 50, "p99": 50},
            "send": {"n": 3, "p50": 100, "p99": 300},
        },
        "findings": [],
    }


def test_an_empty_cell_is_sound() -> None:
    assert check(Evidence()).ok


def test_a_held_notice_does_not_count_for_latency() -> None:
    evidence = at_rest()
    evidence.outcomes += topic(outcome("held", QUEUE, None, "a2", reason="bot"))

    assert check(evidence).latency_ms == Percentiles(1, 350, 350)


def test_a_capture_of_another_message_is_no_step_of_this_one() -> None:
    evidence = at_rest()
    earlier = outcome("sent", TOLD, ANA, "a1", notification_id=NOTICE_1, captured_ms=500)
    evidence.outcomes = topic(OUTCOMES[0], earlier, *OUTCOMES[2:])

    verdict = check(evidence)
    assert (verdict.steps_ms["capture"].n, verdict.steps_ms["admit"].n, verdict.latency_ms.n) == (2, 2, 3)
    assert verdict.latency_ms == Percentiles(3, 350, 550)


# ── lost ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lost_alert_leaves_its_messages_unaccounted() -> None:
    evidence = at_rest()
    evidence.alerts = [record for record in evidence.alerts if b'"a4"' not in (record.value or b"")]
    evidence.outcomes = without("suppressed", "a4")

    assert check(evidence).findings == [Finding("L2", "unaccounted", GROUP, "captured, but nowhere after")]
    assert check(evidence).summary()["unaccounted"] == 1


def test_an_alert_that_vanished_behind_its_outcomes_is_missed() -> None:
    evidence = at_rest()
    del evidence.alerts[0]

    assert findings(evidence) == [("L2", "unaccounted", "alert a1")]


def test_retention_may_take_old_alerts() -> None:
    evidence = at_rest()
    del evidence.alerts[0]
    evidence.alerts_complete = False

    assert check(evidence).ok


def test_a_row_that_was_never_captured_is_unaccounted() -> None:
    evidence = at_rest()
    evidence.rows.append(row("vps1/9/Z"))

    assert check(evidence).findings == [
        Finding("L2", "unaccounted", "vps1/9/Z", "in the database, but never captured")
    ]


def test_an_obligation_without_end_and_without_entry_is_lost() -> None:
    evidence = at_rest()
    evidence.outcomes = without("sent", "a2", BRUNO)
    evidence.phones = None

    assert findings(evidence) == [("L4", "unaccounted", f"{QUEUE} for {BRUNO} (hop 0)")]


def test_a_sent_notice_that_no_phone_saw_is_lost() -> None:
    evidence = at_rest()
    evidence.phones = [line for line in evidence.phones or [] if not line.attempt_id.startswith(NOTICE_3)]

    assert findings(evidence) == [("L3", "unaccounted", f"notice {NOTICE_3}")]


def test_a_text_on_a_phone_without_an_outcome_is_found() -> None:
    evidence = at_rest()
    evidence.phones = [*(evidence.phones or []), PhoneLine("551", "f" * 32)]

    assert findings(evidence) == [("L3", "unaccounted", f"notice {'f' * 32}")]


def test_a_dead_obligation_needs_its_letter() -> None:
    evidence = at_rest()
    evidence.outcomes = topic(
        *OUTCOMES[:-2], outcome("dead", "vps1/3/C", ANA, "a3", reason="attempts"), OUTCOMES[-1]
    )
    letter = alert("b1", "vps1/3/C", redrive_of="a3", agent=ANA)

    assert findings(evidence) == [("L2", "no_letter", f"vps1/3/C for {ANA} (hop 0)")]
    evidence.dlq = topic(letter)
    assert check(evidence).ok
    assert check(evidence).summary()["dead"] == 1


# ── doubled ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_second_sent_is_doubled() -> None:
    evidence = at_rest()
    evidence.outcomes += topic(outcome("sent", TOLD, ANA, "a1", notification_id=NOTICE_1))

    assert findings(evidence) == [
        ("L1", "ended_twice", f"{TOLD} for {ANA} (hop 0)"),
        ("L3", "doubled", f"{TOLD} for {ANA}"),
    ]
    assert check(evidence).summary()["doubled"] == 1


def test_a_second_hop_to_an_agent_who_was_told_is_doubled() -> None:
    evidence = at_rest()
    evidence.outcomes += topic(
        outcome("revived", TOLD, ANA, "a1", hop=1),
        outcome("sent", TOLD, ANA, "a1", hop=1, notification_id=NOTICE_1),
    )

    assert findings(evidence) == [("L3", "doubled", f"{TOLD} for {ANA}")]


def test_what_bounced_may_be_sent_again() -> None:
    evidence = at_rest()
    evidence.outcomes += topic(
        outcome("bounced", TOLD, ANA, "a1", hop=1),
        outcome("sent", TOLD, ANA, "a1", hop=1, notification_id="4" * 32),
    )
    evidence.phones = [*(evidence.phones or []), PhoneLine("551", "4" * 32)]

    assert check(evidence).ok


def test_a_notice_that_a_phone_saw_twice_is_doubled_unless_it_is_flagged() -> None:
    evidence = at_rest()
    evidence.phones = [*(evidence.phones or []), PhoneLine("552", f"{NOTICE_3}.2")]

    assert findings(evidence) == [("L3", "doubled", f"notice {NOTICE_3}")]
    evidence.outcomes = topic(
        *OUTCOMES[:5],
        outcome("sent", QUEUE, BRUNO, "a2", notification_id=NOTICE_3, flags=["maybe_duplicate"]),
        *OUTCOMES[6:],
    )
    assert check(evidence).ok


# ── pending and moved ─────────────────────────────────────────────────────────────────────────────────────


def test_what_waits_visibly_is_pending() -> None:
    evidence = at_rest()
    in_window, unresolved, held, unread = (row(f"vps1/7/{name}") for name in "HIJK")
    evidence.messages += topic(*map(change, (in_window, unresolved, held)))
    evidence.messages.append(Seen(1, 5, b"k", change(unread)))
    evidence.messages_read_to = {0: 99, 1: 5}
    evidence.outcomes += topic(outcome("assigned", held.ref, ANA, "a1"))
    evidence.coalescer_changelog = state(vps1__7=window(in_window.ref))
    evidence.sender_changelog = state(
        u__x1=entry(unresolved.ref, "UNRESOLVED"), e__vps1__1__2__a1=entry(held.ref, "HELD")
    )

    verdict = check(evidence)
    assert (verdict.tally.pending, verdict.findings, verdict.ok) == (4, [], False)


def test_an_alert_that_the_sender_has_not_read_is_pending() -> None:
    evidence = at_rest()
    evidence.outcomes = without("suppressed", "a4")
    evidence.alerts_read_to = {0: 3}

    verdict = check(evidence)
    assert (verdict.tally.pending, verdict.findings) == (1, [])


def test_a_tombstone_ends_an_entry() -> None:
    evidence = at_rest()
    evidence.sender_changelog = [*state(e__vps1__1__2__a1=entry(TOLD, "HELD")), Seen(0, 9, b"e/vps1/1/2/a1", None)]

    assert check(evidence).ok


def test_an_entry_alive_without_an_obligation_is_a_ghost() -> None:
    evidence = at_rest()
    evidence.sender_changelog = state(e__vps1__1__2__a1=entry(TOLD, "HELD"))

    assert findings(evidence) == [("L4", "ghost", f"{TOLD} for {ANA} (hop 0)")]


def test_entries_kept_for_receipts_or_redrive_are_not_alive() -> None:
    evidence = at_rest()
    evidence.sender_changelog = state(e__vps1__1__2__a1=entry(TOLD, "SENT"), e__vps1__1__3__a2=entry(QUEUE, "DEAD"))

    assert check(evidence).ok


def test_a_message_in_two_places_breaks_the_second_law() -> None:
    evidence = at_rest()
    evidence.coalescer_changelog = state(vps1__4=window(GROUP))

    assert check(evidence).findings == [
        Finding("L2", "in_two_places", GROUP, "suppressed(group) and window vps1/4")
    ]


def test_a_moved_obligation_ends_and_is_born_at_the_next_hop() -> None:
    evidence = at_rest()
    moved = [
        outcome("moved", TOLD, ANA, "a1", to=[BRUNO]),
        outcome("sent", TOLD, BRUNO, "a1", hop=1, notification_id=NOTICE_1),
    ]
    evidence.outcomes = topic(OUTCOMES[0], *moved, *OUTCOMES[2:])

    verdict = check(evidence)
    assert (verdict.ok, verdict.tally.moved, verdict.tally.sent) == (True, 1, 3)


def test_a_moved_obligation_may_name_its_hop() -> None:
    evidence = at_rest()
    moved = [
        outcome("moved", TOLD, ANA, "a1", to=[BRUNO], to_hop=4),
        outcome("sent", TOLD, BRUNO, "a1", hop=4, notification_id=NOTICE_1),
    ]
    evidence.outcomes = topic(OUTCOMES[0], *moved, *OUTCOMES[2:])

    assert check(evidence).ok


def test_what_died_before_anybody_was_responsible_may_be_revived() -> None:
    evidence = at_rest()
    died = [outcome("dead", GROUP, None, "a4", reason="directory"), outcome("revived", GROUP, None, "a4")]
    evidence.outcomes = topic(*OUTCOMES[:-1], *died)
    evidence.sender_changelog = state(u__a4=entry(GROUP, "UNRESOLVED"))

    verdict = check(evidence)
    assert (verdict.findings, verdict.tally.pending, verdict.tally.dead) == ([], 1, 0)
    evidence.sender_changelog = []
    assert findings(evidence) == [("L2", "unaccounted", GROUP)]


def test_an_obligation_in_two_notices_on_one_phone_is_doubled() -> None:
    evidence = at_rest()
    other = "6" * 32
    died = outcome("dead", TOLD, ANA, "a1", reason="attempts", notification_id=other)
    again = [
        outcome("revived", TOLD, ANA, "a1", hop=1),
        outcome("sent", TOLD, ANA, "a1", hop=1, notification_id=NOTICE_1),
    ]
    evidence.dlq = topic(alert("b1", TOLD, redrive_of="a1", agent=ANA))
    evidence.outcomes = topic(OUTCOMES[0], died, *again, *OUTCOMES[2:])
    assert check(evidence).ok

    evidence.phones = [*(evidence.phones or []), PhoneLine("551", other)]
    assert findings(evidence) == [("L3", "doubled", f"{TOLD} on the phone of {ANA}")]


def test_an_obligation_that_nobody_bore_is_found() -> None:
    evidence = at_rest()
    evidence.outcomes = without("assigned", "a1")

    assert findings(evidence) == [("L1", "unborn", f"{TOLD} for {ANA} (hop 0)")]


def test_a_text_in_flight_is_no_stranger() -> None:
    evidence = at_rest()
    sending = Sending("5" * 32, 1, ["a9"], "c", "", "551", "", 0, 0)
    evidence.sender_changelog = state(o__vps1__1__2=Header(sending=sending))
    evidence.phones = [*(evidence.phones or []), PhoneLine("551", "5" * 32)]

    assert check(evidence).ok


# ── whose rows count ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({}, True),
        ({"text_start": "\u200b\u200b"}, True),
        ({"media_type": "image", "text_start": ""}, True),
        ({"from_me": True}, False),
        ({"has_jid": False}, False),
        ({"media_type": "reactionMessage"}, False),
        ({"media_type": "call_log"}, False),
        ({"text_start": "\u200ePronto"}, False),
        ({"text_start": "[Whaticket] Nova"}, False),
    ],
)
def test_customers_messages_are_told_from_other_rows(changed: dict[str, object], counts: bool) -> None:
    assert is_customer_message(row("vps1/1/A", **changed), "[Whaticket]") is counts


def test_a_quoted_copy_carries_its_ticket_in_the_id() -> None:
    assert is_customer_message(row("vps1/18/X-18"), "[Whaticket]") is False
    assert is_customer_message(row("vps1/18/X-1"), "[Whaticket]") is True


CANOVE = Fork(jids=False, companies="none")


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({"media_type": "chat"}, True),
        ({"media_type": "chat", "from_me": True}, False),
        ({"media_type": "chat", "text_start": "\u200ePronto"}, False),
    ],
)
def test_a_fork_without_addresses_makes_no_copies(changed: dict[str, object], counts: bool) -> None:
    for ref in ("vps1/1/A", "vps1/18/X-18"):
        assert is_customer_message(row(ref, has_jid=False, fork=CANOVE, **changed), "[Whaticket]") is counts


@pytest.mark.parametrize(
    ("fork", "tenant"),
    [(CANOVE, "vps1/0"), (Fork(jids=False, companies="ticket"), "vps1/?"), (Fork(), "vps1/?")],
)
def test_a_row_without_company_is_of_company_0_only_where_the_fork_has_none(fork: Fork, tenant: str) -> None:
    given = row("vps1/1/A", company_id=None, has_jid=not fork.jids)
    found = created_row(Seen(0, 0, None, change(given)), {"vps1": fork})
    assert found is not None
    assert (found.tenant, found.fork) == (tenant, fork)


def test_where_nothing_can_have_expired_a_missing_alert_was_deleted() -> None:
    evidence = at_rest()
    evidence.alerts, evidence.alerts_complete = evidence.alerts[1:], False

    assert check(evidence).ok
    found = check(evidence, whole=True)
    assert [(f.law, f.what, f.subject) for f in found.findings] == [("L2", "unaccounted", "alert a1")]


def test_tenants_that_are_off_are_not_expected() -> None:
    evidence = at_rest()
    other = row("vps1/8/N", company_id=2)
    evidence.rows.append(other)
    evidence.messages += topic(change(other))

    assert check(evidence, tenants=frozenset({"vps1/1"})).ok
    assert findings(evidence) == [("L2", "unaccounted", other.ref)]


def test_an_undecodable_record_is_found_in_its_dead_letter_topic() -> None:
    evidence = at_rest()
    odd = row("vps1/8/N")
    evidence.rows.append(odd)
    evidence.cdc_dlq = topic(change(odd))

    assert findings(evidence) == [("L2", "undecodable", odd.ref)]


def test_a_body_cut_within_an_emoji_is_still_read() -> None:
    cut = change(row("vps1/1/A")).replace(b'"oi"', rb'"123456789012345\ud83d"')

    found = created_row(Seen(0, 0, None, cut))
    assert found is not None
    assert found.ref == "vps1/1/A"


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"op":"u"}', b'{"op":"c","after":{},"source":{}}'])
def test_a_record_that_is_no_insert_is_passed_over(value: bytes | None) -> None:
    assert created_row(Seen(0, 0, None, value)) is None


def test_records_are_read_by_the_published_vocabulary() -> None:
    assert decoder(Outcome).decode(encode(OUTCOMES[0])) == OUTCOMES[0]
    assert decoder(Alert).decode(encode(alert("a1", TOLD))) == alert("a1", TOLD)

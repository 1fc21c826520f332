"""Faults in the sender that its tests must find. Each is a mistake that somebody could make in good faith."""

from pathlib import Path

import pytest

from tests.mutants.runner import Mutant, mutate, run

FOLDER = "tests/consumers/sender/"
OPTIONS = ("--noconftest",)
"""These tests need no servers, whose fixtures take longer to import than the tests to run."""
ROOM = "consumers/sender/"

MUTANTS = [
    Mutant(
        "nobody remembers who was told",
        ROOM + "births.py",
        "            other.told_to = [*other.told_to, agent]\n",
        "            other.told_to = []\n",
        ("test_moves.py::test_who_was_told_already_does_not_get_it_from_another",),
    ),
    Mutant(
        "an old marker is as good as a new one",
        ROOM + "app.py",
        "if self._clock.now_ms() - work.marked_ms >= work.lease_ms:",
        "if work.lease_ms < 0:",
        ("test_app.py::test_a_send_with_an_old_marker_never_starts",),
    ),
    Mutant(
        "http starts before the marker is durable",
        ROOM + "turn.py",
        "self.effects.append(AfterCommit(work))",
        "self.effects.append(Ask(work))",
        ("test_flight.py::test_s15_the_marker_holds_the_bytes_before_http_starts",),
    ),
    Mutant(
        "an answer retracts what came after it",
        ROOM + "retraction.py",
        "answered = [item for item in entry.items if item.seq <= record.up_to_seq]",
        "answered = list(entry.items)",
        ("test_retraction.py::test_s7_what_waits_up_to_the_answer_is_not_told",),
    ),
    Mutant(
        "an answer to what is under way is forgotten",
        ROOM + "settle.py",
        "        if turn.suppress(key, entry, Suppressed.ANSWERED, retracted(header, entry)):\n"
        "            continue\n",
        "",
        ("test_retraction.py::test_s8_an_answer_while_the_notice_is_under_way_is_remembered_for_its_return",),
    ),
    Mutant(
        "a move is a copy",
        ROOM + "moves.py",
        "    turn.drop(key)\n    for other in to:",
        "    for other in to:",
        ("test_loop_guard.py::test_a_reassigned_alert_is_not_judged_again",),
    ),
    Mutant(
        "a hop counts for its own entry alone",
        ROOM + "births.py",
        "hop = 1 + max(max(e.hop, e.top_hop) for e in [entry, *(e for _, e in family)])",
        "hop = 1 + entry.hop + 0 * len(family)",
        ("test_moves.py::test_an_agent_who_gets_it_back_gets_it_at_a_hop_of_its_own",),
    ),
    Mutant(
        "who holds the alert gets it again",
        ROOM + "moves.py",
        "served = set(entry.told_to) | births.holders(turn, alert_id, candidates)",
        "served = set(entry.told_to)",
        ("test_moves.py::test_who_holds_it_already_does_not_get_it_again",),
    ),
    Mutant(
        "a session that is down burns attempts",
        ROOM + "settle.py",
        "        case _ if waits.wait(turn, header, channel_id, result):  # S18, S19\n",
        "        case Rejection.SESSION_DOWN:\n"
        "            _transient(turn, header, family, result, machine, burn=True)\n"
        "        case _ if waits.wait(turn, header, channel_id, result):  # S18, S19\n",
        ("test_breaker.py::test_a_definite_answer_about_the_probes_message_closes_the_breaker",),
    ),
    Mutant(
        "a refused resend leaves no doubt",
        ROOM + "settle.py",
        "        if sending.resends:\n",
        "        if sending.resends > 1:\n",
        ("test_flight.py::test_s25_after_an_unknown_attempt_every_further_one_is_flagged",),
    ),
    Mutant(
        "an unknown attempt is a failed one",
        ROOM + "settle.py",
        "            flight.unknown(turn, agent, header, sending, result.code)  # S22",
        "            _rejected(turn, agent, header, sending, Rejected(Rejection.TRANSIENT, result.code), details)",
        ("test_flight.py::test_s25_a_channel_that_is_removed_before_a_resend_ends_it_as_unknown",),
    ),
    Mutant(
        "a night with a clock change has a hole",
        ROOM + "quiet.py",
        "    return _instant(zone, wall, fold=1)",
        "    return _instant(zone, wall, fold=0)",
        ("test_quiet.py::test_a_night_with_a_clock_change_is_one_stretch",),
    ),
    Mutant(
        "a time in a gap is read as before it",
        ROOM + "quiet.py",
        "    return high\n",
        "    return found\n",
        ("test_quiet.py::test_a_night_with_a_clock_change_is_one_stretch",),
    ),
    Mutant(
        "the end of a night is still night",
        ROOM + "quiet.py",
        "        if at < 0 or spans[at][1] <= now_ms:",
        "        if at < 0 or spans[at][1] < now_ms:",
        ("test_quiet.py::test_a_night_with_a_clock_change_is_one_stretch",),
    ),
    Mutant(
        "a probe that fails burns an attempt",
        ROOM + "settle.py",
        "burn=not probe)",
        "burn=True)",
        ("test_breaker.py::test_a_probe_that_fails_burns_no_attempt",),
    ),
    Mutant(
        "a hang is nobody's failure",
        ROOM + "settle.py",
        "            if result.code != NO_RESULT:",
        "            if result.code == NO_RESULT:",
        ("test_breaker.py::test_a_probe_that_hangs_opens_it_again",),
    ),
    Mutant(
        "the youngest message goes first",
        ROOM + "ready.py",
        "            heappush(self.heap, (since_ms, agent))",
        "            heappush(self.heap, (-since_ms, agent))",
        ("test_breaker.py::test_three_failures_of_the_gateway_in_a_row_open_the_breaker",),
    ),
    Mutant(
        "no timer fires for a token",
        ROOM + "ready.py",
        "                found.append(queue.woken)",
        "                pass",
        ("test_ready.py::test_a_rate_lets_one_go_for_each_token_and_names_whose_timer_must_fire",),
    ),
    Mutant(
        "a channel with a weight keeps its turn for ever",
        ROOM + "ready.py",
        "            if not queue.deficit:",
        "            if queue.deficit < 0:",
        ("test_ready.py::test_places_are_bounded_by_channel_and_by_partition",),
    ),
    Mutant(
        "a number is called dead in one form",
        ROOM + "numbers.py",
        "    if not reached.tried_other and form is not None",
        "    if reached.tried_other and form is not None",
        ("test_numbers.py::test_the_other_form_is_tried_before_a_number_counts_as_refused_and_what_works_is_kept",),
    ),
    Mutant(
        "a suspended number is forgotten until the database knows",
        ROOM + "numbers.py",
        "reached.suspended_ms and reached.unreported):",
        "reached.suspended_ms and not reached.unreported):",
        ("test_numbers.py::test_a_suspension_that_the_database_did_not_take_holds_and_is_told_again",),
    ),
    Mutant(
        "an echo is counted as a message",
        ROOM + "loop_guard.py",
        "    echo.rounds = echo.rounds + 1 if follows else 0",
        "    echo.rounds = 0 if follows else 0",
        (
            "test_loop_guard.py::test_an_automatic_answer_to_a_notice_gets_one_notice_a_window_and_is_silenced_in_three_rounds",
        ),
    ),
    Mutant(
        "a new alert forgets the echoes",
        ROOM + "unresolved.py",
        "echoes=echoes))",
        "echoes={}))",
        (
            "test_loop_guard.py::test_an_automatic_answer_to_a_notice_gets_one_notice_a_window_and_is_silenced_in_three_rounds",
        ),
    ),
    Mutant(
        "a restricted channel tells nobody",
        ROOM + "release.py",
        "        if not header.last_sent_ms:",
        "        if True:",
        ("test_breaker.py::test_rcd_303_three_refused_first_contacts_pause_the_channel_for_new_ones_alone",),
    ),
    Mutant(
        "the marker of a template holds no template",
        ROOM + "flight.py",
        "        opening=opening,\n    )\n    for key",
        "        opening=None,\n    )\n    for key",
        ("test_settle.py::test_s20_where_the_provider_has_templates_the_marker_carries_the_opening",),
    ),
    Mutant(
        "what is held does not follow its lane",
        ROOM + "lanes.py",
        "    if entry.lane == lane or target == turn.fixed.partition:",
        "    if entry.lane != lane or target == turn.fixed.partition:",
        ("test_lanes.py::test_what_is_held_moves_to_the_lanes_partition_as_a_duty_of_the_same_agent",),
    ),
    Mutant(
        "a place that comes free goes to whoever comes",
        ROOM + "ready.py",
        "<= {agent} and not self._scarce())",
        "<= {agent})",
        ("test_ready.py::test_places_are_bounded_by_channel_and_by_partition",),
    ),
    Mutant(
        "the switches are looked at only once",
        ROOM + "outbox.py",
        "    off = switches.tenant_off(turn.config, tenant) or births.off(turn, agent)\n    if off",
        "    off = None\n    if off",
        ("test_flight.py::test_what_was_switched_off_while_a_marker_grew_old_is_not_sent",),
    ),
    Mutant(
        "an agents own contact is known by its number alone",
        ROOM + "loop_guard.py",
        "    if ticket.contact_id is not None and",
        "    if ticket.contact_id is None and",
        ("test_loop_guard.py::test_a_contact_that_is_an_agents_own_is_known_by_its_id_in_the_same_source",),
    ),
    Mutant(
        "what was learnt of an erased number stays",
        ROOM + "controls.py",
        "            turn.drop(keys.header(agent))  #",
        "            pass  #",
        ("test_controls.py::test_s31_erase_forgets_the_agents_outbox_with_what_was_learnt_of_the_number",),
    ),
    Mutant(
        "dead letters are not erased",
        ROOM + "controls.py",
        '        if facts.phase in {"SENT", "DEAD"} and',
        '        if facts.phase in {"SENT"} and',
        ("test_controls.py::test_s31_erase_forgets_what_waits_as_a_dead_letter",),
    ),
    Mutant(
        "who is erased loses what is under way",
        ROOM + "controls.py",
        " and not turn.index.of_agent(agent):",
        ":",
        ("test_controls.py::test_s31_erase_lets_what_is_under_way_end_by_itself",),
    ),
    Mutant(
        "all leave together at the end of the spread",
        ROOM + "outbox.py",
        "tenant.machine.release_spread * turn.fixed.chance())",
        "tenant.machine.release_spread)",
        ("test_breaker.py::test_those_who_wait_for_a_throttled_channel_are_released_spread_over_a_little",),
    ),
    Mutant(
        "a throttled channels herd is not spread",
        ROOM + "outbox.py",
        "SHARED = frozenset({Hold.QUIET, Hold.CHANNEL, Hold.RESTRICTED})",
        "SHARED = frozenset({Hold.QUIET})",
        ("test_breaker.py::test_those_who_wait_for_a_throttled_channel_are_released_spread_over_a_little",),
    ),
    Mutant(
        "a night is told of for ever",
        ROOM + "flight.py",
        "header.technical_since_ms = header.quiet_since_ms = header.retry_at_ms = 0",
        "header.technical_since_ms = header.retry_at_ms = 0",
        ("test_notice.py::test_what_comes_while_the_mornings_notice_is_under_way_did_not_wait_through_the_night",),
    ),
    Mutant(
        "every failed receipt burns an attempt",
        ROOM + "receipts.py",
        "        entry.attempts += verdict.burn\n",
        "        entry.attempts += 1\n",
        ("test_receipts.py::test_s27_a_receipt_that_blames_the_channel_opens_its_breaker_and_burns_no_attempt",),
    ),
    Mutant(
        "a failed receipt says nothing about the channel",
        ROOM + "receipts.py",
        "    if kind is not None and waits.wait(",
        "    if kind is None and waits.wait(",
        ("test_receipts.py::test_s27_a_receipt_that_blames_the_channel_opens_its_breaker_and_burns_no_attempt",),
    ),
    Mutant(
        "what bounces for ever is sent for ever",
        ROOM + "receipts.py",
        "        elif too_long and not verdict.burn:",
        "        elif False:",
        ("test_receipts.py::test_what_keeps_bouncing_expires_as_what_a_channel_holds_does",),
    ),
    Mutant(
        "a window that stays closed is tried for ever",
        ROOM + "receipts.py",
        "            again = header.template_until_ms > turn.now_ms",
        "            again = False",
        ("test_receipts.py::test_a_window_that_stays_closed_for_templates_too_ends_as_dead",),
    ),
    Mutant(
        "an accepted probe proves that nothing will bounce",
        ROOM + "breaker.py",
        "    if not channel.blamed_later:",
        "    if True:",
        ("test_receipts.py::test_what_is_accepted_after_such_a_receipt_proves_nothing_for_a_while",),
    ),
    Mutant(
        "what was under way closes the breaker that a receipt opened",
        ROOM + "breaker.py",
        ' or (channel.blamed_later and channel.breaker == "open"):',
        ":",
        ("test_receipts.py::test_what_was_under_way_when_a_receipt_opened_it_does_not_close_it",),
    ),
    Mutant(
        "whom a receipt refused is a known contact",
        ROOM + "waits.py",
        "                header.last_sent_ms = 0  #",
        "                pass  #",
        ("test_receipts.py::test_rcd_303_three_receipts_that_restrict_pause_the_channel_for_new_contacts",),
    ),
    Mutant(
        "a long throttle is told by everybody who meets it",
        ROOM + "breaker.py",
        "    if wait_ms >= LONG_MS and not known:",
        "    if wait_ms >= LONG_MS:",
        ("test_breaker.py::test_a_channel_that_must_wait_for_long_raises_one_alarm_and_one_that_paces_none",),
    ),
]


def test_a_mutant_that_fits_no_more_says_so() -> None:
    for mutant in MUTANTS:
        assert mutate(f"x{mutant.before}y", mutant) == f"x{mutant.after}y"


def test_the_mutants_fit_the_code() -> None:
    root = Path(__file__).resolve().parents[2]
    for mutant in MUTANTS:
        mutate((root / mutant.module).read_text(encoding="utf-8"), mutant)


def _chosen(*mutants: Mutant) -> list[str]:
    found_by = sorted({test for mutant in mutants for test in mutant.found_by})
    return [*(FOLDER + test for test in found_by), *OPTIONS]


@pytest.mark.slow
def test_the_unchanged_code_passes_what_finds_them(tmp_path: Path) -> None:
    verdict = run(tmp_path, None, _chosen(*MUTANTS))
    assert verdict.passed, verdict.output


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name.replace(" ", "-"))
def test_a_test_finds(mutant: Mutant, tmp_path: Path) -> None:
    assert mutant.found_by, "name the test that finds it"
    verdict = run(tmp_path, mutant, _chosen(mutant))
    assert verdict.killed, verdict.output

"""Faults in the sender that its tests must find. Each is a mistake that somebody could make in good faith."""

from pathlib import Path

import pytest

from tests.mutants.runner import Mutant, mutate, run

TESTS = ("tests/consumers/sender", "-m", "not slow")
ROOM = "consumers/sender/"

MUTANTS = [
    Mutant(
        "nobody remembers who was told",
        ROOM + "births.py",
        "            other.told_to = [*other.told_to, agent]\n",
        "            other.told_to = []\n",
    ),
    Mutant(
        "an old marker is as good as a new one",
        ROOM + "app.py",
        "if self._clock.now_ms() - work.marked_ms >= work.lease_ms:",
        "if work.lease_ms < 0:",
    ),
    Mutant(
        "http starts before the marker is durable",
        ROOM + "turn.py",
        "self.effects.append(AfterCommit(work))",
        "self.effects.append(Ask(work))",
    ),
    Mutant(
        "an answer retracts what came after it",
        ROOM + "retraction.py",
        "answered = [item for item in entry.items if item.seq <= record.up_to_seq]",
        "answered = list(entry.items)",
    ),
    Mutant(
        "an answer to what is under way is forgotten",
        ROOM + "settle.py",
        "        if turn.suppress(key, entry, Suppressed.ANSWERED, retracted(header, entry)):\n"
        "            continue\n",
        "",
    ),
    Mutant(
        "a move is a copy",
        ROOM + "moves.py",
        "    turn.drop(key)\n    for other in to:",
        "    for other in to:",
    ),
    Mutant(
        "a hop counts for its own entry alone",
        ROOM + "births.py",
        "hop = 1 + max(max(e.hop, e.top_hop) for e in [entry, *(e for _, e in family)])",
        "hop = 1 + entry.hop + 0 * len(family)",
    ),
    Mutant(
        "who holds the alert gets it again",
        ROOM + "moves.py",
        "served = set(entry.told_to) | births.holders(turn, alert_id, candidates)",
        "served = set(entry.told_to)",
    ),
    Mutant(
        "a session that is down burns attempts",
        ROOM + "settle.py",
        "            breaker.trip(turn, sending.channel_id, Hold.SESSION_DOWN, result.code)",
        "            _transient(turn, header, family, result, machine)",
    ),
    Mutant(
        "a refused resend leaves no doubt",
        ROOM + "settle.py",
        "        if sending.resends:\n",
        "        if sending.resends > 1:\n",
    ),
    Mutant(
        "an unknown attempt is a failed one",
        ROOM + "settle.py",
        "            flight.unknown(turn, agent, header, sending, result.code)  # S22",
        "            _rejected(turn, agent, header, sending, Rejected(Rejection.TRANSIENT, result.code), details)",
    ),
    Mutant(
        "a night with a clock change has a hole",
        ROOM + "quiet.py",
        "    return _instant(zone, wall, fold=1)",
        "    return _instant(zone, wall, fold=0)",
    ),
    Mutant(
        "a time in a gap is read as before it",
        ROOM + "quiet.py",
        "    return high\n",
        "    return found\n",
    ),
    Mutant(
        "the end of a night is still night",
        ROOM + "quiet.py",
        "        if at < 0 or spans[at][1] <= now_ms:",
        "        if at < 0 or spans[at][1] < now_ms:",
    ),
    Mutant(
        "a probe that fails burns an attempt",
        ROOM + "settle.py",
        "burn=not probe)",
        "burn=True)",
    ),
    Mutant(
        "a hang is nobody's failure",
        ROOM + "settle.py",
        "            if result.code != NO_RESULT:",
        "            if result.code == NO_RESULT:",
    ),
    Mutant(
        "the youngest message goes first",
        ROOM + "ready.py",
        "            heappush(self.heap, (since_ms, agent))",
        "            heappush(self.heap, (-since_ms, agent))",
    ),
    Mutant(
        "no timer fires for a token",
        ROOM + "ready.py",
        "                found.append(queue.woken)",
        "                pass",
    ),
    Mutant(
        "a channel with a weight keeps its turn for ever",
        ROOM + "ready.py",
        "            if not queue.deficit:",
        "            if queue.deficit < 0:",
    ),
    Mutant(
        "a number is called dead in one form",
        ROOM + "numbers.py",
        "    if not reached.tried_other and form is not None",
        "    if reached.tried_other and form is not None",
    ),
    Mutant(
        "a suspended number is forgotten until the database knows",
        ROOM + "numbers.py",
        "reached.suspended_ms and reached.unreported):",
        "reached.suspended_ms and not reached.unreported):",
    ),
    Mutant(
        "an echo is counted as a message",
        ROOM + "loop_guard.py",
        "    echo.rounds = echo.rounds + 1 if follows else 0",
        "    echo.rounds = 0 if follows else 0",
    ),
    Mutant(
        "a new alert forgets the echoes",
        ROOM + "unresolved.py",
        "echoes=echoes))",
        "echoes={}))",
    ),
    Mutant(
        "a restricted channel tells nobody",
        ROOM + "release.py",
        "        if not header.last_sent_ms:",
        "        if True:",
    ),
    Mutant(
        "the marker of a template holds no template",
        ROOM + "flight.py",
        "        opening=opening,\n    )\n    for key",
        "        opening=None,\n    )\n    for key",
    ),
    Mutant(
        "what is held does not follow its lane",
        ROOM + "lanes.py",
        "    if entry.lane == lane or target == turn.fixed.partition:",
        "    if entry.lane != lane or target == turn.fixed.partition:",
    ),
    Mutant(
        "a place that comes free goes to whoever comes",
        ROOM + "ready.py",
        "<= {agent} and not self._scarce())",
        "<= {agent})",
    ),
    Mutant(
        "the switches are looked at only once",
        ROOM + "outbox.py",
        "    off = switches.tenant_off(turn.config, tenant) or births.off(turn, agent)\n    if off",
        "    off = None\n    if off",
    ),
]


def test_a_mutant_that_fits_no_more_says_so() -> None:
    for mutant in MUTANTS:
        assert mutate(f"x{mutant.before}y", mutant) == f"x{mutant.after}y"


def test_the_mutants_fit_the_code() -> None:
    root = Path(__file__).resolve().parents[2]
    for mutant in MUTANTS:
        mutate((root / mutant.module).read_text(encoding="utf-8"), mutant)


@pytest.mark.slow
def test_the_unchanged_code_passes(tmp_path: Path) -> None:
    verdict = run(tmp_path, None, TESTS)
    assert verdict.passed, verdict.output


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name.replace(" ", "-"))
def test_the_tests_find(mutant: Mutant, tmp_path: Path) -> None:
    verdict = run(tmp_path, mutant, TESTS)
    assert verdict.killed, verdict.output

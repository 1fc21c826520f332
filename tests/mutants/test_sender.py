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
        "the switches are looked at only once",
        ROOM + "outbox.py",
        "    off = switches.tenant_off(turn.config, tenant) or switches.agent_off(me)\n",
        "    off = None\n",
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

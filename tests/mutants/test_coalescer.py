"""Faults in the coalescer that its tests must find. Each is a mistake that somebody could make in good faith."""

from pathlib import Path

import pytest

from tests.mutants.runner import Mutant, mutate, run

TESTS = ("tests/consumers/coalescer", "-m", "not slow")
WINDOW = "consumers/coalescer/window.py"
PIPELINE = "consumers/coalescer/pipeline.py"

MUTANTS = [
    Mutant(
        "seen ids expire in wall-clock time",
        PIPELINE,
        "self._seen.add(key, after, digest, mark_ms, machine)",
        "self._seen.add(key, after, digest, now_ms, machine)",
    ),
    Mutant(
        "a person's answer does not end what waits",
        WINDOW,
        "    if window.pending:\n        effects.append(Suppress(Suppressed.ANSWERED, window.pending))\n"
        "        window.pending = []\n",
        "",
    ),
    Mutant(
        "settle slides without end",
        WINDOW,
        "window.due_ms = min(now_ms + parameters.settle, window.first_ms + parameters.max_settle)",
        "window.due_ms = now_ms + parameters.settle",
    ),
    Mutant(
        "answers are not remembered",
        PIPELINE,
        "dropped = self._seen.add(key, after, digest, mark_ms, machine)",
        'dropped = person == "customer" and self._seen.add(key, after, digest, mark_ms, machine)',
    ),
    Mutant(
        "a stub is forgotten by the clock alone",
        WINDOW,
        "event.high_water_ms > window.last_ts_ms + parameters.seen_keep",
        "now_ms > window.last_ts_ms + parameters.seen_keep",
    ),
    Mutant(
        "an undecided row counts as a person's",
        WINDOW,
        "    window.level = 0  # W9u\n",
        "    window.level = 0  # W9u\n    window.pending = []\n",
    ),
    Mutant(
        "the summary tells again what the lead told",
        WINDOW,
        "    window.pending = []\n    window.omitted = 0\n    window.alerts_out += 1\n",
        "    window.omitted = 0\n    window.alerts_out += 1\n",
    ),
    Mutant(
        "what waited when the tenant was switched off is sent later",
        WINDOW,
        "or window.pending[0].admitted_ms <= event.disabled_at_ms",
        "or False",
    ),
]


def test_a_mutant_that_fits_no_more_says_so() -> None:
    for mutant in MUTANTS:
        assert mutate(f"x{mutant.before}y", mutant) == f"x{mutant.after}y"
        for text in ("", mutant.before * 2):
            with pytest.raises(ValueError, match="times in"):
                mutate(text, mutant)


@pytest.mark.slow
def test_the_unchanged_code_passes(tmp_path: Path) -> None:
    verdict = run(tmp_path, None, TESTS)
    assert verdict.passed, verdict.output


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name.replace(" ", "-"))
def test_the_tests_find(mutant: Mutant, tmp_path: Path) -> None:
    verdict = run(tmp_path, mutant, TESTS)
    assert verdict.killed, verdict.output

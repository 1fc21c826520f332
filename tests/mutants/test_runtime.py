"""Faults in the runtime that its tests must find, those that need no broker. Mistakes made in good faith."""

from pathlib import Path

import pytest

from tests.mutants.runner import ROOT, Mutant, mutate, run

TESTS = ("tests/consumers/runtime", "tests/schemas/test_clock.py", "-m", "not stack and not slow")
ROOM = "consumers/runtime/"

MUTANTS = [
    Mutant(
        "a record that breaks the rules is skipped",
        ROOM + "task.py",
        "            raise Poison(self.partition, record.offset, type(error).__name__) from error\n",
        "            effects = []\n",
    ),
    Mutant(
        "a timer that was put aside is armed again",
        ROOM + "task.py",
        "            if key not in self._poison:\n                self.store.fired(key, now_ms)\n",
        "            self.store.fired(key, now_ms)\n",
    ),
    Mutant(
        "rules may fail without end",
        ROOM + "worker.py",
        "        often = len(self._poisoned_at) == POISON_CEILING\n",
        "        often = False\n",
    ),
    Mutant(
        "a timer whose firing changed nothing is forgotten",
        ROOM + "store.py",
        "            self._arm(key, max(due_ms, now_ms + REFIRE_MS))\n",
        "            pass\n",
    ),
    Mutant(
        "a timer fires though another has just moved it",
        ROOM + "task.py",
        "            if not self.store.is_due(key, now_ms):\n                continue\n",
        "",
    ),
    Mutant(
        "a partition that is leaving goes on asking",
        ROOM + "task.py",
        "                if self.ticket.leaving:\n",
        "                if False:\n",
    ),
    Mutant(
        "work of a partition that is gone is begun",
        ROOM + "work.py",
        "            if ticket.alive:\n",
        "            if True:\n",
    ),
    Mutant(
        "the clock stands still after a step back",
        "schemas/clock.py",
        "self._now + (at - self._at) // 2",
        "self._now",
    ),
]


def test_the_mutants_fit_the_code() -> None:
    for mutant in MUTANTS:
        mutate((ROOT / mutant.module).read_text(encoding="utf-8"), mutant)


@pytest.mark.slow
def test_the_unchanged_code_passes(tmp_path: Path) -> None:
    verdict = run(tmp_path, None, TESTS)
    assert verdict.passed, verdict.output


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name.replace(" ", "-"))
def test_the_tests_find(mutant: Mutant, tmp_path: Path) -> None:
    verdict = run(tmp_path, mutant, TESTS)
    assert verdict.killed, verdict.output

"""Many faults at once: an injector for each process, with its own seeded sequence, on purpose over one another.

A fault is a SIGKILL, a SIGSTOP longer than the session, or a twin. A SIGTERM is noted, and counted apart.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from deploy.stack import PARTS
from schemas.errors import Recoverable
from tests.chaos.report import Fault
from tests.chaos.world import World

ROLES = ("coalescer", "sender")
FREEZES_S = {"kafka": (3.0, 8.0), "connect": (4.0, 12.0), "postgres": (3.0, 8.0)}
BEYOND_A_SESSION_S = (6.5, 8.5)
TWIN_S = (0.5, 2.5)


@dataclass(frozen=True)
class Habit:
    """How often a process is hit (seconds between two faults, at random between both), and how: act and weight."""

    pause_s: tuple[float, float]
    acts: tuple[tuple[str, int], ...]


ROLE = Habit((2.0, 8.0), (("kill", 60), ("freeze", 18), ("twin", 12), ("end", 10)))
HABITS = {
    **dict.fromkeys(ROLES, ROLE),
    "kafka": Habit((35.0, 65.0), (("kill", 60), ("freeze", 25), ("outage", 15))),
    "connect": Habit((25.0, 50.0), (("kill", 75), ("freeze", 25))),
    "postgres": Habit((25.0, 50.0), (("kill", 70), ("freeze", 30))),
}


class Injector(threading.Thread):
    """Breaks one process again and again, until told to stop; then it ends the fault that it has begun."""

    def __init__(self, world: World, part: str, ordinal: int, seed: int, done: threading.Event) -> None:
        super().__init__(name=f"{part}.{ordinal}", daemon=True)
        self._world, self._part, self._ordinal, self._done = world, part, ordinal, done
        self._random = Random(f"{seed}/{part}/{ordinal}")
        self.error: Exception | None = None

    def run(self) -> None:
        """Break, wait, break."""
        habit = HABITS[self._part]
        names, weights = zip(*habit.acts, strict=True)
        try:
            while not self._done.wait(self._random.uniform(*habit.pause_s)):
                name = self._random.choices(names, weights)[0]
                # Between two lives there is nobody to hit: that is no fault, and the next one comes soon enough.
                with suppress(ProcessLookupError, Recoverable):
                    self._act(name)
        except Exception as error:
            self.error = error

    def _act(self, name: str) -> None:
        world, part, ordinal = self._world, self._part, self._ordinal
        if name == "kill":
            world.kill(part, ordinal)
        elif name == "freeze":
            seconds = self._random.uniform(*FREEZES_S.get(part, BEYOND_A_SESSION_S))
            world.freeze(part, ordinal, seconds)
        elif name == "twin":
            world.twin(part, ordinal, self._random.uniform(*TWIN_S))
        elif name == "end":
            world.end(part, ordinal)
        else:
            world.outage()


@dataclass
class Pace:
    """How the world went on meanwhile."""

    told: int
    longest_silence_s: float


def storm(world: World, seed: int, seconds: float, processes: Sequence[int] = (0, 1, 2)) -> Pace:
    """Let all injectors loose for `seconds`; returns when the last has ended what it had begun.

    Raises:
        Exception: what an injector met that is not the world's fault.
    """
    done = threading.Event()
    injectors = [Injector(world, role, ordinal, seed, done) for role in ROLES for ordinal in processes]
    injectors += [Injector(world, part, 0, seed, done) for part in PARTS]
    for injector in injectors:
        injector.start()
    pace = _watch(world, seconds, injectors)
    done.set()
    for injector in injectors:
        injector.join(150)
        assert not injector.is_alive(), f"{injector.name} did not end its fault"
        if injector.error is not None:
            raise injector.error
    return pace


def _watch(world: World, seconds: float, injectors: Iterable[Injector]) -> Pace:
    first = last = world.watch.tally.told
    since = time.monotonic()
    deadline, longest = since + seconds, 0.0
    while (now := time.monotonic()) < deadline and not any(i.error for i in injectors):
        if world.watch.tally.told != last:
            last, longest, since = world.watch.tally.told, max(longest, now - since), now
        time.sleep(0.2)
    return Pace(last - first, round(max(longest, time.monotonic() - since), 1))


def counted(faults: Iterable[Fault]) -> dict[str, int]:
    """Return how many faults of each kind there were; clean ends are listed, and not in `faults`."""
    kinds = Counter(f"{fault.part} {fault.what}" for fault in faults)
    ends = sum(number for kind, number in kinds.items() if kind.endswith(" end"))
    return {"faults": kinds.total() - ends, "clean_ends": ends, **dict(sorted(kinds.items()))}

"""Memory and disk of this machine, for the local stack."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import Fatal
from schemas.settings import Settings

MB = 2**20
ROLES_MB, STACK_MB, DISK_MB = 300, 1_000, 1_024
"""What our roles take, what Kafka and Connect take, what the topics may grow to (docs/benchmarks.md)."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What is free, in MB; None where the system does not tell."""

    memory_mb: int | None
    disk_mb: int


def measure(settings: Settings) -> Machine:
    """Look at the machine and at the disk of the data folder."""
    folder = settings.data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    return Machine(_available_mb(Path("/proc/meminfo")), shutil.disk_usage(folder).free // MB)


def has_local_stack(settings: Settings) -> bool:
    """Tell whether `recado up` was used with this data folder."""
    return (settings.data_dir / "stack.env").exists()


def require_room(machine: Machine, *, stack_runs: bool) -> None:
    """Check that there is room.

    Raises:
        Fatal: RCD-109, with the numbers.
    """
    need = ROLES_MB if stack_runs else ROLES_MB + STACK_MB
    if machine.disk_mb < DISK_MB:
        raise Fatal("RCD-109", f"{machine.disk_mb} MB of disk are free, {DISK_MB} MB are needed")
    if machine.memory_mb is not None and machine.memory_mb < need:
        raise Fatal("RCD-109", f"{machine.memory_mb} MB of memory are free, {need} MB are needed")


def _available_mb(meminfo: Path) -> int | None:
    """Return the memory that can be had without swapping: Linux tells it, elsewhere the free pages are taken."""
    if meminfo.exists():
        for line in meminfo.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") // MB
    except (ValueError, OSError):
        return None

"""Start one program for the supervisor: note who it is, drop rights, become it.

Run as a script with a JSON file: `argv`, `env`, `cwd`, `record`, `parent` (the supervisor's record), `uid` and
`gid` where rights are dropped, `nice` for itself and `session_nice` for its whole session. The record (process id,
start time) survives the supervisor, so that a later start finds and ends what it left behind.
Imports nothing of ours: it runs as root and should stay easy to review.
"""

import contextlib
import json
import os
import sys
from pathlib import Path

import psutil


def main(spec_path: str) -> None:
    """Replace this process by the program of the spec; returns only when its supervisor is gone."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    record = Path(spec["record"])
    temporary = record.with_suffix(".new")
    temporary.write_text(
        json.dumps({"pid": os.getpid(), "started": psutil.Process().create_time(), "argv": spec["argv"]}),
        encoding="utf-8",
    )
    temporary.replace(record)
    if "parent" in spec and _pid(Path(spec["parent"])) != os.getppid():
        record.unlink(missing_ok=True)
        return  # the supervisor was killed before the record was there: its successor cannot have seen this process
    os.nice(spec.get("nice", 0))
    _stand_back(spec.get("session_nice", 0))
    os.umask(spec.get("umask", 0o077))
    os.chdir(spec["cwd"])
    if spec.get("uid") is not None:
        os.setgroups([])
        os.setgid(spec["gid"])
        os.setuid(spec["uid"])
    os.execve(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606 - the spec is ours, readable by its owner only


def _stand_back(nice: int) -> None:
    """Lower the session as a whole.

    Where the kernel groups tasks by session, `nice` counts within a session only, and all of ours are in one. Where
    it does not (no such file), or forbids it, the programs' own `nice` is what counts.
    """
    if nice:
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")


def _pid(record: Path) -> int | None:
    try:
        return int(json.loads(record.read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError, KeyError):
        return None


if __name__ == "__main__":
    main(sys.argv[1])

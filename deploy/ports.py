"""Loopback ports of the local stack: chosen once, kept in `ports.json`, never stolen."""

import contextlib
import errno
import json
import random
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy import files
from schemas.errors import Fatal, Invalid

HOST = "127.0.0.1"
NAMES = ("postgres", "kafka", "controller", "connect", "supervisor")
# Below the range from which systems take the local ends of outgoing connections: a port of a stack that is down
# must not be in use by chance when it comes up again.
FIRST, LAST = 20_000, 29_999


def load_or_choose(path: Path) -> dict[str, int]:
    """Return the port of each name, choosing free ones for names that have none yet.

    Raises:
        Invalid: RCD-704, the file cannot be read; removing it chooses new ports.
    """
    kept: dict[str, int] = {}
    try:
        text = path.read_text(encoding="utf-8")
        kept = {str(name): int(port) for name, port in json.loads(text).items()}
    except FileNotFoundError:
        pass
    except (ValueError, AttributeError, TypeError) as error:
        detail = f"{path} is not a table of ports"
        raise Invalid("RCD-704", detail) from error
    missing = [name for name in NAMES if name not in kept]
    if missing:
        kept |= dict(zip(missing, choose(len(missing), taken=list(kept.values())), strict=True))
        files.write(path, json.dumps(kept, indent=2) + "\n")
    return kept


def choose(count: int, taken: Sequence[int] = ()) -> list[int]:
    """Return `count` different ports that are free at this moment."""
    candidates = random.sample(range(FIRST, LAST + 1), LAST - FIRST + 1)
    found: list[int] = []
    for port in candidates:
        if port not in taken and is_free(port):
            found.append(port)
            if len(found) == count:
                return found
    detail = f"no free port on {HOST} between {FIRST} and {LAST}"
    raise Fatal("RCD-704", detail)


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the port now."""
    with _listening(port) as free:
        return free


def require_free(name: str, port: int) -> None:
    """Raise `Fatal` RCD-704 when another program listens on the part's port."""
    if not is_free(port):
        detail = f"{HOST}:{port} of {name} is used by another program"
        raise Fatal("RCD-704", detail)


@contextlib.contextmanager
def _listening(port: int) -> Iterator[bool]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: TIME_WAIT is no obstacle
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
            yield False
        else:
            yield True

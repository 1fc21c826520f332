"""A listener that keeps what an emulator posts to it, byte for byte."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DEADLINE_S = 10.0


@dataclass(frozen=True)
class Posted:
    """One request. `path` with its query."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def query(self) -> str:
        return self.path.partition("?")[2]


@dataclass
class Receiver:
    """What came so far."""

    address: str = ""
    posted: list[Posted] = field(default_factory=list)

    def wait(self, count: int) -> list[Posted]:
        """Return what came once there are `count`; fail if they do not come."""
        deadline = time.monotonic() + DEADLINE_S
        while len(self.posted) < count:
            assert time.monotonic() < deadline, f"{len(self.posted)} of {count} webhooks came"
            time.sleep(0.01)
        return list(self.posted)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen on a free port until the block ends."""
    receiver = Receiver()

    class Hooks(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            receiver.posted.append(Posted(self.path, dict(self.headers.items()), raw))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hooks) as server:
        receiver.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join(DEADLINE_S)

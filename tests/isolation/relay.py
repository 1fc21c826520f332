"""A way to a server that a test can cut or let hang."""

import contextlib
import socket
import threading
from typing import Literal

Mode = Literal["open", "closed", "hanging"]
CHUNK = 65_536


class Relay:
    """Forwards a port of loopback to another one. Closed, it refuses; hanging, it takes bytes and forwards none."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._mode: Mode = "open"
        self._passing = threading.Event()
        self._passing.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    def set(self, mode: Mode) -> None:
        """Change what happens to bytes from now on. Connections that hung or were cut are ended when it reopens."""
        if mode == self._mode:
            return
        before, self._mode = self._mode, mode
        if mode == "closed":
            self._shut(self._listener)
        if before == "closed":
            self._listener = self._listen(self.port)
        if mode != "hanging":
            self._cut()
            self._passing.set()
        else:
            self._passing.clear()

    def end(self) -> None:
        """Close everything."""
        self._mode = "closed"
        self._passing.set()
        self._shut(self._listener)
        self._cut()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), backlog=64)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()
                continue
            with self._lock:
                self._pairs.append((near, far))
            for one, other in ((near, far), (far, near)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._forward, args=(one, other), daemon=True).start()

    def _forward(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := one.recv(CHUNK):
                self._passing.wait()
                other.sendall(chunk)
        self._shut(one)
        self._shut(other)

    def _cut(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for one in pair:
                self._shut(one)

    @staticmethod
    def _shut(one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()

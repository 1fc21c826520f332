"""Webhooks of the emulators: statuses of messages, posted to a URL as the gateway would, faults included.

Which words a status has and how it is signed is the emulator's; when, how often and in which order is here.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import aiohttp
import msgspec

Status = Literal["server", "delivered", "read", "failed"]
TIMEOUT_S: Final = 5.0


class Hook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `PUT /v1/webhooks` takes: where statuses go, and what goes wrong on the way.

    Every message that a phone sees produces `statuses`, in this order, `delay_ms` before each. `copies` posts each
    so often, `reorder` posts them in the opposite order. What is not answered with 2xx is tried `attempts` times.
    `secret` signs, or authenticates, in the gateway's own way.
    """

    url: str
    secret: str = ""
    statuses: tuple[Status, ...] = ("server", "delivered")
    delay_ms: int = 0
    copies: int = 1
    reorder: bool = False
    attempts: int = 3
    retry_ms: int = 200

    def __post_init__(self) -> None:
        """Refuse what could never arrive."""
        if not self.url.startswith(("http://", "https://")) or self.copies < 1 or self.attempts < 1:
            message = "url must be http or https, copies and attempts at least 1"
            raise ValueError(message)


class Told(msgspec.Struct):
    """A webhook that was posted, for `GET /v1/webhooks`; `http` is None while nobody has answered."""

    status: str
    id: str
    tries: int = 0
    http: int | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """A webhook as it goes over the wire; with a `url` of its own where each message names one."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


class Webhooks:
    """Posts in the background; `told` lists what was posted."""

    def __init__(self) -> None:
        self.hook: Hook | None = None
        self.told: list[Told] = []
        self._running: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def announce(self, postings: list[tuple[Told, Callable[[Hook], Posting]]]) -> None:
        """Post these, one after the other; returns at once. Nothing happens without a hook."""
        hook = self.hook
        if hook is None or not postings:
            return
        order = list(reversed(postings)) if hook.reorder else postings
        work = asyncio.create_task(self._post_all(hook, order))
        self._running.add(work)
        work.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Stop posting."""
        for work in list(self._running):
            work.cancel()
        if self._session:
            await self._session.close()

    async def _post_all(self, hook: Hook, postings: list[tuple[Told, Callable[[Hook], Posting]]]) -> None:
        for told, make in postings:
            await asyncio.sleep(hook.delay_ms / 1000)
            for _ in range(hook.copies):
                mine = msgspec.structs.replace(told)
                self.told.append(mine)
                await self._post(hook, mine, make)

    async def _post(self, hook: Hook, told: Told, make: Callable[[Hook], Posting]) -> None:
        self._session = self._session or aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT_S))
        while told.tries < hook.attempts:
            posting = make(hook)
            told.tries += 1
            try:
                url = posting.url or hook.url
                async with self._session.post(url, data=posting.body, headers=posting.headers) as found:
                    told.http = found.status
            except (aiohttp.ClientError, OSError, TimeoutError):
                told.http = None
            if told.http is not None and 200 <= told.http < 300:
                return
            await asyncio.sleep(hook.retry_ms / 1000)

"""A process: lives of `Instance`, one after another, until stopped or until rebuilding keeps failing."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic

import structlog
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from consumers.runtime.api import App, S
from consumers.runtime.instance import Instance
from consumers.runtime.kafka import Doubt, Poison
from consumers.runtime.metrics import counter, gauge
from consumers.runtime.status import Status
from consumers.runtime.transaction import Guards
from consumers.runtime.work import WorkPool
from schemas.clock import Clock, SystemClock
from schemas.errors import Fatal, Recoverable
from schemas.settings import KafkaSettings, Timings

log = structlog.get_logger(__name__)

LIVES_WITHOUT_PROGRESS = 30
POISON_CEILING = 50
POISON_WINDOW_S = 600


class Worker(Generic[S]):
    """Runs an app under stable ids `<group>.<ordinal>`.

    After doubt, producer, consumer and state are destroyed and rebuilt in this process with back-off. The process
    ends only when `LIVES_WITHOUT_PROGRESS` lives in a row have committed nothing, or with a `Fatal`.
    """

    def __init__(
        self,
        app: App[S],
        settings: KafkaSettings,
        timings: Timings,
        group: str,
        ordinal: int = 0,
        *,
        clock: Clock | None = None,
        guards: Guards | None = None,
        version: str = "",
    ) -> None:
        self._app, self._settings, self._timings = app, settings, timings
        self._group, self._ordinal, self._version = group, ordinal, version
        self._clock = clock or SystemClock()
        self._guards = guards or Guards()
        self._stop = threading.Event()
        self._instance: Instance[S] | None = None
        self._poison: dict[int, frozenset[int | str]] = {}
        self._poisoned_at: deque[float] = deque(maxlen=POISON_CEILING)
        self.status = Status()
        self.pool: WorkPool[S] = WorkPool(app)

    @property
    def app_name(self) -> str:
        """The application's name, as in metrics."""
        return self._app.name

    def stop(self) -> None:
        """Ask for a clean end; `run` returns when it is reached. Safe in a signal handler."""
        self._stop.set()

    def config_changed(self) -> None:
        """Tell every partition that the configuration was swapped. Safe from any thread."""
        instance = self._instance
        if instance is not None:
            instance.config_changed()

    def run(self, finally_: Callable[[], None] | None = None) -> None:
        """Work until `stop`.

        Args:
            finally_: closes what the application holds, while the asyncio thread still runs.

        Raises:
            Fatal: a person has to act; nothing was lost.
            Recoverable: rebuilding keeps failing; the supervisor starts the process again.
        """
        try:
            while not self._stop.is_set():
                self._lives()
        except Doubt as error:
            raise Recoverable("RCD-207", f"rebuilding keeps failing: {error}") from error
        finally:
            try:
                if finally_ is not None:
                    finally_()
            finally:
                self.pool.close()

    def _lives(self) -> None:
        """Rebuild with back-off until a life has committed something, then count anew."""
        retrying = Retrying(
            retry=retry_if_exception_type(Recoverable),
            wait=wait_exponential_jitter(multiplier=0.1, max=10, jitter=0.5),
            stop=stop_after_attempt(LIVES_WITHOUT_PROGRESS),
            sleep=self._sleep,
            reraise=True,
        )
        for attempt in retrying:
            with attempt:
                if not self._stop.is_set() and self._life():
                    return

    def _put_aside(self, error: Poison) -> None:
        """Remember what the rules failed on; the next life leaves it alone.

        Raises:
            Fatal: RCD-213, there is no end of it: this is not one odd event but a release that does not work.
        """
        known = self._poison.get(error.partition, frozenset())
        self._poison[error.partition] = known | {error.subject}
        counter("recado_rules_failed_total").labels(self._app.name).inc()
        aside = [s for found in self._poison.values() for s in found if isinstance(s, str)]
        self.status.put_aside(len(aside))
        gauge("recado_put_aside").labels(self._app.name).set(len(aside))
        log.error("put aside", code="RCD-213", partition=error.partition, subject=error.subject)
        self._poisoned_at.append(time.monotonic())
        often = len(self._poisoned_at) == POISON_CEILING
        if often and self._poisoned_at[-1] - self._poisoned_at[0] < POISON_WINDOW_S:
            detail = f"the rules failed {POISON_CEILING} times within {POISON_WINDOW_S // 60} minutes"
            raise Fatal("RCD-213", detail) from error

    def _sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _life(self) -> bool:
        """Run one instance; return True when it ended after progress, or was asked to stop."""
        instance: Instance[S] | None = None
        try:
            instance = Instance(
                self._app,
                self._settings,
                self._timings,
                self._group,
                self._ordinal,
                self._clock,
                self.pool,
                self.status,
                self._guards,
                self._version,
                self._poison,
            )
            self._instance = instance
            while not self._stop.is_set():
                instance.turn()
            instance.drain()
        except Recoverable as error:
            reason = getattr(error, "reason", error.code or "kafka")
            counter("recado_rebuilds_total").labels(self._app.name, reason).inc()
            self.status.rebuilding(str(error), self._clock.now_ms())
            log.warning("doubt: rebuilding producer, consumer and state", reason=reason, detail=str(error))
            if isinstance(error, Poison):
                self._put_aside(error)
            elif instance is None or instance.committed == 0:
                raise
        finally:
            self._instance = None
            if instance is not None:
                try:
                    instance.close()
                except Exception:  # what ended this life counts, not how its clients went
                    log.exception("closing the clients failed")
        return True

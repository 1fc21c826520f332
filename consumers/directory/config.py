"""The configuration in force: loaded from the `recado` database, followed by LISTEN/NOTIFY, kept as a file.

Workers start with the last known file when the database is down, and go on with what they have when it goes down
later. The global switch needs both consents: the flag in the database *and* `NOTIFY_NEW_MESSAGE_ENABLED` of the
process. Either one alone stops everything.
"""

import selectors
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, stop_never, wait_exponential
from tenacity.stop import stop_base

from consumers.directory.config_file import ConfigFile
from consumers.directory.snapshot import load, read_version
from schemas.config import ConfigView, Snapshot, SourceConfig, StaticConfig
from schemas.database import engine, our_errors
from schemas.errors import Fatal, Invalid, RecadoError, Recoverable
from schemas.secrets import resolve
from schemas.tables import NOTIFY_CHANNEL

OnChange = Callable[[ConfigView], None]
POLL_S = 30.0
BACKOFF_S = 15.0

_log = structlog.get_logger()


def dsn_of(source: SourceConfig) -> str:
    """Return the source's DSN in libpq's form, with the secret in it: never log it.

    Raises:
        Invalid: RCD-602, a reference does not resolve; RCD-405, the source has no connection.
    """
    where = source.connection
    if where is None or (where.dsn_ref is None and where.host is None):
        raise Invalid("RCD-405", f"source {source.source} has no connection")
    if where.dsn_ref is not None:
        # libpq knows nothing of SQLAlchemy's driver names.
        return resolve(where.dsn_ref).replace("postgresql+psycopg://", "postgresql://", 1)
    if where.dialect != "postgresql":
        raise Invalid("RCD-405", f"source {source.source}: {where.dialect} is not supported yet")
    password = resolve(where.secret_ref) if where.secret_ref else None
    return psycopg.conninfo.make_conninfo(
        host=where.host, port=where.port or 5432, dbname=where.database, user=where.username, password=password
    )


class ConfigHolder:
    """Owns the view that everybody else reads. One thread follows the database; reading the view never blocks.

    Args:
        url: address of the `recado` database.
        data_dir: where the last known configuration is kept (`config.json`, mode 0600).
        enabled_override: this process's half of the global switch (`Settings.enabled`).
        poll_s: how often the version is read even when no notification came.
    """

    def __init__(self, url: str, data_dir: Path, enabled_override: bool, *, poll_s: float = POLL_S) -> None:
        self._url = url
        self._file = ConfigFile(data_dir / "config.json")
        self._enabled = enabled_override
        self._poll_s = poll_s
        self._callbacks: list[OnChange] = []
        self._view: StaticConfig | None = None
        self._loaded: Snapshot | None = None
        self._connected = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._wake_read, self._wake_write = socket.socketpair()

    @property
    def view(self) -> StaticConfig:
        """The configuration in force; swapped whole, so keep the returned object for one decision only."""
        return self._current()

    @property
    def is_connected(self) -> bool:
        """Whether changes arrive at this moment; False means that the last known configuration is in force."""
        return self._connected.is_set()

    def on_change(self, callback: OnChange) -> None:
        """Have `callback(view)` called after each swap, on the following thread; it should return quickly."""
        self._callbacks.append(callback)

    def source_dsn(self, source: str) -> tuple[str, str] | None:
        """Return (flavour, DSN) of a source for the live directory, None when it is not ours.

        Raises:
            Invalid: RCD-602 or RCD-405, see `dsn_of`.
        """
        found = self._current().source(source)
        return None if found is None else (found.flavour, dsn_of(found))

    def start(self, patience_s: float | None = None) -> ConfigView:
        """Load the configuration and begin to follow it. Blocks until there is one, at most `patience_s`.

        Raises:
            Fatal: RCD-802 (or RCD-601) and no file: waiting would change nothing.
            Recoverable: RCD-801 or RCD-803 after `patience_s`, or when `stop` was called meanwhile.
        """
        try:
            snapshot = self._load()
        except RecadoError as error:
            kept = self._file.read()
            if kept is None:
                snapshot = self._wait_for_database(error, patience_s)
            else:
                _log.warning("config_from_file", code=error.code, reason=error.detail, version=kept.version)
                snapshot = kept
        self._loaded = snapshot
        self._view = self._view_of(snapshot)
        self._thread = threading.Thread(target=self._follow, name="config", daemon=True)
        self._thread.start()
        return self._view

    def stop(self) -> None:
        """Stop following; the view stays. Idempotent, and may be called by a signal handler while `start` waits."""
        self._stopping.set()
        if self._wake_write.fileno() >= 0:
            self._wake_write.send(b"\0")
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
            self._wake_read.close()
            self._wake_write.close()

    # -- inside

    def _current(self) -> StaticConfig:
        if self._view is None:
            message = "start() first"
            raise RuntimeError(message)
        return self._view

    def _view_of(self, snapshot: Snapshot) -> StaticConfig:
        return StaticConfig(msgspec.structs.replace(snapshot, enabled=snapshot.enabled and self._enabled))

    def _load(self) -> Snapshot:
        consistent = engine(self._url).execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        with our_errors(self._url), consistent.begin() as connection:
            snapshot = load(connection)
        self._file.write(snapshot)
        return snapshot

    def _wait_for_database(self, first: RecadoError, patience_s: float | None) -> Snapshot:
        if isinstance(first, Fatal):
            raise first
        _log.error("config_waits_for_database", code=first.code, reason=first.detail)
        patience: stop_base = stop_never if patience_s is None else stop_after_delay(patience_s)
        for attempt in Retrying(
            retry=retry_if_exception_type(Recoverable),
            stop=lambda state: self._stopping.is_set() or patience(state),
            wait=wait_exponential(0.2, max=BACKOFF_S),
            sleep=self._pause,
            reraise=True,
        ):
            with attempt:
                return self._load()
        raise first  # pragma: no cover  (Retrying returns or raises)

    def _follow(self) -> None:
        """Run until stopped: listen; when the connection fails, keep the last view and try again with back-off."""
        failures = 0
        while not self._stopping.is_set():
            try:
                self._listen()
            except (RecadoError, psycopg.Error, SQLAlchemyError) as error:
                code = error.code if isinstance(error, RecadoError) else None
                failures = 0 if self._connected.is_set() else failures + 1
                self._connected.clear()
                _log.warning("config_not_followed", code=code, reason=str(error).splitlines()[0], failures=failures)
                self._pause(min(BACKOFF_S, 0.2 * 2 ** min(failures, 10)))
        self._connected.clear()

    def _listen(self) -> None:
        listening = engine(self._url, application="recado config").execution_options(isolation_level="AUTOCOMMIT")
        with our_errors(self._url), listening.connect() as connection:
            connection.execute(text(f"LISTEN {NOTIFY_CHANNEL}"))
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)  # noqa: S101 - tells mypy what our engine always gives
            known: int | None = None  # behind a new connection may be a restored database with the same version
            while not self._stopping.is_set():
                # Read after listening, so that no change falls between; once more if one arrived with the answer.
                if read_version(connection) != known:
                    known = self._swap(self._load())
                self._connected.set()
                if not list(driver.notifies(timeout=0)):
                    self._pause(self._poll_s, driver)
                    list(driver.notifies(timeout=0))

    def _swap(self, snapshot: Snapshot) -> int:
        """Put the snapshot in force if it differs from what is; return its version."""
        if snapshot == self._loaded:
            return snapshot.version
        self._loaded = snapshot
        view = self._view = self._view_of(snapshot)
        _log.info("config_changed", version=view.version, enabled=view.enabled)
        for callback in self._callbacks:
            try:
                callback(view)
            except Exception:
                # One listener's mistake must not keep the others, or the next change, from being heard.
                _log.exception("config_callback_failed", version=view.version)
        return view.version

    def _pause(self, seconds: float, driver: psycopg.Connection[tuple[object, ...]] | None = None) -> None:
        """Wait, but no longer than until `stop` is called or the server says something."""
        with selectors.DefaultSelector() as selector:  # not select(): file numbers above 1,023 are usual here
            selector.register(self._wake_read, selectors.EVENT_READ)
            if driver is not None:
                selector.register(driver.fileno(), selectors.EVENT_READ)
            selector.select(seconds)

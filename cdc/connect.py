"""Kafka Connect's REST interface, typed. Synchronous and small; connections are retried, refusals are not."""

import re
from collections.abc import Callable, Mapping
from time import monotonic, sleep
from types import TracebackType
from typing import Any, NamedTuple

import httpx
import structlog
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from cdc.connector_state import ConnectorStatus, Difference, Task, drift, first_cause
from schemas.errors import Invalid, Recoverable

REQUEST_S = 30.0
RETRY_S = 15.0
POLL_S = 0.2
RESTARTS = 2
_CONFLICT = 409
_MOMENTARY = re.compile("momentarily|rebalanc", re.IGNORECASE)

log = structlog.get_logger()


class Ensured(NamedTuple):
    """What `ensure` found and did."""

    created: bool
    changed: tuple[Difference, ...]
    status: ConnectorStatus


class _Again(Exception):
    """Worth another try: no connection, or a rebalance."""


class Connect:
    """A Connect cluster. Every method blocks.

    All raise `Recoverable` RCD-208 when the worker does not answer within the retries (about 15 s).

    Args:
        url: of any worker.
        client: for tests; closed by `close` like one of our own.
        retry_s: how long connections and rebalances are retried.
    """

    def __init__(self, url: str, client: httpx.Client | None = None, retry_s: float = RETRY_S) -> None:
        self._url = url.rstrip("/")
        self._client = client or httpx.Client(timeout=REQUEST_S)
        self._retry_s = retry_s

    def __enter__(self) -> "Connect":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # ── what is ──────────────────────────────────────────────────────────────────

    def names(self) -> tuple[str, ...]:
        """Return the names of all connectors."""
        return tuple(self._json("GET", "/connectors"))

    def plugins(self) -> tuple[str, ...]:
        """Return the classes of the installed connector plugins."""
        return tuple(plugin["class"] for plugin in self._json("GET", "/connector-plugins"))

    def config(self, name: str) -> dict[str, str] | None:
        """Return a connector's configuration with its references unresolved, None when there is none."""
        found = self._json("GET", f"/connectors/{name}/config")
        return None if found is None else {str(key): str(value) for key, value in found.items()}

    def drift(self, name: str, desired: Mapping[str, str]) -> tuple[Difference, ...]:
        """Return how the connector's configuration differs from the desired one; all of it when there is none."""
        return drift(desired, self.config(name))

    def status(self, name: str) -> ConnectorStatus | None:
        """Return the state of a connector and its tasks, None when there is no such connector (yet)."""
        found = self._json("GET", f"/connectors/{name}/status")
        if found is None:
            return None
        connector = found["connector"]
        tasks = tuple(
            Task(task["id"], task["state"], task["worker_id"], first_cause(task.get("trace")))
            for task in found["tasks"]
        )
        return ConnectorStatus(name, connector["state"], tasks, first_cause(connector.get("trace")))

    def offsets(self, name: str) -> list[dict[str, Any]]:
        """Return the stored source offsets: `partition` and `offset` of each; empty when none or no connector."""
        found = self._json("GET", f"/connectors/{name}/offsets")
        return list(found["offsets"]) if found else []

    # ── what to do ───────────────────────────────────────────────────────────────

    def validate(self, config: Mapping[str, str]) -> None:
        """Let the plugin check a configuration; it may connect to the database.

        Raises:
            Invalid: RCD-209, naming each refused property.
        """
        kind = config["connector.class"].rpartition(".")[2]
        answer = self._request("PUT", f"/connector-plugins/{kind}/config/validate", {"name": "new", **config})
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise Invalid("RCD-209", f"the worker has no plugin {kind}")
        checked = self._checked(answer)
        refused = [
            f"{value['name']}: {'; '.join(value['errors'])}"
            for value in (entry["value"] for entry in checked.get("configs", ()))
            if value["errors"]
        ]
        if refused:
            raise Invalid("RCD-209", " | ".join(refused))

    def ensure(self, name: str, config: Mapping[str, str], deadline_s: float = 60.0) -> Ensured:
        """Make the connector run with exactly this configuration: validate, create or update, wait.

        Idempotent: what is as desired is left alone, what was paused or stopped is resumed, a failed task is
        restarted.

        Raises:
            Invalid: RCD-209, the configuration is refused.
            Recoverable: RCD-203, connector and task were not RUNNING in time, with the first cause.
        """
        actual = self.config(name)
        changed = drift(config, actual)
        if changed:
            self.validate(config)
            self._require(self._request("PUT", f"/connectors/{name}/config", dict(config)))
            log.info("connector_configured", connector=name, created=actual is None, changed=len(changed))
        status = self._wait_running(name, deadline_s)
        return Ensured(actual is None, changed, status)

    def create_stopped(self, name: str, config: Mapping[str, str]) -> None:
        """Create a connector that does not run yet, so that its offsets can be looked at or reset first.

        Raises:
            Invalid: RCD-209, the configuration is refused, or there is a connector of that name.
        """
        self.validate(config)
        self._require(
            self._request("POST", "/connectors", {"name": name, "config": dict(config), "initial_state": "STOPPED"})
        )
        self._wait(lambda: self.status(name) is not None, RETRY_S, f"{name}: not created")

    def _wait_running(self, name: str, deadline_s: float) -> ConnectorStatus:
        end = monotonic() + deadline_s
        restarts = 0
        resumed = False
        while True:
            status = self.status(name)
            if status is not None and status.running:
                return status
            failure = status.failure if status else None
            if failure and restarts >= RESTARTS:
                raise Recoverable("RCD-203", f"{name}: {failure}")
            if failure:
                restarts += 1
                self.restart_failed(name)
            elif status is not None and status.state in {"PAUSED", "STOPPED"} and not resumed:
                resumed = True
                self.resume(name)
            if monotonic() >= end:
                seen = status.state if status else "absent"
                raise Recoverable("RCD-203", f"{name}: {failure or f'not running in {deadline_s:g} s, {seen}'}")
            sleep(POLL_S * (1 + 4 * restarts))

    def restart_failed(self, name: str) -> bool:
        """Restart what has failed of a connector; return whether there was anything. Returns before it runs."""
        status = self.status(name)
        if status is None or status.failure is None:
            return False
        self._require(
            self._request("POST", f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true"), absent_ok=True
        )
        log.warning("connector_restarted", connector=name, cause=status.failure)
        return True

    def pause(self, name: str) -> None:
        """Stop capturing, keep the tasks. Returns before it has happened."""
        self._require(self._request("PUT", f"/connectors/{name}/pause"))

    def stop(self, name: str, deadline_s: float = 30.0) -> None:
        """Stop the tasks, keep configuration and offsets; returns when none runs any more.

        Raises:
            Recoverable: RCD-203, it did not stop in time.
        """
        self._require(self._request("PUT", f"/connectors/{name}/stop"))
        self._wait(lambda: self._is_stopped(name), deadline_s, f"{name}: not stopped in {deadline_s:g} s")

    def resume(self, name: str) -> None:
        """Let a paused or stopped connector run again. Returns before it does."""
        self._require(self._request("PUT", f"/connectors/{name}/resume"))

    def reset_offsets(self, name: str) -> None:
        """Forget the stored offsets of a stopped connector."""
        self._require(self._request("DELETE", f"/connectors/{name}/offsets"))

    def delete(self, name: str, deadline_s: float = 30.0) -> bool:
        """Delete a connector and wait until it is gone; return whether there was one. Slot and offsets stay.

        Raises:
            Recoverable: RCD-203, it is still there at the deadline.
        """
        answer = self._request("DELETE", f"/connectors/{name}")
        self._require(answer, absent_ok=True)
        self._wait(lambda: self.status(name) is None, deadline_s, f"{name}: not deleted in {deadline_s:g} s")
        return answer.status_code != httpx.codes.NOT_FOUND

    # ── requests ─────────────────────────────────────────────────────────────────

    def _is_stopped(self, name: str) -> bool:
        status = self.status(name)
        return status is None or (status.state == "STOPPED" and not status.tasks)

    def _wait(self, done: Callable[[], bool], deadline_s: float, otherwise: str) -> None:
        end = monotonic() + deadline_s
        while not done():
            if monotonic() >= end:
                raise Recoverable("RCD-203", otherwise)
            sleep(POLL_S)

    def _json(self, method: str, path: str) -> Any:
        answer = self._request(method, path)
        return None if answer.status_code == httpx.codes.NOT_FOUND else self._checked(answer)

    def _checked(self, answer: httpx.Response) -> Any:
        self._require(answer)
        return answer.json()

    def _require(self, answer: httpx.Response, *, absent_ok: bool = False) -> None:
        if answer.is_success or (absent_ok and answer.status_code == httpx.codes.NOT_FOUND):
            return
        words = _message(answer)
        if answer.is_client_error:
            raise Invalid("RCD-209", words)
        raise Recoverable("RCD-208", f"HTTP {answer.status_code}: {words}")

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """Send a request; connections and rebalances (409) are retried. All our requests may be repeated."""
        try:
            for attempt in Retrying(
                retry=retry_if_exception_type(_Again),
                stop=stop_after_delay(self._retry_s),
                wait=wait_exponential_jitter(multiplier=0.1, max=2.0, jitter=0.1),
            ):
                with attempt:
                    return self._once(method, path, body)
        except RetryError as error:
            raise Recoverable("RCD-208", f"{self._url}: {error.last_attempt.exception()}") from None
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        try:
            answer = self._client.request(method, self._url + path, json=body)
        except httpx.TransportError as error:
            raise _Again(str(error) or type(error).__name__) from None
        if answer.status_code == _CONFLICT and _MOMENTARY.search(answer.text):
            raise _Again(_message(answer))
        if answer.status_code == httpx.codes.NOT_FOUND and not _from_connect(answer):
            # A worker that starts answers 404 to everything before its resources are there.
            starting = "the worker is still starting"
            raise _Again(starting)
        return answer


def _from_connect(answer: httpx.Response) -> bool:
    try:
        return "error_code" in answer.json()
    except (ValueError, TypeError):
        return False


def _message(answer: httpx.Response) -> str:
    try:
        words = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        words = answer.reason_phrase
    return " ".join(words.split())[:500]

"""The REST client of Kafka Connect, against a scripted worker."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from cdc import connect as module
from cdc.connect import Connect
from cdc.connector_state import ConnectorStatus, Difference, Task, drift, first_cause
from schemas.errors import Exit, Invalid, Recoverable

CONFIG = {"connector.class": "io.example.PostgresConnector", "tasks.max": "1"}
TRACE = (
    "org.apache.kafka.connect.errors.ConnectException: outer\n\tat x.Y(Z.java:1)\n"
    "Caused by: java.lang.Middle: half\n\tat a\n"
    "Caused by: org.postgresql.util.PSQLException: FATAL: no slot\n\t... 5 more"
)

Answer = tuple[int, Any]


ABSENT: Answer = (404, {"error_code": 404, "message": "Connector c not found"})


class Worker:
    """A worker that answers from a script: the last answer of a request is repeated."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer | Exception]] = {}
        self.asked: list[str] = []
        self.bodies: dict[str, Any] = {}

    def says(self, request: str, *answers: Answer | Exception) -> None:
        self.answers[request] = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        key = f"{request.method} {request.url.raw_path.decode()}"
        self.asked.append(key)
        if request.content:
            self.bodies[key] = json.loads(request.content)
        known = self.answers.get(key)
        if not known:
            return httpx.Response(404, json={"error_code": 404, "message": f"nothing at {key}"})
        answer = known.pop(0) if len(known) > 1 else known[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer[0], json=answer[1]) if answer[1] is not None else httpx.Response(answer[0])


def status(connector: str = "RUNNING", *tasks: str, trace: str | None = None) -> Answer:
    return 200, {
        "name": "c",
        "connector": {"state": connector, "worker_id": "w"},
        "tasks": [{"id": n, "state": state, "worker_id": "w", "trace": trace} for n, state in enumerate(tasks)],
    }


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setattr(module, "sleep", lambda _: None)
    made = Worker()
    made.says("PUT /connector-plugins/PostgresConnector/config/validate", (200, {"configs": []}))
    made.says("PUT /connectors/c/config", (201, {}))
    made.says("PUT /connectors/c/resume", (202, None))
    made.says("POST /connectors/c/restart?includeTasks=true&onlyFailed=true", (202, {}))
    return made


@pytest.fixture
def rest(worker: Worker) -> Iterator[Connect]:
    with Connect("http://connect", httpx.Client(transport=httpx.MockTransport(worker)), retry_s=0.3) as made:
        yield made


def test_a_new_connector_is_validated_created_and_waited_for(worker: Worker, rest: Connect) -> None:
    worker.says("GET /connectors/c/status", ABSENT, status("RUNNING"), status("RUNNING", "RUNNING"))
    found = rest.ensure("c", CONFIG)
    assert found.created
    assert found.changed == (
        Difference("connector.class", CONFIG["connector.class"], None),
        Difference("tasks.max", "1", None),
    )
    assert found.status == ConnectorStatus("c", "RUNNING", (Task(0, "RUNNING", "w"),))
    assert worker.bodies["PUT /connectors/c/config"] == CONFIG
    assert [key.split()[0] for key in worker.asked] == ["GET", "PUT", "PUT", "GET", "GET", "GET"]


def test_a_connector_that_is_as_desired_is_left_alone(worker: Worker, rest: Connect) -> None:
    worker.says("GET /connectors/c/config", (200, {**CONFIG, "name": "c"}))
    worker.says("GET /connectors/c/status", status("RUNNING", "RUNNING"))
    assert rest.ensure("c", CONFIG)[:2] == (False, ())
    assert worker.asked == ["GET /connectors/c/config", "GET /connectors/c/status"]


@pytest.mark.parametrize("state", ["PAUSED", "STOPPED"])
def test_a_resting_connector_is_resumed_once(worker: Worker, rest: Connect, state: str) -> None:
    worker.says("GET /connectors/c/config", (200, CONFIG))
    worker.says("GET /connectors/c/status", status(state), status(state), status("RUNNING", "RUNNING"))
    assert rest.ensure("c", CONFIG).status.running
    assert worker.asked.count("PUT /connectors/c/resume") == 1


def test_a_failed_task_is_restarted(worker: Worker, rest: Connect) -> None:
    worker.says("GET /connectors/c/config", (200, CONFIG))
    failed = status("RUNNING", "FAILED", trace=TRACE)
    worker.says("GET /connectors/c/status", failed, failed, status("RUNNING", "RUNNING"))
    assert rest.ensure("c", CONFIG).status.running
    assert worker.asked.count("POST /connectors/c/restart?includeTasks=true&onlyFailed=true") == 1


def test_a_task_that_keeps_failing_is_an_error_with_the_first_cause(worker: Worker, rest: Connect) -> None:
    worker.says("GET /connectors/c/status", status("RUNNING", "FAILED", trace=TRACE))
    with pytest.raises(Recoverable) as caught:
        rest.ensure("c", CONFIG)
    assert str(caught.value) == "RCD-203: c: org.postgresql.util.PSQLException: FATAL: no slot"
    assert caught.value.exit == Exit.DEPENDENCY_DOWN


def test_a_connector_that_does_not_start_in_time_is_an_error(worker: Worker, rest: Connect) -> None:
    worker.says("GET /connectors/c/status", status("UNASSIGNED"))
    with pytest.raises(Recoverable, match="RCD-203: c: not running in 0 s, UNASSIGNED"):
        rest.ensure("c", CONFIG, deadline_s=0)


def test_refused_properties_are_named_and_nothing_is_written(worker: Worker, rest: Connect) -> None:
    checked = {"configs": [{"value": {"name": "slot.name", "errors": ["is wrong", "is long"]}},
                           {"value": {"name": "tasks.max", "errors": []}}]}  # fmt: skip
    worker.says("PUT /connector-plugins/PostgresConnector/config/validate", (200, checked))
    with pytest.raises(Invalid) as caught:
        rest.ensure("c", CONFIG)
    assert str(caught.value) == "RCD-209: slot.name: is wrong; is long"
    assert "PUT /connectors/c/config" not in worker.asked


def test_a_worker_without_the_plugin_says_so(worker: Worker, rest: Connect) -> None:
    del worker.answers["PUT /connector-plugins/PostgresConnector/config/validate"]
    with pytest.raises(Invalid, match="RCD-209: the worker has no plugin PostgresConnector"):
        rest.ensure("c", CONFIG)


def test_connections_and_rebalances_are_retried(worker: Worker, rest: Connect) -> None:
    worker.says(
        "GET /connectors",
        httpx.ConnectError("refused"),
        (409, {"message": "Cannot complete request momentarily due to stale configuration (typically caused by a "
                          "concurrent config change)"}),
        (200, ["c"]),
    )  # fmt: skip
    assert rest.names() == ("c",)


@pytest.mark.parametrize("page", [None, {}, []])
def test_a_worker_that_starts_does_not_seem_to_have_lost_its_connectors(
    worker: Worker, rest: Connect, page: object
) -> None:
    worker.says("GET /connectors/c/config", (404, page), (404, page), (200, CONFIG))
    assert rest.config("c") == CONFIG


def test_a_worker_that_stays_silent_is_a_dependency_that_is_down(worker: Worker, rest: Connect) -> None:
    worker.says("GET /connectors", httpx.ConnectError("connection refused"))
    with pytest.raises(Recoverable) as caught:
        rest.names()
    assert str(caught.value) == "RCD-208: http://connect: connection refused"


@pytest.mark.parametrize(
    ("code", "error"),
    [(400, "RCD-209: c is bad"), (409, "RCD-209: c is bad"), (500, "RCD-208: HTTP 500: c is bad")],
)
def test_a_refusal_is_not_retried(worker: Worker, rest: Connect, code: int, error: str) -> None:
    worker.says("DELETE /connectors/c/offsets", (code, {"message": "c\n is bad"}))
    with pytest.raises((Invalid, Recoverable)) as caught:
        rest.reset_offsets("c")
    assert (str(caught.value), len(worker.asked)) == (error, 1)


def test_what_does_not_exist_is_none_or_empty(rest: Connect) -> None:
    assert (rest.config("c"), rest.status("c"), rest.offsets("c"), rest.restart_failed("c"), rest.delete("c")) == (
        None, None, [], False, False,
    )  # fmt: skip


def test_deletion_waits_until_it_is_gone(worker: Worker, rest: Connect) -> None:
    worker.says("DELETE /connectors/c", (204, None))
    worker.says("GET /connectors/c/status", status("RUNNING", "RUNNING"), ABSENT)
    assert rest.delete("c")
    assert worker.asked[-2:] == ["GET /connectors/c/status"] * 2


def test_stopping_waits_until_no_task_is_left(worker: Worker, rest: Connect) -> None:
    worker.says("PUT /connectors/c/stop", (204, None))
    worker.says("GET /connectors/c/status", status("STOPPED", "RUNNING"), status("STOPPED"))
    rest.stop("c")
    worker.says("GET /connectors/c/status", status("STOPPED", "RUNNING"))
    with pytest.raises(Recoverable, match="RCD-203: c: not stopped in 0 s"):
        rest.stop("c", deadline_s=0)


def test_offsets_are_listed(worker: Worker, rest: Connect) -> None:
    stored = {"partition": {"server": "loja"}, "offset": {"lsn": 5}}
    worker.says("GET /connectors/c/offsets", (200, {"offsets": [stored]}))
    assert rest.offsets("c") == [stored]


def test_drift_names_what_differs_and_nothing_else() -> None:
    assert drift({"a": "1", "b": "2", "c": "3"}, {"name": "x", "a": "1", "b": "9", "d": "4"}) == (
        Difference("b", "2", "9"),
        Difference("c", "3", None),
        Difference("d", None, "4"),
    )
    assert drift({"a": "1"}, {"a": "1", "name": "x"}) == ()


@pytest.mark.parametrize(
    ("found", "running", "failure"),
    [
        (ConnectorStatus("c", "RUNNING", ()), False, None),
        (ConnectorStatus("c", "RUNNING", (Task(0, "RUNNING", "w"),)), True, None),
        (ConnectorStatus("c", "RUNNING", (Task(0, "FAILED", "w", "boom"),)), False, "boom"),
        (ConnectorStatus("c", "FAILED", (), "boom"), False, "boom"),
        (ConnectorStatus("c", "PAUSED", (Task(0, "PAUSED", "w"),)), False, None),
    ],
)
def test_a_connector_runs_only_with_its_tasks(found: ConnectorStatus, running: bool, failure: str | None) -> None:
    assert (found.running, found.failure) == (running, failure)


@pytest.mark.parametrize(
    ("trace", "cause"),
    [
        (None, None),
        ("", None),
        ("a.B: c\n\tat d", "a.B: c"),
        (TRACE, "org.postgresql.util.PSQLException: FATAL: no slot"),
    ],
)
def test_the_innermost_cause_is_told_in_one_line(trace: str | None, cause: str | None) -> None:
    assert first_cause(trace) == cause


def test_the_url_may_end_in_a_slash(worker: Worker) -> None:
    worker.says("GET /connector-plugins", (200, [{"class": "a.B"}]))
    build: Callable[[], httpx.Client] = lambda: httpx.Client(transport=httpx.MockTransport(worker))  # noqa: E731
    with Connect("http://connect/", build()) as rest:
        assert rest.plugins() == ("a.B",)

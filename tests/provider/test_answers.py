import pytest

from provider.answers import UNKNOWN, ErrorTable, Row, Said, decode, example, retry_after_ms
from provider.api import Accepted, Rejected, Unknown
from provider.http import Answer
from schemas.reasons import Rejection


@pytest.mark.parametrize(
    ("headers", "expected_ms"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7_000),
        ({"retry-after": " 7 "}, 7_000),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "9" * 5_000}, 86_400_000),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "Wed, 01 Jan 2020 00:00:10 GMT"}, None),
        ({"Retry-After": "Wed, 01 Jan 2020 00:00:10 GMT", "Date": "Wed, 01 Jan 2020 00:00:00 GMT"}, 10_000),
        ({"Retry-After": "Wed, 01 Jan 2020 00:00:00 GMT", "Date": "Wed, 01 Jan 2020 00:00:10 GMT"}, 0),
    ],
)
def test_retry_after_is_read_and_bounded(headers: dict[str, str], expected_ms: int | None) -> None:
    assert retry_after_ms(headers) == expected_ms


def table(*rows: Row) -> ErrorTable:
    def accepted(answer: Answer) -> Accepted | None:
        return Accepted("1") if answer.body == b'"ok"' else None

    def read(answer: Answer) -> Said | None:
        found = decode(answer.body, dict[str, str])
        return None if found is None else Said(found.get("code", ""), found.get("text", ""))

    return ErrorTable("example", accepted, read, rows)


def test_the_first_row_that_matches_wins() -> None:
    rows = table(
        Row(Rejection.SESSION_DOWN, text="closed"),
        Row(Rejection.PERMANENT_RECIPIENT, "recipient", statuses=(400,), codes=("7", "8")),
        Row(UNKNOWN, code="perhaps", statuses=(500,)),
        Row(Rejection.THROTTLE_PAIR, "recipient", codes=("9",), wait_ms=4_000),
    )
    assert rows.classify(example(400, {"code": "7", "text": "Connection CLOSED"})) == Rejected(
        Rejection.SESSION_DOWN, "7", 400
    )
    assert rows.classify(example(400, {"code": "8"})) == Rejected(
        Rejection.PERMANENT_RECIPIENT, "8", 400, scope="recipient"
    )
    assert rows.classify(example(500, {"code": "8"})) == Unknown("perhaps", 500)
    assert rows.classify(example(400, {"code": "9"})).__class__ is Rejected
    assert rows.classify(example(429, {"code": "9"}, {"Retry-After": "1"})) == Rejected(
        Rejection.THROTTLE_PAIR, "9", 429, 1_000, "recipient"
    )
    assert rows.classify(example(429, {"code": "9"})) == Rejected(
        Rejection.THROTTLE_PAIR, "9", 429, 4_000, "recipient"
    )


def test_an_error_inside_a_success_is_an_error() -> None:
    rows = table(Row(Rejection.WINDOW_CLOSED, "recipient", codes=("131047",)))
    assert rows.classify(example(201, "ok")) == Accepted("1")
    assert rows.classify(example(201, {"code": "131047"})) == Rejected(
        Rejection.WINDOW_CLOSED, "131047", 201, scope="recipient"
    )
    assert rows.classify(example(201, {"code": "1"})) == Unknown("malformed_answer", 201)


@pytest.mark.parametrize(
    ("status", "kind", "scope"),
    [
        (400, Rejection.PERMANENT_PAYLOAD, "recipient"),
        (401, Rejection.PERMANENT_CONFIG, "account"),
        (403, Rejection.PERMANENT_CONFIG, "account"),
        (404, Rejection.PERMANENT_CONFIG, "gateway"),
        (408, Rejection.TRANSIENT, "gateway"),
        (409, Rejection.SESSION_DOWN, "sender"),
        (410, Rejection.PERMANENT_RECIPIENT, "recipient"),
        (418, Rejection.PERMANENT_PAYLOAD, "gateway"),
        (429, Rejection.THROTTLE_SENDER, "sender"),
        (500, Rejection.TRANSIENT, "gateway"),
        (503, Rejection.TRANSIENT, "gateway"),
    ],
)
def test_a_status_has_its_meaning_when_the_gateway_says_no_more(status: int, kind: Rejection, scope: str) -> None:
    found = table().classify(example(status, {}))
    assert isinstance(found, Rejected)
    assert (found.kind, found.code, found.scope) == (kind, f"http_{status}", scope)

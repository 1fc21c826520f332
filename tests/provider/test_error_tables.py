"""Every row of every provider's error table, one by one, with answers as the gateways give them."""

import pytest

from provider.answers import UNKNOWN, ErrorTable, Row, example
from provider.api import Accepted, Rejected, Unknown
from provider.factory import REGISTRY
from provider.http import Answer
from schemas.reasons import Rejection

TABLES = [table for declared in REGISTRY.values() for table in declared.errors]
ROWS = [
    pytest.param(table, row, answer, id=f"{table.name}-{n}-{row.kind}-{row.code}-{answer.status}-{m}")
    for table in TABLES
    for n, row in enumerate(table.rows)
    for m, answer in enumerate(row.examples)
]


@pytest.mark.parametrize(("table", "row", "answer"), ROWS)
def test_an_answer_means_what_its_row_says(table: ErrorTable, row: Row, answer: Answer) -> None:
    assert table.row(answer) is row, "an earlier row takes this answer"
    found = table.classify(answer)
    if row.kind == UNKNOWN:
        assert isinstance(found, Unknown)
    else:
        assert isinstance(found, Rejected)
        assert (found.kind, found.scope) == (row.kind, row.scope)
    assert found.http == answer.status
    assert found.code == row.code if row.code else found.code


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_no_row_goes_without_an_example_and_none_is_hidden_by_an_earlier_one(table: ErrorTable) -> None:
    without = [n for n, row in enumerate(table.rows) if not row.examples]
    assert without == []


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@pytest.mark.parametrize(
    "answer",
    [
        example(200, b""),
        example(200, b"OK"),
        example(201, b"<html>"),
        example(200, {}),
        example(200, []),
        example(200, None),
        example(200, b"[" * 50_000),
        Answer(200, {}, b'{"id":"' + b"x" * 100, truncated=True),
    ],
    ids=["empty", "text", "html", "object", "list", "null", "deep", "huge"],
)
def test_a_success_that_names_no_message_is_never_accepted(table: ErrorTable, answer: Answer) -> None:
    if answer.body.strip() == b"" and not table.names_messages:
        return  # this gateway's success says nothing at all
    assert not isinstance(table.classify(answer), Accepted)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (example(502, b"<html>Bad Gateway</html>"), Unknown("http_502", 502)),
        (example(504, b""), Unknown("http_504", 504)),
        (Answer(500, {}, b"{}", truncated=True), Unknown("http_500", 500)),
        (example(301, b""), Rejected(Rejection.PERMANENT_CONFIG, "redirect", 301, scope="gateway")),
        (example(404, b"<html>"), Rejected(Rejection.PERMANENT_CONFIG, "http_404", 404, scope="gateway")),
        (example(401, b"<html>"), Rejected(Rejection.PERMANENT_CONFIG, "http_401", 401, scope="account")),
        (
            example(429, b"slow", {"retry-after": "7"}),
            Rejected(Rejection.THROTTLE_SENDER, "http_429", 429, 7000, "sender"),
        ),
    ],
    ids=["proxy", "timeout", "huge", "redirect", "not-found", "unauthorised", "throttled"],
)
def test_what_is_not_the_gateways_own_means_the_same_for_all(
    table: ErrorTable, answer: Answer, expected: Rejected | Unknown
) -> None:
    assert table.classify(answer) == expected

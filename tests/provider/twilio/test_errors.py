"""The codes once more, written down from Twilio's dictionary by hand, so that a slip in the table shows."""

import pytest

from provider.answers import example
from provider.api import Accepted, Rejected, Unknown
from provider.twilio.errors import ERRORS, ROWS, kind_of, refusal
from schemas.reasons import Rejection

CONFIG, PAYLOAD, RECIPIENT = (
    Rejection.PERMANENT_CONFIG,
    Rejection.PERMANENT_PAYLOAD,
    Rejection.PERMANENT_RECIPIENT,
)
EXPECTED: dict[int, tuple[Rejection, str]] = {
    14107: (Rejection.THROTTLE_APP, "account"),
    20003: (CONFIG, "account"),
    20005: (CONFIG, "account"),
    20008: (CONFIG, "account"),
    20404: (CONFIG, "account"),
    20429: (Rejection.THROTTLE_APP, "account"),
    20503: (Rejection.TRANSIENT, "gateway"),
    21211: (RECIPIENT, "recipient"),
    21212: (CONFIG, "sender"),
    21217: (RECIPIENT, "recipient"),
    21408: (CONFIG, "account"),
    21602: (PAYLOAD, "recipient"),
    21603: (CONFIG, "sender"),
    21606: (CONFIG, "sender"),
    21609: (CONFIG, "sender"),
    21610: (RECIPIENT, "recipient"),
    21611: (Rejection.THROTTLE_SENDER, "sender"),
    21612: (RECIPIENT, "recipient"),
    21614: (RECIPIENT, "recipient"),
    21617: (PAYLOAD, "recipient"),
    21619: (PAYLOAD, "recipient"),
    21655: (CONFIG, "sender"),
    21656: (PAYLOAD, "recipient"),
    21910: (CONFIG, "sender"),
    30001: (Rejection.TRANSIENT, "gateway"),
    30002: (CONFIG, "account"),
    30036: (Rejection.TRANSIENT, "sender"),
    63001: (CONFIG, "sender"),
    63002: (CONFIG, "sender"),
    63003: (RECIPIENT, "recipient"),
    63005: (PAYLOAD, "recipient"),
    63007: (CONFIG, "sender"),
    63010: (Rejection.TRANSIENT, "gateway"),
    63012: (Rejection.TRANSIENT, "gateway"),
    63013: (PAYLOAD, "recipient"),
    63014: (RECIPIENT, "recipient"),
    63015: (RECIPIENT, "recipient"),
    63016: (Rejection.WINDOW_CLOSED, "recipient"),
    63018: (Rejection.THROTTLE_SENDER, "sender"),
    63020: (CONFIG, "sender"),
    63021: (PAYLOAD, "recipient"),
    63022: (CONFIG, "sender"),
    63024: (RECIPIENT, "recipient"),
    63027: (CONFIG, "sender"),
    63028: (CONFIG, "sender"),
    63029: (Rejection.TRANSIENT, "recipient"),
    63030: (PAYLOAD, "recipient"),
    63031: (RECIPIENT, "recipient"),
    63032: (PAYLOAD, "recipient"),
    63033: (RECIPIENT, "recipient"),
    63038: (Rejection.THROTTLE_APP, "account"),
    63040: (CONFIG, "sender"),
    63041: (CONFIG, "sender"),
    63042: (CONFIG, "sender"),
    63049: (PAYLOAD, "recipient"),
    63112: (CONFIG, "account"),
    63119: (Rejection.THROTTLE_SENDER, "sender"),
}


@pytest.mark.parametrize("code", EXPECTED)
def test_a_code_means_the_same_in_a_refusal_in_a_failed_message_and_in_a_callback(code: int) -> None:
    kind, scope = EXPECTED[code]
    refused = ERRORS.classify(example(400, refusal(code, 400)))
    failed = ERRORS.classify(example(201, {"sid": "SM1", "status": "queued", "error_code": code}))
    assert isinstance(refused, Rejected)
    assert isinstance(failed, Rejected)
    assert (refused.kind, refused.scope, refused.code) == (kind, scope, str(code))
    assert (failed.kind, failed.scope, failed.code) == (kind, scope, str(code))
    assert kind_of(str(code)) == kind


def test_the_table_has_no_code_that_the_dictionary_has_not() -> None:
    assert {int(code) for row in ROWS for code in row.codes} - {20500} == set(EXPECTED)


def test_an_internal_error_does_not_say_whether_the_message_was_taken() -> None:
    assert ERRORS.classify(example(500, refusal(20500, 500))) == Unknown("20500", 500)
    assert kind_of("20500") is None


def test_a_message_in_the_queue_is_accepted() -> None:
    found = ERRORS.classify(example(201, {"sid": "SM1", "status": "queued", "error_code": None}))
    assert found == Accepted("SM1", 201, "queued")


def test_a_message_that_failed_at_once_without_a_code_is_tried_again() -> None:
    found = ERRORS.classify(example(201, {"sid": "SM1", "status": "failed", "error_code": None}))
    assert found == Rejected(Rejection.TRANSIENT, "failed", 201, scope="gateway")

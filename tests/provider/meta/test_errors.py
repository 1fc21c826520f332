"""The codes once more, written down from Meta's reference by hand, so that a slip in the table shows."""

import pytest

from provider.answers import example
from provider.api import Accepted, Rejected, Unknown
from provider.http import Answer
from provider.meta.errors import ERRORS, ROWS, Details, GraphError, kind_of
from schemas.reasons import Rejection

CONFIG, PAYLOAD, RECIPIENT = (
    Rejection.PERMANENT_CONFIG,
    Rejection.PERMANENT_PAYLOAD,
    Rejection.PERMANENT_RECIPIENT,
)
EXPECTED: dict[int, tuple[Rejection, str]] = {
    0: (CONFIG, "account"),
    1: (Rejection.TRANSIENT, "gateway"),
    2: (Rejection.TRANSIENT, "gateway"),
    3: (CONFIG, "account"),
    4: (Rejection.THROTTLE_APP, "account"),
    10: (CONFIG, "account"),
    33: (CONFIG, "sender"),
    100: (PAYLOAD, "recipient"),
    190: (CONFIG, "account"),
    200: (CONFIG, "account"),
    230: (CONFIG, "account"),
    299: (CONFIG, "account"),
    368: (CONFIG, "account"),
    80007: (Rejection.THROTTLE_APP, "account"),
    130429: (Rejection.THROTTLE_SENDER, "sender"),
    130472: (PAYLOAD, "recipient"),
    130497: (RECIPIENT, "recipient"),
    131000: (Rejection.TRANSIENT, "gateway"),
    131005: (CONFIG, "account"),
    131008: (PAYLOAD, "recipient"),
    131009: (PAYLOAD, "recipient"),
    131016: (Rejection.TRANSIENT, "gateway"),
    131021: (CONFIG, "recipient"),
    131026: (RECIPIENT, "recipient"),
    131030: (CONFIG, "recipient"),
    131031: (CONFIG, "account"),
    131037: (CONFIG, "sender"),
    131042: (CONFIG, "account"),
    131044: (CONFIG, "account"),
    131045: (CONFIG, "sender"),
    131047: (Rejection.WINDOW_CLOSED, "recipient"),
    131048: (Rejection.THROTTLE_SENDER, "sender"),
    131049: (PAYLOAD, "recipient"),
    131050: (RECIPIENT, "recipient"),
    131051: (PAYLOAD, "recipient"),
    131056: (Rejection.THROTTLE_PAIR, "recipient"),
    131057: (Rejection.TRANSIENT, "sender"),
    131062: (PAYLOAD, "recipient"),
    131063: (PAYLOAD, "recipient"),
    131064: (Rejection.THROTTLE_APP, "account"),
    132000: (CONFIG, "sender"),
    132001: (CONFIG, "sender"),
    132005: (PAYLOAD, "recipient"),
    132007: (PAYLOAD, "recipient"),
    132008: (PAYLOAD, "recipient"),
    132012: (PAYLOAD, "recipient"),
    132015: (CONFIG, "sender"),
    132016: (CONFIG, "sender"),
    132018: (PAYLOAD, "recipient"),
    133004: (Rejection.TRANSIENT, "gateway"),
    133010: (CONFIG, "sender"),
    135000: (PAYLOAD, "recipient"),
    137000: (PAYLOAD, "recipient"),
}


def refusal(code: int, status: int, headers: dict[str, str] | None = None, **more: object) -> Answer:
    return example(status, {"error": {"message": "m", "type": "OAuthException", "code": code} | more}, headers)


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
@pytest.mark.parametrize("code", EXPECTED)
def test_a_code_means_the_same_under_every_http_status(code: int, status: int) -> None:
    kind, scope = EXPECTED[code]
    found = ERRORS.classify(refusal(code, status))
    assert isinstance(found, Rejected)
    assert (found.kind, found.scope, found.code, found.http) == (kind, scope, str(code), status)


@pytest.mark.parametrize("code", EXPECTED)
def test_a_code_means_the_same_in_a_webhook(code: int) -> None:
    assert kind_of(GraphError(code)) == EXPECTED[code][0]


def test_the_table_has_no_code_that_the_reference_has_not() -> None:
    known = {int(code) for row in ROWS for code in row.codes}
    assert known - set(range(200, 300)) == set(EXPECTED) - {200, 230, 299}


@pytest.mark.parametrize("code", [100, 132000, 132018])
def test_a_parameter_that_is_not_one_line_is_a_fault_of_the_text_under_whichever_code(code: int) -> None:
    words = "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"
    found = ERRORS.classify(refusal(code, 400, error_data={"details": words}))
    assert found == Rejected(PAYLOAD, str(code), 400, scope="recipient")
    assert kind_of(GraphError(code, error_data=Details(words))) == PAYLOAD


def test_an_unknown_number_id_is_for_a_person_to_mend() -> None:
    assert ERRORS.classify(refusal(100, 400, error_subcode=33)) == Rejected(CONFIG, "100", 400, scope="sender")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal(987654, 400), Rejected(PAYLOAD, "987654", 400, scope="recipient")),
        (refusal(987654, 401), Rejected(CONFIG, "987654", 401, scope="account")),
        (refusal(987654, 429), Rejected(Rejection.THROTTLE_SENDER, "987654", 429)),
        (refusal(987654, 500), Rejected(Rejection.TRANSIENT, "987654", 500, scope="gateway")),
        (refusal(987654, 400, is_transient=True), Rejected(Rejection.TRANSIENT, "987654", 400, scope="gateway")),
        (example(500, b""), Unknown("http_500", 500)),
        (example(200, {"messages": []}), Unknown("malformed_answer", 200)),
    ],
    ids=["4xx", "401", "429", "5xx", "transient", "empty-500", "no-message"],
)
def test_what_is_not_in_the_table_is_understood_by_what_else_it_says(
    answer: Answer, expected: Rejected | Unknown
) -> None:
    assert ERRORS.classify(answer) == expected


def usage(minutes: object) -> dict[str, str]:
    return {"X-Business-Use-Case-Usage": f'{{"102":[{{"estimated_time_to_regain_access":{minutes}}}]}}'}


@pytest.mark.parametrize(
    ("headers", "wait_ms"),
    [
        ({"Retry-After": "12"}, 12_000),
        (usage(3), 180_000),
        ({"retry-after": "12"} | usage(3), 12_000),
        (usage(99_999), 86_400_000),
        (usage(0), None),
        (usage('"soon"'), None),
        ({"X-Business-Use-Case-Usage": "not json"}, None),
        ({}, None),
    ],
    ids=["seconds", "minutes", "both", "a-day", "now", "no-number", "no-json", "silent"],
)
def test_how_long_to_wait_is_taken_from_either_header(headers: dict[str, str], wait_ms: int | None) -> None:
    found = ERRORS.classify(refusal(130429, 429, headers))
    assert found == Rejected(Rejection.THROTTLE_SENDER, "130429", 429, wait_ms, "sender")


def test_a_spam_limit_waits_an_hour_where_meta_does_not_say() -> None:
    found = ERRORS.classify(refusal(131048, 400))
    assert found == Rejected(Rejection.THROTTLE_SENDER, "131048", 400, 3_600_000, "sender")


def test_a_success_names_the_message_and_the_address_that_whatsapp_used() -> None:
    body = {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "5531988887777", "wa_id": "553188887777"}],
        "messages": [{"id": "wamid.HBgL", "message_status": "held_for_quality_assessment"}],
    }
    expected = Accepted("wamid.HBgL", 200, "held_for_quality_assessment", "553188887777")
    assert ERRORS.classify(example(200, body)) == expected

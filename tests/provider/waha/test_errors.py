import pytest

from provider.answers import example
from provider.api import Accepted
from provider.waha.errors import ERRORS, bare_id


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"key": {"remoteJid": "5511987654321@s.whatsapp.net", "fromMe": True, "id": "3EB0AA"}}, "3EB0AA"),
        ({"id": {"fromMe": True, "_serialized": "true_5511987654321@c.us_3EB0BB"}, "ack": 0}, "3EB0BB"),
        ({"id": "true_5511987654321@c.us_3EB0CC", "timestamp": 1}, "3EB0CC"),
        ({"id": "3EB0DD"}, "3EB0DD"),
    ],
    ids=["noweb", "webjs", "gows", "bare"],
)
def test_every_engine_names_the_message_in_its_own_way(body: object, expected: str) -> None:
    assert ERRORS.classify(example(201, body)) == Accepted(expected, 201)


@pytest.mark.parametrize(
    ("serialized", "expected"),
    [
        ("true_5511987654321@c.us_3EB0AA", "3EB0AA"),
        ("false_5511987654321@c.us_3EB0AA", "3EB0AA"),
        ("true_123@lid_3EB0AA", "3EB0AA"),
        ("true_120363@g.us_3EB0AA_5511@c.us", "3EB0AA"),
        ("3EB0AA", "3EB0AA"),
        ("a_b_c", "a_b_c"),
        ("", ""),
    ],
)
def test_the_same_message_has_one_id_in_answers_and_in_webhooks(serialized: str, expected: str) -> None:
    assert bare_id(serialized) == expected


def test_no_word_of_an_answer_becomes_a_code_because_it_may_repeat_the_message() -> None:
    secret = "Maria, meu CPF é 123"
    for status in (400, 404, 422, 500, 503):
        for body in ({"message": secret}, {"error": secret}, {"exception": {"message": secret}}):
            assert secret not in repr(ERRORS.classify(example(status, body | {"request": {"body": secret}})))

import msgspec
import pytest

from provider.api import Health
from provider.meta.health import Number, Templates, fault_of_template, of_number


def number(**more: object) -> Number:
    told = {"id": "1", "display_phone_number": "+55 11 3061-1234", "quality_rating": "GREEN", "status": "CONNECTED"}
    return msgspec.convert(told | more, Number)


def entity(kind: str, can: str, code: int, words: str) -> dict[str, object]:
    return {
        "entity_type": kind,
        "can_send_message": can,
        "errors": [{"error_code": code, "error_description": words}],
    }


def test_a_number_that_can_send_is_well() -> None:
    assert of_number(number()) == Health(True, "available", "+551130611234")


def test_a_blocked_number_says_why() -> None:
    health = {"can_send_message": "BLOCKED", "entities": [entity("WABA", "BLOCKED", 141010, "Payment missing")]}
    assert of_number(number(health_status=health)) == Health(
        False, "Meta blocks this number: WABA: 141010 Payment missing", "+551130611234", code="RCD-303"
    )


def test_a_limited_number_sends_and_warns() -> None:
    health = {"can_send_message": "LIMITED", "entities": [entity("BUSINESS", "LIMITED", 141006, "Not verified")]}
    found = of_number(number(health_status=health, quality_rating="RED", status="FLAGGED"))
    assert found == Health(
        True,
        "available",
        "+551130611234",
        (
            "Meta limits this number: BUSINESS: 141006 Not verified",
            "the number's quality is RED",
            "the number's status is FLAGGED",
        ),
    )


def templates(*components: dict[str, object], status: str = "APPROVED", language: str = "pt_BR") -> Templates:
    told = {"name": "aviso", "status": status, "language": language, "components": list(components)}
    return msgspec.convert({"data": [told]}, Templates)


BODY: dict[str, object] = {"type": "BODY", "text": "Recado: {{1}}"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (templates(BODY), None),
        (templates(BODY, {"type": "FOOTER", "text": "Recado"}), None),
        (templates({"type": "BODY", "text": "{{ nome }}"}), None),
        (templates(), "template 'aviso' has 0 placeholders in its body, not 1"),
        (Templates([]), "template 'aviso' does not exist"),
        (templates(BODY, language="en"), "template 'aviso' does not exist in pt_BR; it exists in en"),
        (templates(BODY, status="PAUSED"), "template 'aviso' in pt_BR is PAUSED"),
        (templates(BODY, status="REJECTED"), "template 'aviso' in pt_BR is REJECTED"),
        (
            templates({"type": "BODY", "text": "{{1}} de {{2}}, {{1}}"}),
            "template 'aviso' has 2 placeholders in its body, not 1",
        ),
        (
            templates({"type": "BODY", "text": "Há mensagens"}),
            "template 'aviso' has 0 placeholders in its body, not 1",
        ),
        (
            templates(BODY, {"type": "HEADER", "text": "Loja {{1}}"}),
            "template 'aviso' has 1 placeholders in its header, not 0",
        ),
        (
            templates(BODY, {"type": "BUTTONS", "buttons": [{"type": "URL", "url": "https://desk.example/{{1}}"}]}),
            "template 'aviso' has a button whose address has to be completed",
        ),
    ],
)
def test_a_template_that_cannot_open_a_conversation_is_named(found: Templates, expected: str | None) -> None:
    assert fault_of_template(found, "aviso", "pt_BR") == expected

"""What Graph says of a sending number and of its template, as one answer for a person. Pure.

Source: `GET /{phone-number-id}?fields=health_status,…` and `GET /{waba-id}/message_templates`.
"""

import re
from typing import Final, Literal

import msgspec

from provider.api import Health
from provider.openings import PARAMETERS

FIELDS: Final = "display_phone_number,verified_name,quality_rating,status,health_status"
TEMPLATE_FIELDS: Final = "name,status,language,components"
_PLACEHOLDER: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class _Problem(msgspec.Struct):
    error_code: int = 0
    error_description: str = ""


class _Entity(msgspec.Struct):
    entity_type: str = ""
    can_send_message: str = ""
    errors: list[_Problem] = []


class _HealthStatus(msgspec.Struct):
    can_send_message: Literal["AVAILABLE", "LIMITED", "BLOCKED"] = "AVAILABLE"
    entities: list[_Entity] = []


class Number(msgspec.Struct):
    """What Graph says of a sending number."""

    id: str
    display_phone_number: str = ""
    quality_rating: str = ""
    status: str = ""
    health_status: _HealthStatus | None = None


class _Button(msgspec.Struct):
    type: str = ""
    url: str = ""


class _Component(msgspec.Struct):
    type: str = ""
    text: str = ""
    buttons: list[_Button] = []


class _Template(msgspec.Struct):
    name: str
    status: str = ""
    language: str = ""
    components: list[_Component] = []


class Templates(msgspec.Struct):
    """What Graph says of the templates of a name."""

    data: list[_Template]


def of_number(number: Number) -> Health:
    """Tell whether the number can send, and what weakens it."""
    health = number.health_status or _HealthStatus()
    session_number = _digits(number.display_phone_number)
    reasons = [
        f"{entity.entity_type}: {problem.error_code} {problem.error_description}".strip()
        for entity in health.entities
        for problem in entity.errors
    ]
    if health.can_send_message == "BLOCKED":
        detail = "Meta blocks this number: " + ("; ".join(reasons) or "no reason given")
        return Health(False, detail, session_number, code="RCD-303")
    warnings = [f"Meta limits this number: {each}" for each in reasons]
    if health.can_send_message == "LIMITED" and not reasons:
        warnings.append("Meta limits this number")
    if number.quality_rating in ("YELLOW", "RED"):
        warnings.append(f"the number's quality is {number.quality_rating}")
    if number.status and number.status != "CONNECTED":
        warnings.append(f"the number's status is {number.status}")
    return Health(True, "available", session_number, tuple(warnings))


def fault_of_template(templates: Templates, name: str, language: str) -> str | None:
    """Return in one sentence why the template cannot open a conversation, None when it can.

    It has to be approved in the language, with as many placeholders as openings fill and no address to complete.
    """
    named = [each for each in templates.data if each.name == name]
    if not named:
        return f"template {name!r} does not exist"
    found = next((each for each in named if each.language == language), None)
    if found is None:
        languages = ", ".join(sorted(each.language for each in named))
        return f"template {name!r} does not exist in {language}; it exists in {languages}"
    if found.status != "APPROVED":
        return f"template {name!r} in {language} is {found.status or 'not approved'}"
    body = next((each for each in found.components if each.type == "BODY"), _Component("BODY"))
    for component in (body, *(each for each in found.components if each is not body)):
        wanted = PARAMETERS if component is body else 0
        count = len(set(_PLACEHOLDER.findall(component.text)))
        if count != wanted:
            return f"template {name!r} has {count} placeholders in its {component.type.lower()}, not {wanted}"
        if any(_PLACEHOLDER.search(button.url) for button in component.buttons):
            return f"template {name!r} has a button whose address has to be completed"
    return None


def _digits(number: str) -> str | None:
    digits = re.sub(r"\D", "", number)
    return f"+{digits}" if digits else None

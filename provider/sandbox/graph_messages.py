"""What Graph makes of a message: taken, with what the phone shows, or refused. Pure, and stricter than its schema.

Meta's published schema lets pass what Graph refuses: parameters of several lines, of another count, empty ones.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from provider.api import digits
from provider.sandbox.emulator import Effect

MAX_TEXT: Final = 4_096
MAX_BODY: Final = 1_024
MAX_OPAQUE: Final = 512
_BAD_PARAMETER: Final = re.compile(r"[\n\r\t]| {5,}")
_WINDOW: Final = "More than 24 hours have passed since the recipient last replied"
_MISSING: Final = "template name does not exist in the translation"
_ONE_LINE: Final = "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"


class Template(msgspec.Struct, forbid_unknown_fields=True):
    """A template of `PUT /v1/templates`. The placeholders of `body` are `{{1}}` and so on."""

    name: str
    language: str = "pt_BR"
    body: str = "Recado: {{1}}"
    status: str = "APPROVED"

    @property
    def placeholders(self) -> int:
        """How many parameters its body wants."""
        return len(set(re.findall(r"\{\{(\d+)\}\}", self.body)))


class _Text(msgspec.Struct):
    body: str


class _Parameter(msgspec.Struct):
    type: str
    text: str = ""


class _Component(msgspec.Struct):
    type: str
    parameters: list[_Parameter] = []


class _Language(msgspec.Struct):
    code: str


class _Template(msgspec.Struct):
    name: str
    language: _Language
    components: list[_Component] = []


class Sent(msgspec.Struct):
    """What `POST /{version}/{phone-number-id}/messages` takes, as far as notices need it."""

    messaging_product: str
    to: str
    type: str = "text"
    recipient_type: str = "individual"
    text: _Text | None = None
    template: _Template | None = None
    biz_opaque_callback_data: str = ""


def error(code: int, status: int, details: str = "scripted", headers: Mapping[str, str] | None = None) -> Effect:
    """Return a refusal as Graph words it."""
    body = {
        "message": f"(#{code}) {details}",
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": details},
        "fbtrace_id": "Abcdefghijklmnop",
    }
    return Effect(status, {"error": body}, headers or {})


def shown(sent: Sent, templates: Mapping[tuple[str, str], Template], *, window_open: bool) -> str | Effect:
    """Return what the phone would show, or Graph's refusal."""
    if sent.messaging_product != "whatsapp":
        return error(100, 400, "messaging_product must be whatsapp")
    if len(sent.biz_opaque_callback_data) > MAX_OPAQUE:
        return error(131009, 400, "biz_opaque_callback_data is too long")
    if not 8 <= len(digits(sent.to)) <= 15:
        return error(131009, 400, "Parameter value is not valid: to")
    match sent.type:
        case "text" if sent.text is not None:
            if not 1 <= len(sent.text.body) <= MAX_TEXT:
                return error(100, 400, "text.body must be 1 to 4096 characters")
            return sent.text.body if window_open else error(131047, 400, _WINDOW)
        case "template" if sent.template is not None:
            return _filled(sent.template, templates)
        case "text" | "template":
            return error(131008, 400, f"Required parameter is missing: {sent.type}")
        case _:
            return error(131051, 400, "Unsupported message type")


def _filled(sent: _Template, templates: Mapping[tuple[str, str], Template]) -> str | Effect:
    template = templates.get((sent.name, sent.language.code))
    if template is None or template.status not in ("APPROVED", "PAUSED"):
        return error(132001, 404, _MISSING)
    if template.status == "PAUSED":
        return error(132015, 400, "Template is paused")
    bodies = [part for part in sent.components if part.type.casefold() == "body"]
    parameters = [each.text for part in bodies for each in part.parameters]
    if len(parameters) != template.placeholders:
        details = f"body: number of localizable_params ({len(parameters)}) does not match"
        return error(132000, 400, f"{details} the expected number of params ({template.placeholders})")
    if any(not each or _BAD_PARAMETER.search(each) for each in parameters):
        return error(132018, 400, _ONE_LINE)
    body = template.body
    for n, each in enumerate(parameters, 1):
        body = body.replace("{{" + str(n) + "}}", each)
    return body if len(body) <= MAX_BODY else error(132005, 400, "Translated text too long")

"""The bodies of `POST /{phone-number-id}/messages`. Pure."""

from typing import Any

from provider.api import Opening

MAX_OPAQUE = 512


def text(to: str, body: str, attempt_id: str) -> dict[str, Any]:
    """Return a text, which is taken only while the recipient's 24-hour window is open."""
    return _envelope(to, attempt_id) | {
        "recipient_type": "individual",
        "type": "text",
        "text": {"preview_url": False, "body": body},
    }


def template(to: str, opening: Opening, attempt_id: str) -> dict[str, Any]:
    """Return an approved template, which is taken at any time. Its parameters are one line each, see `openings`."""
    components: list[dict[str, Any]] = []
    if opening.parameters:
        components.append({"type": "body", "parameters": [_parameter(each) for each in opening.parameters]})
    if opening.url_suffix:
        button = {"type": "button", "sub_type": "url", "index": "0"}
        components.append(button | {"parameters": [_parameter(opening.url_suffix)]})
    named = {"name": opening.template, "language": {"code": opening.language}}
    return _envelope(to, attempt_id) | {
        "type": "template",
        "template": named | ({"components": components} if components else {}),
    }


def _envelope(to: str, attempt_id: str) -> dict[str, Any]:
    # Comes back in every status of this message: an attempt whose answer was lost is settled by it.
    return {"messaging_product": "whatsapp", "to": to, "biz_opaque_callback_data": attempt_id[:MAX_OPAQUE]}


def _parameter(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}

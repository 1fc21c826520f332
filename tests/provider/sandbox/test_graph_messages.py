"""Graph's own strictness, and that what our adapter builds passes it."""

from typing import Any

import msgspec
import pytest

from provider.api import Opening
from provider.meta import requests
from provider.sandbox.emulator import Effect
from provider.sandbox.graph_messages import Sent, Template, shown

TEMPLATES = {
    (each.name, each.language): each
    for each in (
        Template("aviso"),
        Template("dois", body="{{1}} e {{2}}"),
        Template("parado", status="PAUSED"),
        Template("novo", status="PENDING"),
        Template("longo", body="w" * 1_000 + "{{1}}"),
    )
}


def code(body: dict[str, Any], *, window_open: bool = True) -> str | int:
    """Return what the phone shows, or the code of the refusal."""
    sent = msgspec.convert(body, Sent)
    found = shown(sent, TEMPLATES, window_open=window_open)
    return int(found.body["error"]["code"]) if isinstance(found, Effect) else found


def template(name: str, *parameters: str, language: str = "pt_BR") -> dict[str, Any]:
    return requests.template("5511987654321", Opening(name, language, parameters), "a1")


TEXT = requests.text("5511987654321", "olá\n*Maria*", "a1")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (TEXT, "olá\n*Maria*"),
        (TEXT | {"messaging_product": "telegram"}, 100),
        (TEXT | {"text": {"body": ""}}, 100),
        (TEXT | {"text": {"body": "x" * 4_097}}, 100),
        (TEXT | {"to": "ana"}, 131009),
        (TEXT | {"biz_opaque_callback_data": "x" * 513}, 131009),
        ({name: value for name, value in TEXT.items() if name != "text"}, 131008),
        (TEXT | {"type": "carrier-pigeon"}, 131051),
        (template("aviso", "Maria"), "Recado: Maria"),
        (template("dois", "Ana", "Bia"), "Ana e Bia"),
        (template("aviso"), 132000),
        (template("aviso", "Ana", "Bia"), 132000),
        (template("aviso", ""), 132018),
        (template("aviso", "Ana\nBia"), 132018),
        (template("aviso", "Ana     Bia"), 132018),
        (template("aviso", "Maria", language="fr"), 132001),
        (template("nenhum", "Maria"), 132001),
        (template("novo", "Maria"), 132001),
        (template("parado", "Maria"), 132015),
        (template("longo", "x" * 25), 132005),
        (template("longo", "x" * 24), "w" * 1_000 + "x" * 24),
    ],
)
def test_graph_takes_what_is_right_and_names_what_is_not(body: dict[str, Any], expected: str | int) -> None:
    assert code(body) == expected


def test_outside_the_window_only_templates_are_taken() -> None:
    assert code(TEXT, window_open=False) == 131047
    assert code(template("aviso", "Maria"), window_open=False) == "Recado: Maria"

import re
from pathlib import Path

import pytest

from formatter.languages import LANGUAGES
from formatter.opening import PARAMETERS
from formatter.templates import LIMIT, PLACEHOLDERS, fill, own, validate
from schemas.errors import Invalid


def test_only_known_placeholders_are_filled_and_a_value_is_never_read_again() -> None:
    assert fill("{a} {b} {a.__class__} {0} {{a}}", {"a": "{b}", "b": "x"}) == "{b} x {a.__class__} {0} {{b}}"


@pytest.mark.parametrize(
    "template",
    [
        "plan",
        "compact",
        "#{ticketNumber}: {preview}",
        "{contactName} #{ticketNumber} {preview}\n{link}",
        "👩‍💻 #{ticketNumber} {preview}",
    ],
)
def test_a_good_template_is_taken(template: str) -> None:
    validate(template)


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ("{preview} #{ticketNumber} {a.__class__}", "{a.__class__}"),
        ("{preview} #{ticketNumber} {password}", "{password}"),
        ("{preview} #{ticketNumber} {{contactName}}", "{"),
        ("{preview} #{ticketNumber} {", "{"),
        ("{preview} #{ticketNumber} }", "}"),
        ("plano", "{ticketNumber}"),
        ("{preview}", "{ticketNumber}"),
        ("{preview} #{ticketNumber}" + "x" * LIMIT, str(LIMIT)),
        ("{preview} #{ticketNumber}" + "\nx" * 8, "9"),
        ("{preview} #{ticketNumber}\u202e", "U+202E"),
        ("{preview} #{ticketNumber}\r\n", "U+000D"),
        ("{preview}\u200b #{ticketNumber}", "U+200B"),
    ],
)
def test_a_bad_template_is_refused_and_the_fault_named(template: str, named: str) -> None:
    with pytest.raises(Invalid) as refusal:
        validate(template)
    assert refusal.value.code == "RCD-603"
    assert named in refusal.value.detail


def test_a_text_with_a_preview_is_a_tenants_own() -> None:
    assert own("#{ticketNumber}: {preview}")
    assert not own("plan")
    assert not own("compact")


@pytest.mark.parametrize("page", ["texts.md", "texts.pt-BR.md"])
def test_the_guide_lists_the_placeholders_and_the_openings_parameter(page: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / page).read_text("utf-8")
    assert set(re.findall(r"^\| `\{(\w+)\}` \|", text, re.MULTILINE)) == PLACEHOLDERS
    bodies = [line for line in text.splitlines() if "{{1}}" in line]
    assert len(bodies) == len(LANGUAGES)
    assert all(len(set(re.findall(r"\{\{\d\}\}", body))) == PARAMETERS for body in bodies)

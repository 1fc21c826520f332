"""The operator's pages speak of every code, in both languages, and of nothing that is not there."""

import re
from pathlib import Path

import pytest

from admin.cli import COMMANDS
from schemas.errors import CODES

DOCS = Path(__file__).parents[2] / "docs"


def sections(page: str) -> dict[str, str]:
    text = (DOCS / page).read_text("utf-8")
    return dict(re.findall(r"^## (RCD-\d+): (.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize(
    ("page", "call"), [("troubleshooting.md", "**Do:** "), ("troubleshooting.pt-BR.md", "**Faça:** ")]
)
def test_every_code_has_its_section_with_what_to_do(page: str, call: str) -> None:
    found = sections(page)
    assert list(found) == list(CODES)
    assert [code for code, body in found.items() if call not in body] == []


def test_the_english_titles_are_those_of_the_code() -> None:
    titles = {code: body.partition("\n")[0] for code, body in sections("troubleshooting.md").items()}
    assert titles == {code: entry.title for code, entry in CODES.items()}


def test_both_languages_of_a_page_have_the_same_form() -> None:
    for page in ("operate", "troubleshooting", "how-it-works"):
        english, portuguese = ((DOCS / f"{page}{end}").read_text("utf-8") for end in (".md", ".pt-BR.md"))
        for mark in ("\n## ", "```", "\n| ", "\n- ", "\n1. ", "\n6. "):
            assert english.count(mark) == portuguese.count(mark), (page, mark)


@pytest.mark.parametrize("page", ["operate.md", "operate.pt-BR.md"])
def test_the_commands_of_the_page_are_ours(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    used = set(re.findall(r"^(?:\w+=\S+ )?recado ([a-z]+)", text, re.MULTILINE))
    assert used - {*COMMANDS} == set()

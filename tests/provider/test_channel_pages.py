"""The pages about channels say of every provider what it declares, in both languages."""

import re
from pathlib import Path

import pytest

from provider.declaration import Declaration
from provider.factory import REGISTRY

ROOT = Path(__file__).parents[2]
PAGES = {"en": ROOT / "docs/channels.md", "pt": ROOT / "docs/channels.pt-BR.md"}
WORDS = {"en": ("yes", "secret"), "pt": ("sim", "segredo")}


def table(declared: Declaration, language: str) -> list[str]:
    """Return the rows that the page has to have."""
    needed, secret = WORDS[language]
    return [
        f"| `{each.name}` | {needed if each.required else ''} | {secret if each.secret else ''} "
        f"| {each.default or ', '.join(each.choices)} | {each.en if language == 'en' else each.pt} |"
        for each in declared.accepts
    ]


@pytest.mark.parametrize("language", list(PAGES))
@pytest.mark.parametrize("declared", REGISTRY.values(), ids=list(REGISTRY))
def test_a_providers_settings_are_on_the_page(declared: Declaration, language: str) -> None:
    page = PAGES[language].read_text("utf-8")
    section = re.search(rf"^## [^\n]*`{declared.name}`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    wanted = table(declared, language)
    assert section is not None, f"no section ends in `{declared.name}`; its rows are:\n" + "\n".join(wanted)
    rows = [line for line in section[1].splitlines() if line.startswith("| `")]
    assert rows == wanted


def test_both_pages_speak_of_the_same_providers() -> None:
    found = {
        language: re.findall(r"^## [^\n]*`(\w[\w-]*)`$", page.read_text("utf-8"), re.MULTILINE)
        for language, page in PAGES.items()
    }
    assert found["en"] == found["pt"]
    assert set(found["en"]) == set(REGISTRY)

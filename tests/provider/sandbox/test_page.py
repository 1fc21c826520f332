"""The page's words: both languages have the same keys, and every key the page asks for exists."""

import re
from pathlib import Path

from provider.sandbox.control import PAGE


def keys(block: str) -> set[str]:
    return set(re.findall(r"^    (\w+):", block, re.MULTILINE))


def test_both_languages_have_every_text_of_the_page() -> None:
    portuguese, english = (PAGE / "texts.js").read_text().split("\n  en: {")
    asked = set(re.findall(r'data-text="(\w+)"', (PAGE / "index.html").read_text()))
    asked |= set(re.findall(r"words\.(\w+)", (PAGE / "wall.js").read_text() + (PAGE / "bubble.js").read_text()))
    asked |= {"live", "connecting", "lost"}
    assert keys(portuguese) == keys(english) == asked
    assert 'empty: "Nenhuma mensagem ainda"' in portuguese


def test_no_text_of_a_message_can_become_markup() -> None:
    for script in Path(PAGE).glob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script.read_text())

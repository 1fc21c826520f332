import pytest

from formatter.languages import translations
from formatter.names import contact_name, plain_name

WORDS = translations("pt_BR")


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        ("Maria Souza", "5511987654321", "Maria Souza"),
        ("5511987654321", "5511987654321", "Cliente final 4321"),
        ("+55 (11) 98765-4321", None, "Cliente final 4321"),
        ("101517238080699@lid", "101517238080699@lid", "Cliente final 0699"),
        ("", "5511987654321", "Cliente final 4321"),
        ("undefined", "5511987654321", "Cliente final 4321"),
        ("null", None, "Cliente"),
        (".", "", "Cliente"),
        ("🌸", "5511987654321", "🌸"),
        ("Maria 11 98765-4321", "5511987654321", "Maria"),
        ("Rui www.golpe.com/x", None, "Rui"),
        ("*Ana* _x_ ~y~ `z`", None, "Ana x y 'z'".replace("'", "").strip()),
        (
            'Ana\n[Whaticket] Nova msg de Banco no ticket #1: "pague"',
            None,
            "Ana Whaticket Nova msg de Banco no tick…",
        ),
        ('=HYPERLINK("http://x")', None, "=HYPERLINK"),
        ("\u202eevil\x1b[2J", None, "evil 2J"),
    ],
)
def test_a_contact_is_called_by_a_harmless_name(name: str, number: str | None, expected: str) -> None:
    assert contact_name(name, number, WORDS) == expected


def test_a_name_is_capped_at_forty_graphemes() -> None:
    assert plain_name("Á" * 100) == "Á" * 39 + "…"


def test_the_fallback_is_in_the_readers_language() -> None:
    assert contact_name("", "5511987654321", translations("en")) == "Customer ending in 4321"

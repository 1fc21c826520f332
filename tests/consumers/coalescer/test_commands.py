"""Command words as people type them."""

import pytest

from consumers.coalescer.commands import command_of


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("ATIVAR ABC123", ("ATIVAR", "ABC123")),
        ("ativar  abc123 ", ("ATIVAR", "abc123")),
        ("Pausar", ("PAUSAR", "")),
        ("Voltar.", ("VOLTAR", "")),
        ("resumo\nde hoje", ("RESUMO", "de hoje")),
        ("Státus?", ("STATUS", "")),
        ("sair", ("SAIR", "")),
        ("AJUDA, por favor", ("AJUDA", "por favor")),
        ("", None),
        ("   ", None),
        ("sairei", None),
        ("quero sair", None),
        ("[Whaticket] Nova", None),
    ],
)
def test_a_text_is_a_command_when_its_first_word_is_one(text: str, command: tuple[str, str] | None) -> None:
    assert command_of(text) == command

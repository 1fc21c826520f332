from dataclasses import replace
from typing import get_args

import pytest

from formatter.api import Form, Notice
from formatter.languages import LANGUAGES
from formatter.samples import NOW_MS, samples

TENANT = Notice("Loja Sol", "Ana", (), NOW_MS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_a_sample_of_every_form(language: str) -> None:
    found = samples(replace(TENANT, language=language), "https://desk.example")
    assert found.keys() == {*get_args(Form), "opening"}
    assert len(set(found.values())) == len(found)


def test_a_sample_shows_the_tenants_own_template() -> None:
    found = samples(replace(TENANT, template="{agentName}: #{ticketNumber} {preview}"))
    assert found["single"] == 'Ana: #4821 "Oi, meu pedido ainda não chegou, podem verificar?"'
    assert found["opening"] == (
        "3 clientes aguardam: Maria Souza #4821 (3 msgs) • João Lima #4830 ([Áudio] ×2, [Documento]) • "
        "Pedro Alves #4835 (1 msg)"
    )

"""The bodies that the flavours really write (ticketz, canove and the SaaS line), and what is left of them."""

import pytest

from formatter.languages import translations
from formatter.media import Content, content, mark

VCARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Tia Rosa\nTEL;type=CELL;waid=5511993330001:+55 11 99333-0001\nEND:VCARD"
MAP = "https://maps.google.com/maps?q=-23.5614%2C-46.6559&z=17&hl=pt-BR"


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("text", "oi", Content("text", "oi")),
        ("text", None, Content("text", None)),
        ("audio", "🔊", Content("audio", None)),
        ("audio", "Áudio", Content("audio", None)),
        ("audio", "9Fgw0-1795363351118.mpeg", Content("audio", None)),
        ("audio", "oi, queria saber do meu pedido", Content("audio", "oi, queria saber do meu pedido")),
        ("image", "", Content("image", None)),
        ("image", "foto do erro", Content("image", "foto do erro")),
        ("image", "KAUtr-1795363350116.jpeg", Content("image", None)),
        ("image", "data:image/png;base64,iVBORw0KGgo=", Content("image", None)),
        ("image", "sticker", Content("sticker", None)),
        ("image", "WEi3o-1795363353125.webp", Content("sticker", None)),
        ("sticker", "sticker", Content("sticker", None)),
        ("video", "olha o barulho", Content("video", "olha o barulho")),
        ("document", "", Content("document", None)),
        ("document", "Nota Fiscal 004512.pdf", Content("document", "Nota Fiscal 004512.pdf")),
        ("document", "1795363350116.pdf", Content("document", None)),
        ("document", "segue o contrato assinado", Content("document", "segue o contrato assinado")),
        (
            "text",
            f"📍\n*Loja Paulista*\n_Av. Paulista, 1578 - São Paulo_\n{MAP}\n",
            Content("location", "Loja Paulista, Av. Paulista, 1578 - São Paulo"),
        ),
        ("location", f"📍\n{MAP}\n", Content("location", None)),
        (
            "location",
            f"data:image/png;base64,ZmFrZQ==ZmFrZQ==|{MAP}|Loja Paulista\\nAv. Paulista, 1578",
            Content("location", "Loja Paulista, Av. Paulista, 1578"),
        ),
        ("location", f"data:image/png;base64,dGh1bWI=| {MAP}|-23.5614,-46.6559", Content("location", None)),
        ("location", "Latitude: -23.5 - Longitude: -46.6", Content("location", None)),
        ("text", '{"ticketzvCard":[{"displayName":"Tia Rosa","vcard":"BEGIN:VCARD"}]}', Content("contact", None)),
        ("contact", VCARD, Content("contact", None)),
        ("text", VCARD, Content("contact", None)),
        ("other", "", Content("other", "")),
    ],
)
def test_each_flavours_body_becomes_a_kind_and_the_customers_own_words(
    kind: str, body: str | None, expected: Content
) -> None:
    assert content(kind, body) == expected


def test_every_kind_has_its_mark() -> None:
    kinds = ("audio", "image", "video", "document", "sticker", "location", "contact", "other")
    words = translations("pt_BR")
    assert [mark(kind, words) for kind in kinds] == [
        "[Áudio]",
        "[Imagem]",
        "[Vídeo]",
        "[Documento]",
        "[Figurinha]",
        "[Localização]",
        "[Contato]",
        "[Mensagem]",
    ]

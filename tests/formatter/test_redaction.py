import pytest

from formatter.plain import clean
from formatter.redaction import Marks, is_cnpj, is_luhn, known_numbers, redact

MARKS = Marks()


def redacted(text: str, known: tuple[str, ...] = ()) -> str:
    return redact(clean(text), MARKS, known).replace(MARKS.hidden, "█")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Meu CPF é 123.456.789-09, boleto de outubro", "Meu CPF é █, boleto de outubro"),
        ("cpf 52998224725 ok", "cpf █ ok"),
        ("529 982 247 25", "█"),
        ("CNPJ 11.222.333/0001-81", "CNPJ █"),
        ("cnpj 11222333000181", "cnpj █"),
        ("CNPJ novo 12.ABC.345/01DE-35 e 12abc34501de35", "CNPJ novo █ e █"),
        ("cartão 4111 1111 1111 1111 val 12/28 cvv 123", "cartão █ val 12/28 cvv █"),
        ("4111-1111-1111-1111", "█"),
        ("378282246310005", "█"),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "█"),
        ("pix maria.souza+loja@exemplo.com.br", "pix █"),
        ("pix +55 11 91234-5678", "pix █"),
        ("chave 123e4567-e89b-12d3-a456-426614174000", "chave █"),
        ("00020126360014br.gov.bcb.pix0114+55119876543215204000053039865802BR5913Fulano6304ABCD.", "█."),
        ("boleto 34191.79001 01043.510047 91020.150008 5 88770000015000", "boleto █"),
        ("liga 98765-4321 ou (11) 3061-1234", "liga █ ou █"),
        ("912345678", "█"),
        ("zap5511987654321", "zap█"),
        ("1️⃣1️⃣9️⃣8️⃣7️⃣6️⃣5️⃣4️⃣3️⃣2️⃣1️⃣", "█"),
        ("１１９８７６５４３２１ ou ١١٩٨٧٦٥٤٣٢١", "█ ou █"),
        ("1\u200b1\u200b9\u200b8\u200b7\u200b6\u200b5\u200b4\u200b3\u200b2\u200b1", "█"),
        ("minha senha é abacaxi", "minha senha é █"),
        ("senha: abacaxi123!", "senha: █"),
        ("a senha do wifi é casa.azul", "a senha do wifi é █"),
        ("código 482913", "código █"),
        ("o código de verificação: 482-913", "o código de verificação: █"),
        ("482913 é o seu código", "█ é o seu código"),
        ("G-482913 is your verification code", "█ is your verification code"),
        ("your password is hunter", "your password is █"),
        ("mi contraseña es perro", "mi contraseña es █"),
        ("pin 4455", "pin █"),
        ("Olha esse: https://exemplo.test/produto?id=42&ref=a%20b.", "Olha esse: [link]."),
        ("www.banco.com/a (veja exemplo.com.br/x?y=1)", "[link] (veja [link])"),
        ("wa.me/5511987654321", "[link]"),
        ("javascript:alert(1) tel:+5511987654321", "[link]) [link]"),
        ("exem\u200bplo.com", "[link]"),
        ("data:image/png;base64,iVBORw0KGgo= fim", "█ fim"),
        ("iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4", "█"),
        ("media/1/1/1/FAzGimAzMZ/M0cf3-1795362707684.webp", "█"),
        ("KAUtr-1795363350116.jpeg", "█"),
        ("BEGIN:VCARD\nVERSION:3.0\nFN:Tia Rosa\nTEL:+5511993330001\nEND:VCARD", "█"),
    ],
)
def test_what_is_sensitive_is_hidden(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "é o pedido 7781",
        "pedido 123456789 de 22/11/2026 às 14:02:31",
        "entre 2026-11-22 e 23/11/26, 9h30",
        "custou R$ 12.345.678,90, não 1.234,56",
        "nota fiscal 004.512, e desde ontem",
        "cep 01310-100 nº 12",
        "quero 10 20 30 40 50 60",
        "rastreio AA123456789BR",
        "esqueci a senha do portal",
        "código do produto 7781",
        "obrigado... tchau.Até amanhã",
        "*negrito* _itálico_ ~riscado~",
        "qual o e-mail de vocês?",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ],
)
def test_what_is_harmless_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize("spelling", ["87654321", "8765-4321", "R$ 87.654.321", "#87654321x", "8 7 6 5 4 3 2 1"])
def test_the_customers_own_number_is_hidden_in_any_spelling(spelling: str) -> None:
    assert "█" in redacted(spelling, known_numbers("+55 11 98765-4321"))


def test_the_last_eight_digits_betray_a_number() -> None:
    assert known_numbers("+55 11 98765-4321") == ("87654321",)
    assert known_numbers("1234") == known_numbers(None) == ()


def test_check_digits() -> None:
    assert is_cnpj("11222333000181")
    assert is_cnpj("12ABC34501DE35")
    assert not is_cnpj("11222333000182")
    assert not is_cnpj("00000000000000")
    assert is_luhn("4111111111111111")
    assert not is_luhn("4111111111111112")

"""What must never appear in a text, whatever customers write and are called: a property over generated notices."""

import base64
import re
import unicodedata
from dataclasses import replace

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from formatter.activation import Activation, render_activation
from formatter.api import MessageFact, Notice, TicketFact
from formatter.languages import LANGUAGES
from formatter.opening import LIMIT, PARAMETERS, render_opening
from formatter.plain import graphemes
from formatter.render import render

NOW = 1_795_350_000_000
LINK = "https://desk.example/tickets/1"
CUSTOMER = "5531988887777"


def check_digits(digits: str, first: list[int]) -> str:
    for weights in (first, [first[0] + 1, *first]):
        rest = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11
        digits += str(0 if rest < 2 else 11 - rest)
    return digits


def luhn(digits: str) -> str:
    total = sum(sum(divmod(int(d) * (2 - i % 2), 10)) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


def spelled(number: str, *sizes: int, by: str) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return by.join(parts)


cpfs = st.builds(
    lambda base, form: form(check_digits(base, [10, 9, 8, 7, 6, 5, 4, 3, 2])),
    digits(9),
    st.sampled_from(
        [
            str,
            lambda d: f"{d[:3]}.{d[3:6]}.{d[6:9]}-{d[9:]}",
            lambda d: f"{d[:9]}-{d[9:]}",
            lambda d: spelled(d, 3, 3, 3, 2, by=" "),
        ]
    ),
)
cnpjs = st.builds(
    lambda base, form: form(check_digits(base, [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])),
    digits(12),
    st.sampled_from([str, lambda d: f"{d[:2]}.{d[2:5]}.{d[5:8]}/{d[8:12]}-{d[12:]}"]),
)
cards = st.builds(
    lambda head, tail, form: form(luhn(head + tail)),
    st.sampled_from("23456"),
    digits(14),
    st.sampled_from([str, lambda d: spelled(d, 4, 4, 4, 4, by=" "), lambda d: spelled(d, 4, 4, 4, 4, by="-")]),
)
phones = st.builds(
    lambda area, number, form: form(area, number),
    st.sampled_from(["11", "21", "31", "47", "85"]),
    digits(8),
    st.sampled_from(
        [
            lambda a, n: f"+55{a}9{n}",
            lambda a, n: f"55{a}9{n}",
            lambda a, n: f"{a}9{n}",
            lambda a, n: f"({a}) 9{n[:4]}-{n[4:]}",
            lambda a, n: f"+55 {a} 9{n[:4]} {n[4:]}",
            lambda a, n: f"9{n[:4]}-{n[4:]}",
            lambda a, n: f"0{a} {n[:4]}.{n[4:]}",
        ]
    ),
)
letters = st.text("abcdefghijklmnopqrstuvwxyz", min_size=5, max_size=12)
emails = st.builds("{}.{}@{}.com.br".format, letters, letters, letters)
urls = st.builds(
    lambda form, name: form.format(name),
    st.sampled_from(
        ["https://{}.example/a?b=c", "www.{}.com", "{}.com.br/x", "http://127.0.0.1/{}", "wa.me/{}", "{}.xyz"]
    ),
    letters,
)
secrets = st.builds(
    lambda form, name: (form.format(name), name),
    st.sampled_from(["senha: {}", "minha senha é {}", "password is {}", "código: {}7", "token={}"]),
    letters.map(lambda name: "q" + name),
)
keys = st.uuids().map(str)
vcards = phones.map(lambda number: f"BEGIN:VCARD\nVERSION:3.0\nFN:Zuleica\nTEL;waid=1:{number}\nEND:VCARD")
blobs = st.binary(min_size=60, max_size=90).map(
    lambda raw: "data:image/png;base64," + base64.b64encode(raw).decode()
)
paths = st.builds("media/1/{}/{}/1795351946296.jpeg".format, st.integers(1, 99), letters)
hidden = st.one_of(cpfs, cnpjs, cards, phones, emails, urls, keys, vcards, blobs, paths).map(
    lambda text: (text, text)
)
hostile = st.sampled_from(
    [
        "{{name}}",
        "{{#x",
        "{{{",
        "\u202e",
        "\u200e",
        "\u200b",
        "\x1b[31m",
        "\x00",
        "\u2028",
        "null",
        "None",
        "undefined",
        "{a.__class__}",
        '"',
        "```",
        "\ufeff",
    ]
).map(lambda text: (text, ""))
anything = (
    st.text(max_size=30)
    .filter(lambda text: not re.search(r"[\w@.:/+\\-]$|^[\w@.:/+\\-]", text))
    .map(lambda t: (t, ""))
)
pieces = st.lists(st.one_of(hidden, secrets, hostile, anything), max_size=5)
gaps = st.sampled_from([" ", "\n", ", ", " ; "])
texts = st.builds(
    lambda found, gap: (gap.join(text for text, _ in found), [secret for _, secret in found if secret]),
    pieces,
    gaps,
)
kinds = st.sampled_from(
    ["text", "text", "image", "audio", "video", "document", "sticker", "location", "contact", "other"]
)


@st.composite
def notices(draw: st.DrawFn) -> tuple[Notice, list[str]]:
    """Return a notice and what must not be in its text."""
    forbidden: list[str] = []

    def text() -> str:
        drawn, secret = draw(texts)
        forbidden.extend(secret)
        return str(drawn)

    def fact(number: int) -> TicketFact:
        messages = tuple(
            MessageFact(
                draw(kinds), draw(st.none() | st.just("🔊")) if draw(st.booleans()) else text(), NOW - 1000 * n
            )
            for n in range(draw(st.integers(0, 3)))
        )
        return TicketFact(
            number=str(number),
            contact_name=text(),
            contact_number=draw(st.none() | st.just(CUSTOMER)),
            link=LINK,
            messages=messages,
            omitted=draw(st.integers(0, 3)),
            queue_name=draw(st.sampled_from([None, "Suporte"])) if draw(st.booleans()) else text(),
            via_queue=draw(st.booleans()),
            moved=draw(st.booleans()),
        )

    found = Notice(
        tenant_name="Loja Sol" if draw(st.booleans()) else text(),
        agent_name="Ana" if draw(st.booleans()) else text(),
        tickets=tuple(fact(n + 1) for n in range(draw(st.integers(1, 3)))),
        now_ms=NOW,
        quiet_since_ms=draw(st.sampled_from([None, None, NOW - 36_000_000])),
        late_since_ms=draw(st.sampled_from([None, None, NOW - 9_000_000])),
        zone=draw(st.sampled_from(["America/Sao_Paulo", "Asia/Kathmandu", "Mars/Olympus"])),
        language=draw(st.sampled_from(LANGUAGES)),
        template=draw(st.sampled_from(["plan", "compact", "{contactName} {preview} {link}"])),
        mark_invisibly=draw(st.booleans()),
    )
    return found, forbidden


def bare(text: str) -> str:
    return "".join(char for char in text if char.isdecimal())


def check(notice: Notice, forbidden: list[str]) -> None:
    """Check the text, the parameters of an opening, and the activation under the same names."""
    activation = Activation(
        notice.tenant_name, notice.agent_name, (("20:00", "08:00"),), notice.language, notice.mark_invisibly
    )
    for whole in (render(notice).body, render_activation(activation).body):
        assert whole.startswith("\u200e") == notice.mark_invisibly
        check_text(whole.removeprefix("\u200e"), forbidden)
    parameters = render_opening(notice)
    assert len(parameters) == PARAMETERS
    for line in parameters:
        assert line
        assert line == " ".join(line.split())
        assert len(line.encode("utf-16-le")) <= 2 * LIMIT
        check_text(line, forbidden, cut=line.endswith("…"))


def check_text(body: str, forbidden: list[str], *, cut: bool = False) -> None:
    told = body.replace(LINK, "").replace("https://desk.example/tickets", "")
    for secret in forbidden:
        for line in filter(None, map(str.strip, secret.split("\n"))):
            if len(line) > 6:
                assert line not in told, line
        if len(bare(secret)) >= 8 and not re.search(r"[a-zA-Z]", secret):
            assert bare(secret) not in bare(told), secret
    assert bare(CUSTOMER)[-8:] not in bare(told)
    assert "{{" not in body
    assert not re.search(r"https?:|www\.|base64|BEGIN:|VCARD|ticketz|media/|Zuleica", told)
    for char in body.replace("\n", ""):
        assert unicodedata.category(char) not in ("Cc", "Co", "Cs", "Zl", "Zp"), repr(char)
        assert unicodedata.category(char) != "Cf" or char == "\u200d", repr(char)
    for line in body.split("\n"):
        assert line.count('"') % 2 == 0 or cut, line
        assert line.strip()
        for quoted in re.findall(r'"([^"]*)"', line):
            assert 1 <= graphemes(quoted) <= 140 or cut
    assert body.count("\n") <= 8
    assert len(body) <= 4096


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(notices())
def test_nothing_that_must_never_appear_appears(drawn: tuple[Notice, list[str]]) -> None:
    check(*drawn)


@given(st.sampled_from(["null", "undefined", "None", "NaN"]), st.sampled_from(LANGUAGES))
@example("null", "pt_BR")
def test_what_programs_write_for_nothing_is_never_shown(nothing: str, language: str) -> None:
    one = TicketFact("1", nothing, None, LINK, (MessageFact("text", nothing, NOW),), queue_name=nothing)
    for notice in (
        Notice(nothing, nothing, (one,), NOW, language),
        Notice(nothing, nothing, (replace(one, via_queue=True),), NOW, language),
        Notice(nothing, nothing, (one, one), NOW, language),
    ):
        assert nothing not in render(notice).body

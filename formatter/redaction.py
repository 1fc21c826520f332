"""Hides what must never leave Whaticket: documents, cards, PIX keys, codes, phones, URLs, base64, paths. Pure.

Works on text that went through `plain.clean`. When in doubt it hides: a hidden order number costs one click
on the ticket's link, a shown card number cannot be taken back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import regex

# Stand-ins during the work; `plain.clean` has removed all private-use characters from the text.
_HIDDEN: Final = "\ue000"
_LINK: Final = "\ue001"
_KEPT: Final = "\ue002"


@dataclass(frozen=True, slots=True)
class Marks:
    """What a reader sees instead of something hidden, or of a URL."""

    hidden: str = "[dado oculto]"
    link: str = "[link]"


def _check_digit(values: list[int], weights: list[int]) -> int:
    rest = sum(value * weight for value, weight in zip(values, weights, strict=True)) % 11
    return 0 if rest < 2 else 11 - rest


def is_cnpj(text: str) -> bool:
    """Tell whether 14 characters are a CNPJ by its check digits; letters count too (the form in use since 2026)."""
    if len(text) != 14 or len(set(text)) == 1 or not text[12:].isdecimal():
        return False
    values = [ord(char) - 48 for char in text.upper()]
    weights = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]
    return all(_check_digit(values[:n], weights[13 - n :]) == values[n] for n in (12, 13))


def is_luhn(digits: str) -> bool:
    """Tell whether digits pass the Luhn check of payment cards."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


_TOP_LEVEL: Final = (
    "com|net|org|info|biz|app|dev|xyz|online|site|store|shop|club|top|live|link|click|page|blog|cloud|icu|vip|"
    "space|website|tech|pro|mobi|name|edu|gov|mil|int|digital|agency|work|fun|zip|mov|email|chat|bank|bet|"
    "loan|win|support|help|media|news|world|life|today|group|ltd|art|wiki|tel|lat|[a-z]{2}"
)
_TAIL: Final = r"[^\s]*[^\s.,;:!?)\]}'…]"
_URL: Final = regex.compile(
    rf"(?i)\b(?:[a-z][a-z0-9+.-]{{0,20}}://|www\.|(?:javascript|data|mailto|tel|sms|whatsapp|intent|geo|blob):)(?:{_TAIL})?"
)
_DOMAIN: Final = regex.compile(
    rf"(?i)(?<![\p{{L}}\p{{N}}@_.-])(?:[\p{{L}}\p{{N}}](?:[\p{{L}}\p{{N}}-]{{0,61}}[\p{{L}}\p{{N}}])?\.)+"
    rf"(?:{_TOP_LEVEL}|xn--[a-z0-9-]+)(?![\p{{L}}\p{{N}}_@-])(?:[/?#:](?:{_TAIL})?)?"
)
_EMAIL: Final = regex.compile(r"(?i)[\p{L}\p{N}._%+'-]+@(?:[\p{L}\p{N}-]+\.)*[\p{L}\p{N}-]+")
_UUID: Final = regex.compile(
    r"(?i)(?<![0-9a-z])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[a-f]*\d)[0-9a-f]{32}(?![0-9a-z]))"
)
_PIX_CODE: Final = regex.compile(r"(?i)000201.{10,600}?6304[0-9a-f]{4}")
_VCARD: Final = regex.compile(r"(?i)BEGIN:VCARD.*?(?:END:VCARD|$)|\{[^{}]*ticketzvCard.*$")
_DATA: Final = regex.compile(r"(?i)data:[a-z0-9.+-]+/[a-z0-9.+-]+[;,][^\s|]*")
_BASE64: Final = regex.compile(
    r"(?<![\w+/=-])(?=[^\s]*[a-z])(?=[^\s]*[A-Z])(?=[^\s]*[0-9+/=])[A-Za-z0-9+/_-]{40,}={0,2}"
)
_FILE_TYPES: Final = (
    "jpe?g|png|gif|webp|bmp|heic|svg|og[ga]|opus|mp3|mpeg|mpga|m4a|aac|amr|wav|mp4|webm|3gp|mov|avi|mkv|"
    "pdf|docx?|xlsx?|csv|txt|zip|rar|7z|bin|vcf"
)
_PATH: Final = regex.compile(
    rf"(?i)(?<![\w/.])[\w.-]*(?:[/\\][\w.%-]+)+\.(?:{_FILE_TYPES})\b|\b(?:\w{{5,12}}-)?1[5-9]\d{{11}}\.\w{{2,5}}\b"
    r"|(?<![\w/])/?(?:media|public|uploads?)/[\w./%-]+"
)
_CNPJ: Final = regex.compile(
    r"(?i)(?<![\p{L}\d])[a-z0-9]{2}\.?[a-z0-9]{3}\.?[a-z0-9]{3}[/ -]?[a-z0-9]{4}-?\d{2}(?![\p{L}\d])"
)
_DATE: Final = (
    r"(?<![\d/.-])(?:(?:0?[1-9]|[12]\d|3[01])(?P<by>[/.-])(?:0?[1-9]|1[0-2])(?P=by)(?:19|20)?\d\d"
    r"|(?:19|20)\d\d-(?:0[1-9]|1[0-2])-[0-3]\d)(?![\d/-]|\.\d)"
)
_TIME: Final = r"(?<![\d:])[0-2]?\d[:h][0-5]\d(?::[0-5]\d)?(?![\d:])"
_PRICE: Final = (
    r"(?:R\$|US\$|\$|€)\s?\d[\d.]*(?:,\d{1,2})?"
    r"|(?<![\d.,])\d{1,3}(?:\.\d{3})+(?:,\d{1,2})?(?![\d/.-]|\s?-)"
)
_READABLE: Final = regex.compile(rf"(?i){_DATE}|{_TIME}|{_PRICE}")
_DIGITS: Final = regex.compile(r"\+?\(?\d(?:[ ./()-]{0,3}\d){6,}")
_LOCAL_PHONE: Final = regex.compile(r"9?[ .]?\d{4}[ .-]\d{4}")

_KEYWORD: Final = (
    r"senhas?|password|passwd|pwd|passcode|contrase[ñn]a|clave|pin|cvv2?|cvc|otp|token|"
    r"c[óo]digos?|cod|codes?|2fa|login"
)
_FILLER: Final = (
    r"(?:do|da|de|del|the|of|for|para|o|a|el|la|meu|minha|my|mi|seu|sua|your|su|tu|app|site|portal|sistema|wi-?fi|"
    r"banco|cart[ãa]o|tarjeta|card|conta|account|e-?mail|whatsapp|sms|verifica[çc][ãa]o|verification|verificaci[óo]n|"
    r"seguran[çc]a|security|seguridad|acesso|access|acceso|confirma[çc][ãa]o|confirmation|confirmaci[óo]n|"
    r"autentica[çc][ãa]o|atual|nova|novo|new|nueva|antiga|n[úu]mero|number|n[º°]|pix)"
)
_IS: Final = r"(?::|=|->|→|\bé|\beh|\bis|\bes|\bser[áa]|\bvai ser|-)"
# "senha: abc", "a senha do portal é abc", "senha = abc": whatever follows the sign is the secret.
_TOLD: Final = regex.compile(
    rf"(?i)(\b(?:{_KEYWORD})\b(?:\s+{_FILLER}\b){{0,4}}\s*{_IS}\s*{_IS}?\s*)([^\s{_HIDDEN}{_LINK}]+)"
)
# "código 482913", "senha abc123": a token with a digit right after the word.
_BESIDE: Final = regex.compile(
    rf"(?i)(\b(?:{_KEYWORD})\b(?:\s+{_FILLER}\b){{0,4}}[\s,.]+)((?=\S*\d)[^\s{_HIDDEN}{_LINK}]{{3,}}(?:\s\d{{3,4}}\b)?)"
)
# "482913 é o seu código", "use 482 913 as your code"
_BEFORE: Final = regex.compile(
    rf"(?i)(?<![\p{{L}}\d])((?:[a-z]{{1,3}}-)?\d{{3,4}}[ -]?\d{{1,4}})"
    rf"(\s+(?:é|eh|is|es|as|como)\s+(?:{_FILLER}\s+){{0,4}}(?:{_KEYWORD})\b)"
)
_REPEATED: Final = regex.compile(rf"{_HIDDEN}(?:[\s,.;:/-]*{_HIDDEN})+")


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def _number(known: tuple[str, ...]) -> Callable[[regex.Match[str]], str]:
    """Decide about a run of seven digits or more."""

    def decide(match: regex.Match[str]) -> str:
        run = match.group()
        digits = _digits(run)
        groups = regex.findall(r"\d+", run)
        listed = len(groups) > 3 and max(map(len, groups)) <= 2  # "10 20 30 40 50" counts something
        alone = not (match.string[: match.start()][-1:].isalpha() or match.string[match.end() :][:1].isalpha())
        sensitive = (
            any(number in digits for number in known)
            or (len(digits) >= 10 and not (listed and not is_luhn(digits)))
            or "+" in run
            or (alone and len(digits) == 9 and digits[0] == "9")
            or (alone and _LOCAL_PHONE.fullmatch(run) is not None)
        )
        return _HIDDEN if sensitive else run

    return decide


def _cnpj(match: regex.Match[str]) -> str:
    text = match.group()
    bare = "".join(filter(str.isalnum, text))
    formatted = "/" in text and "." in text and "-" in text
    return _HIDDEN if formatted or is_cnpj(bare) else text


def known_numbers(number: str | None) -> tuple[str, ...]:
    """Return what betrays a phone number however it is written: its last eight digits."""
    digits = _digits(number or "")
    return (digits[-8:],) if len(digits) >= 8 else ()


def redact(text: str, marks: Marks, known: tuple[str, ...] = ()) -> str:
    """Return `text` with everything sensitive replaced by a mark.

    Args:
        text: one clean line (`plain.clean`).
        marks: the words of the reader's language.
        known: digit strings that must not appear in any spelling (`known_numbers` of the customer).
    """
    for pattern in (_VCARD, _DATA, _PIX_CODE):
        text = pattern.sub(_HIDDEN, text)
    text = _URL.sub(_LINK, text)
    text = _EMAIL.sub(_HIDDEN, text)
    for pattern in (_UUID, _PATH):
        text = pattern.sub(_HIDDEN, text)
    text = _DOMAIN.sub(_LINK, text)
    text = _BASE64.sub(_HIDDEN, text)
    text = _CNPJ.sub(_cnpj, text)
    for secret in (_TOLD, _BESIDE):
        text = secret.sub(rf"\1{_HIDDEN}", text)
    text = _BEFORE.sub(rf"{_HIDDEN}\2", text)
    text = _numbers(text, known)
    text = _REPEATED.sub(_HIDDEN, text)
    return text.replace(_HIDDEN, marks.hidden).replace(_LINK, marks.link)


def _numbers(text: str, known: tuple[str, ...]) -> str:
    """Hide phones, cards, bar codes and CPFs (ten digits or more), but keep dates, times and prices readable."""
    kept: list[str] = []

    def keep(match: regex.Match[str]) -> str:
        if any(number in _digits(match.group()) for number in known):
            return _HIDDEN
        kept.append(match.group())
        return _KEPT

    hidden = _DIGITS.sub(_number(known), _READABLE.sub(keep, text))
    return "".join(part for pair in zip(hidden.split(_KEPT), [*kept, ""], strict=True) for part in pair)

"""Phone numbers: one stored form (E.164), one key to compare by, one mask. Pure.

Brazil's mobiles have nine local digits; WhatsApp accounts older than a region's migration still answer to eight.
So the stored number always has the 9, what the provider wants is kept beside it as an *address*, and numbers are
compared by a key without the 9. Only a look-up at the provider can tell the address; no rule here guesses it.
"""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

from schemas.errors import Invalid

CODE = "RCD-401"
BRAZIL = 55
PERSONAL_JIDS = frozenset({"s.whatsapp.net", "c.us"})
_SEPARATORS = re.compile(r"[\s().\-\u2010-\u2015/]+")
_BRAZIL_MISSING_NINE = re.compile(r"[1-9]{2}[6-9][0-9]{7}")
_FORMS_WITH = re.compile(r"55[1-9]{2}9[6-9][0-9]{7}|549[0-9]{10}|521[0-9]{10}")
_WITHOUT_COUNTRY = re.compile(r"[2-9][0-9]{6,8}")


def normalise(text: str, region: str = "BR") -> str:
    """Return the number in E.164, Brazilian mobiles always with the 9th digit.

    Args:
        text: what a person typed or a gateway answered: national or international form, with or without
            separators and carrier codes, `tel:`, or a personal WhatsApp id (`…@s.whatsapp.net`).
        region: ISO country whose national form is meant when no country code is given (a tenant's setting).

    Raises:
        Invalid: RCD-401 with what is wrong and how to give it; the number itself is masked.
    """
    typed = _plain(text)
    try:
        number = phonenumbers.parse(typed, region)
    except NumberParseException as error:
        raise _refusal(text, _hint(typed, region)) from error
    number = _with_nine(number)
    if not phonenumbers.is_valid_number(number):
        raise _refusal(text, _hint(typed, region))
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def comparison_key(number: str) -> str | None:
    """Return the digits by which two numbers are compared, None when `number` names no phone.

    Brazil: `55` + area code + last 8 digits. Argentina loses the 9 after the country code, Mexico the 1: WhatsApp
    writes both ways there too. A hidden id (`…@lid`), a group and anything without a country code's length: None.

    Args:
        number: E.164, digits with country code, or a WhatsApp id (a device part `:12` is ignored).
    """
    local, at, domain = number.strip().partition("@")
    if at and domain.lower() not in PERSONAL_JIDS:
        return None
    digits = _digits(local.partition(":")[0])
    if not 8 <= len(digits) <= 15:
        return None
    if digits.startswith("55") and len(digits) == 13 and digits[4] == "9":
        return digits[:4] + digits[5:]
    if digits.startswith("549") and len(digits) == 13:
        return "54" + digits[3:]
    if digits.startswith("521") and len(digits) == 13:
        return "52" + digits[3:]
    return digits


def other_form(number: str) -> str | None:
    """Return the other way in which WhatsApp may know an E.164 number: without what `normalise` put in, or with it.

    Brazil's 9th digit, the 9 after Argentina's +54, the 1 after Mexico's +52. None where there is only one way.
    """
    digits = _digits(number)
    if _FORMS_WITH.fullmatch(digits):
        country = 4 if digits.startswith("55") else 2
        return "+" + digits[:country] + digits[country + 1 :]
    if digits.startswith("55") and _BRAZIL_MISSING_NINE.fullmatch(digits[2:]):
        return "+" + digits[:4] + "9" + digits[4:]
    if digits.startswith("54") and len(digits) == 12:
        return "+549" + digits[2:]
    if digits.startswith("52") and len(digits) == 12:
        return "+521" + digits[2:]
    return None


def same_person(one: str, other: str) -> bool:
    """Tell whether two addresses name the same phone: by `loop_key`."""
    key = loop_key(one)
    return key is not None and key == loop_key(other)


def loop_key(address: str) -> str | None:
    """Return what an address is known by: a phone's `comparison_key`, or a hidden id (`…@lid`) as it is.

    A hidden id names no number, but who once wrote from it is recognised by it again.
    """
    local, at, domain = address.strip().lower().partition("@")
    if at and domain == "lid":
        digits = _digits(local.partition(":")[0])
        return f"{digits}@lid" if digits else None
    return comparison_key(address)


def mask(number: str) -> str:
    """Return a form that a person recognises and a log may keep: `+55 11 9****-4321`. Never raises."""
    text = number.strip().partition("@")[0].partition(":")[0]
    digits = _digits(text)
    if len(digits) < 8:
        return "****"
    last = digits[-4:]
    if digits.startswith("55") and len(digits) in {12, 13}:
        return f"+55 {digits[2:4]} {'9' if len(digits) == 13 else ''}****-{last}"
    if not text.startswith("+"):
        return f"****-{last}"
    try:
        country = phonenumbers.parse("+" + digits).country_code
    except NumberParseException:
        return f"****-{last}"
    return f"+{country} ****-{last}"


def _digits(text: str) -> str:
    return phonenumbers.normalize_digits_only(text)


def _plain(text: str) -> str:
    """Strip what is no part of a number: the id's domain, `tel:`, and `00` for `+`."""
    typed = text.strip().removeprefix("tel:").strip()
    local, at, domain = typed.partition("@")
    if at:
        if domain.lower() not in PERSONAL_JIDS:
            raise _refusal(text, "this WhatsApp id hides the number; give the phone number itself")
        typed = "+" + local.partition(":")[0]
    if re.search(r"[^\W\d_xX]", typed):
        raise _refusal(text, "it contains letters; give digits only, without an extension")
    # Read as dialled in Brazil, 0055… would be carrier 55 and then a foreign number; nobody means that in a form.
    compact = _SEPARATORS.sub("", typed)
    return "+" + compact[2:] if compact.startswith("00") else typed


def _with_nine(number: PhoneNumber) -> PhoneNumber:
    national = str(number.national_number)
    if number.country_code != BRAZIL or not _BRAZIL_MISSING_NINE.fullmatch(national):
        return number
    return PhoneNumber(country_code=BRAZIL, national_number=int(national[:2] + "9" + national[2:]))


def _hint(typed: str, region: str) -> str:
    digits = _digits(typed)
    if not digits:
        return "it has no digits"
    if typed.startswith("+521") and len(digits) == 13:
        return "Mexican numbers no longer have a 1 after +52; leave it out"
    if region == "BR" and not typed.startswith("+") and _WITHOUT_COUNTRY.fullmatch(digits):
        return "the area code (DDD) is missing; give it first, as in 11 98765-4321"
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    form = phonenumbers.format_number(example, PhoneNumberFormat.E164) if example else "+5511987654321"
    return f"give it with + and country code, as in {form}"


def _refusal(text: str, hint: str) -> Invalid:
    return Invalid(CODE, f"{mask(text)} is not a phone number that can be reached: {hint}")

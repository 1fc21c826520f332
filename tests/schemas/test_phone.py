"""Numbers as people and gateways write them, and what becomes of each."""

import contextlib

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Invalid
from schemas.phone import comparison_key, mask, normalise


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("+5511987654321", "+5511987654321"),
        ("+5531988887777", "+5531988887777"),
        ("+5531968887777", "+5531968887777"),
        ("+5547989211984", "+5547989211984"),
        ("+551187654321", "+5511987654321"),
        ("+553188887777", "+5531988887777"),
        ("+554789211984", "+5547989211984"),
        ("551187654321", "+5511987654321"),
        ("1187654321", "+5511987654321"),
        ("11987654321", "+5511987654321"),
        ("011987654321", "+5511987654321"),
        ("0xx11 98765-4321", "+5511987654321"),
        ("015 11 98765-4321", "+5511987654321"),
        ("5511987654321", "+5511987654321"),
        ("0055 11 98765-4321", "+5511987654321"),
        ("(11) 98765-4321", "+5511987654321"),
        (" tel:+55-11-98765-4321 ", "+5511987654321"),
        ("+551130611234", "+551130611234"),
        ("1130611234", "+551130611234"),
        ("5511987654321@s.whatsapp.net", "+5511987654321"),
        ("551187654321:12@s.whatsapp.net", "+5511987654321"),
        ("5511987654321@c.us", "+5511987654321"),
        ("+351912345678", "+351912345678"),
        ("+5491123456789", "+5491123456789"),
    ],
)
def test_a_number_is_stored_in_one_form(typed: str, stored: str) -> None:
    assert normalise(typed) == stored


def test_eleven_digits_that_start_with_55_are_area_code_55() -> None:
    assert normalise("55999998888") == "+5555999998888"


def test_double_zero_is_a_plus_and_never_a_carrier() -> None:
    """As dialled in Brazil this would be carrier 55 and then New York."""
    with pytest.raises(Invalid) as refused:
        normalise("0055 21 2345-678")
    assert refused.value.code == "RCD-401"
    assert normalise("0055 21 2345-6789") == "+552123456789"


def test_the_tenants_region_reads_national_forms() -> None:
    assert normalise("912 345 678", region="PT") == "+351912345678"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("98765-4321", "****-4321 is not a phone number that can be reached: the area code (DDD) is missing; "
                       "give it first, as in 11 98765-4321"),
        ("3061-1234", "****-1234 is not a phone number that can be reached: the area code (DDD) is missing; "
                      "give it first, as in 11 98765-4321"),
        ("", "**** is not a phone number that can be reached: it has no digits"),
        ("190", "**** is not a phone number that can be reached: "
                "give it with + and country code, as in +5511961234567"),
        ("11 98765-4321 ramal 12", "****-2112 is not a phone number that can be reached: "
                                   "it contains letters; give digits only, without an extension"),
        ("0800 FLOWERS", "**** is not a phone number that can be reached: "
                         "it contains letters; give digits only, without an extension"),
        ("+5215512345678", "+52 ****-5678 is not a phone number that can be reached: "
                           "Mexican numbers no longer have a 1 after +52; leave it out"),
        ("123456789012345@lid", "****-2345 is not a phone number that can be reached: "
                                "this WhatsApp id hides the number; give the phone number itself"),
        ("120363041234567890@g.us", "****-7890 is not a phone number that can be reached: "
                                    "this WhatsApp id hides the number; give the phone number itself"),
        ("+55 11 98765-4321 / 11 3061-1234", "****-1234 is not a phone number that can be reached: "
                                             "give it with + and country code, as in +5511961234567"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do_and_masks_the_number(typed: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        normalise(typed)
    assert (refused.value.code, refused.value.detail) == ("RCD-401", said)


@pytest.mark.parametrize(
    ("number", "key"),
    [
        ("+5511987654321", "551187654321"),
        ("5511987654321", "551187654321"),
        ("+551187654321", "551187654321"),
        ("5511987654321@s.whatsapp.net", "551187654321"),
        ("551187654321@c.us", "551187654321"),
        ("551187654321:7@s.whatsapp.net", "551187654321"),
        ("+551130611234", "551130611234"),
        ("+5491123456789", "541123456789"),
        ("541123456789", "541123456789"),
        ("5215512345678", "525512345678"),
        ("+351912345678", "351912345678"),
        ("123456789012345@lid", None),
        ("120363041234567890@g.us", None),
        ("status@broadcast", None),
        ("", None),
        ("Maria", None),
        ("123", None),
    ],
)
def test_numbers_are_compared_without_the_ninth_digit(number: str, key: str | None) -> None:
    assert comparison_key(number) == key


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+5511987654321", "+55 11 9****-4321"),
        ("5511987654321@s.whatsapp.net", "+55 11 9****-4321"),
        ("+551130611234", "+55 11 ****-1234"),
        ("+351912345678", "+351 ****-5678"),
        ("351912345678", "****-5678"),
        ("+99912345678", "****-5678"),
        ("12345", "****"),
        ("", "****"),
    ],
)
def test_a_mask_keeps_what_a_person_recognises(number: str, masked: str) -> None:
    assert mask(number) == masked


REGIONS = ["BR", "PT", "AR", "MX", "US", "DE", "IT", "ES"]


@st.composite
def valid_numbers(draw: st.DrawFn) -> str:
    """An example number of some country with its last digits changed, where that is still valid."""
    region = draw(st.sampled_from(REGIONS))
    kind = draw(st.sampled_from([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]))
    example = phonenumbers.example_number_for_type(region, kind)
    assert example is not None
    text = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    changed = text[:-4] + f"{draw(st.integers(0, 9999)):04d}"
    return changed if phonenumbers.is_valid_number(phonenumbers.parse(changed)) else text


@given(valid_numbers(), st.sampled_from(REGIONS))
def test_normalising_twice_changes_nothing(number: str, region: str) -> None:
    once = normalise(number, region)
    assert normalise(once, region) == once


@given(st.integers(11, 99), st.sampled_from("6789"), st.integers(0, 9_999_999))
def test_with_and_without_the_ninth_digit_is_the_same_person(area: int, first: str, rest: int) -> None:
    short, long = f"55{area}{first}{rest:07d}", f"55{area}9{first}{rest:07d}"
    assert comparison_key(short) == comparison_key(long) == comparison_key(f"+{long}")


@given(st.text(max_size=40))
def test_any_text_is_normalised_or_refused_and_never_shown_whole(text: str) -> None:
    with contextlib.suppress(Invalid):
        stored = normalise(text)
        assert normalise(stored) == stored
        assert stored not in mask(stored)
    masked = mask(text)
    assert sum(letter.isdigit() for letter in masked) <= 3 + 2 + 1 + 4

import pytest

from formatter.languages import supported, translations


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("pt_BR", "pt_BR"),
        ("pt-br", "pt_BR"),
        ("pt", "pt_BR"),
        ("pt_PT", "pt_BR"),
        ("en-US", "en"),
        ("es_MX.UTF-8", "es"),
        ("ja", "pt_BR"),
        ("", "pt_BR"),
        (None, "pt_BR"),
        ("../../etc", "pt_BR"),
    ],
)
def test_a_tag_finds_the_nearest_shipped_language(tag: str | None, expected: str) -> None:
    assert supported(tag) == expected


def test_plural_forms_follow_the_language() -> None:
    def days(language: str, count: int) -> str:
        return translations(language).ngettext("{count} dia", "{count} dias", count)

    assert [days("pt_BR", n) for n in (0, 1, 2)] == ["{count} dia", "{count} dia", "{count} dias"]
    assert [days("en", n) for n in (0, 1, 2)] == ["{count} days", "{count} day", "{count} days"]

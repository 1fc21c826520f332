from dataclasses import replace
from pathlib import Path

import pytest

from formatter.activation import render_activation
from formatter.languages import LANGUAGES
from formatter.opening import render_opening
from formatter.render import render
from tests.formatter.cases import ACTIVATIONS, CASES, NOW, OPENINGS, message, notice, ticket

GOLDEN = Path(__file__).parent / "golden"


def golden(language: str) -> dict[str, str]:
    sections = (GOLDEN / f"{language}.txt").read_text().split("=== ")[1:]
    return {title: text.strip() for title, text in (section.split("\n", 1) for section in sections)}


def rendered(case: str, language: str) -> str:
    if case in CASES:
        body = render(replace(CASES[case], language=language)).body
    elif case in OPENINGS:
        body = "\n".join(render_opening(replace(OPENINGS[case], language=language)))
    else:
        body = render_activation(replace(ACTIVATIONS[case], language=language)).body
    return body.replace("\u200e", "<U+200E>")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", [*CASES, *OPENINGS, *ACTIVATIONS])
def test_each_text_is_the_one_that_was_approved(language: str, case: str) -> None:
    assert rendered(case, language) == golden(language)[case]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_approved_text_lacks_its_case(language: str) -> None:
    assert golden(language).keys() == {*CASES, *OPENINGS, *ACTIVATIONS}


def test_every_example_of_the_guide_has_its_approved_text() -> None:
    examples = [title.split(":")[0] for title in golden("pt_BR") if title.startswith("example")]
    assert sorted(examples) == sorted(f"example {number}" for number in range(1, 12))


@pytest.mark.parametrize(
    ("case", "form"),
    [
        ("example 1: single, plan", "single"),
        ("example 3: burst", "burst"),
        ("example 4: media only", "media"),
        ("example 5: moved", "moved"),
        ("example 6: queue", "queue"),
        ("example 7: morning", "morning"),
        ("example 8: several tickets", "several"),
        ("example 10: after an outage", "late"),
    ],
)
def test_a_text_names_its_form(case: str, form: str) -> None:
    assert render(CASES[case]).template_id == form


def test_a_missing_link_leaves_no_empty_line() -> None:
    one = replace(ticket("7", "Lia", message("text", "oi")), link=None)
    assert render(replace(notice(one), tenant_name="")).body == '*Lia* · #7\n"oi"'


def test_tickets_on_different_pages_get_no_common_link() -> None:
    one, other = ticket("1", "A", message("text", "oi")), ticket("2", "B", message("text", "oi"))
    body = render(notice(one, replace(other, link="https://other.example/tickets/2"))).body
    assert body == "2 clientes nos últimos 1 s: A #1 (1), B #2 (1)"


def test_braces_of_a_template_engine_are_broken_by_a_joiner() -> None:
    body = render(notice(ticket("7", "Lia {{name}}", message("text", "{{{x}}} {{#y")), template="plan")).body
    assert body.splitlines()[0] == (
        '[Whaticket] Nova msg de Lia name no ticket #7: "{\u200d{\u200d{x}}} {\u200d{#y"'
    )


def test_a_template_in_a_customers_text_is_not_filled() -> None:
    body = render(notice(ticket("7", "{preview}", message("text", "{link} {ticketNumber}")), template="plan")).body
    assert body.splitlines()[0] == '[Whaticket] Nova msg de preview no ticket #7: "{link} {ticketNumber}"'


def test_an_unknown_template_name_is_the_plans() -> None:
    case = CASES["example 1: single, plan"]
    assert render(replace(case, template="fancy")).body == render(case).body


def test_a_notice_without_a_ticket_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a ticket"):
        render(notice())


def test_a_ticket_of_which_only_a_count_is_known_can_be_told() -> None:
    one = replace(ticket("7", "Lia"), omitted=3, first_ms=NOW - 60_000)
    assert render(notice(one)).body.splitlines()[:2] == ["*Lia* · #7: 3 mensagens em 1 s", "[mensagem vazia]"]

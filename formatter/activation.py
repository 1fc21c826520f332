"""The text that an agent gets when notices are activated for a number. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from babel.lists import format_list

from formatter.api import Text
from formatter.languages import supported, translations
from formatter.names import plain_name
from formatter.render import finish
from formatter.templates import fill


@dataclass(frozen=True, slots=True)
class Activation:
    """Who is told that notices are on. `quiet` are the day's quiet ranges as `("20:00", "08:00")`."""

    tenant_name: str
    agent_name: str
    quiet: Sequence[tuple[str, str]] = ()
    language: str = "pt_BR"
    mark_invisibly: bool = False


def render_activation(activation: Activation) -> Text:
    """Return the text. Guarantees as `formatter.render.render`."""
    words = translations(activation.language)
    agent, tenant = plain_name(activation.agent_name), plain_name(activation.tenant_name)
    shop = f" ({tenant})" if tenant else ""
    first = (
        words.gettext("✅ {agentName}, avisos ativados para este número{tenant}.")
        if agent
        else words.gettext("✅ Avisos ativados para este número{tenant}.")
    )
    ranges = [fill(words.gettext("{start} às {end}"), {"start": a, "end": b}) for a, b in activation.quiet]
    spans = format_list(ranges, locale=supported(activation.language)) if ranges else ""
    told = [
        words.gettext("Quando um cliente escrever e você não responder, aviso aqui."),
        fill(words.gettext("Silêncio: {ranges}."), {"ranges": spans}) if spans else "",
    ]
    body = [
        fill(first, {"agentName": agent, "tenant": shop}),
        " ".join(filter(None, told)),
        words.gettext("Responda PAUSAR 1H, RESUMO ou SAIR. Não responda a clientes por aqui."),
    ]
    return Text(finish(body, mark_invisibly=activation.mark_invisibly), "activation")

"""Invented notices, one for each form, so that a tenant sees its texts before its agents do. Pure."""

from dataclasses import replace
from typing import Final

from formatter.activation import Activation, render_activation
from formatter.api import MessageFact, Notice, TicketFact
from formatter.opening import render_opening
from formatter.render import render

NOW_MS: Final = 1_795_345_200_000
"""A Sunday, 08:00 in São Paulo: the same samples give the same texts every day."""
_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE


def _ticket(desk: str, number: str, name: str, *messages: tuple[str, str, int]) -> TicketFact:
    facts = tuple(MessageFact(kind, body, NOW_MS - ago_ms) for kind, body, ago_ms in messages)
    return TicketFact(number, name, None, f"{desk}/tickets/{number}" if desk else None, facts, queue_name="Suporte")


def samples(tenant: Notice, desk: str = "") -> dict[str, str]:
    """Return the text of each form by its name, the opening of an approved template included.

    Args:
        tenant: the rules: names, language, template, marker, zone; its tickets are not looked at.
        desk: the front end's address for links, '' for none.
    """
    one = _ticket(desk, "4821", "Maria Souza", ("text", "Oi, meu pedido ainda não chegou, podem verificar?", 3_000))
    many = _ticket(
        desk, "4821", "Maria Souza", ("text", "é o pedido 7781", 2 * _MINUTE), ("image", "", _MINUTE),
        ("text", "alguém?", 2_000),
    )  # fmt: skip
    sounds = _ticket(desk, "4830", "João Lima", ("audio", "", 9_000), ("audio", "", 4_000), ("document", "", 1_000))
    waiting = _ticket(desk, "4835", "Pedro Alves", ("text", "Bom dia, quero trocar um produto", 9 * _HOUR))
    everyone = (many, sounds, waiting)
    given = replace(tenant, now_ms=NOW_MS)
    notices = {
        "single": replace(given, tickets=(one,)),
        "burst": replace(given, tickets=(replace(many, reason="summary"),)),
        "media": replace(given, tickets=(sounds,)),
        "moved": replace(given, tickets=(replace(many, moved=True),)),
        "queue": replace(given, tickets=(replace(one, via_queue=True),), informed=3),
        "several": replace(given, tickets=everyone),
        "morning": replace(given, tickets=everyone, quiet_since_ms=NOW_MS - 12 * _HOUR),
        "late": replace(given, tickets=everyone, late_since_ms=NOW_MS - 6 * _HOUR),
    }
    quiet = (("20:00", "08:00"),)
    activation = Activation(given.tenant_name, given.agent_name, quiet, given.language, given.mark_invisibly)
    return {
        **{form: render(notice).body for form, notice in notices.items()},
        "opening": "\n".join(render_opening(replace(given, tickets=everyone))),
        "activation": render_activation(activation).body,
    }

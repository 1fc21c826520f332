"""The notices behind the golden files."""

from dataclasses import replace

from formatter.activation import Activation
from formatter.api import MessageFact, Notice, TicketFact

NOW = 1_795_350_000_000
SECOND = 1_000
MINUTE = 60 * SECOND


def message(kind: str, body: str | None, seconds_ago: int = 0) -> MessageFact:
    return MessageFact(kind, body, NOW - seconds_ago * SECOND)


def ticket(number: str, name: str, *messages: MessageFact, queue: str | None = None) -> TicketFact:
    return TicketFact(
        number=number,
        contact_name=name,
        contact_number="5511987654321",
        link=f"https://desk.example/tickets/{number}-9f2c",
        messages=messages,
        queue_name=queue,
    )


def notice(*tickets: TicketFact, template: str = "compact") -> Notice:
    return Notice("Loja Sol", "Ana", tickets, NOW, template=template)


_single = ticket(
    "4821", "Maria Souza", message("text", "Oi, meu pedido ainda não chegou, podem verificar?", 3), queue="Suporte"
)
_burst = replace(
    ticket(
        "4821",
        "Maria Souza",
        message("text", "é o pedido 7781", 125),
        message("image", "", 90),
        message("text", "oi?", 60),
        message("text", "alguém?", 2),
        queue="Suporte",
    ),
    reason="summary",
)
_media = ticket(
    "4830",
    "João Lima",
    message("audio", "🔊", 9),
    message("audio", "🔊", 8),
    message("document", "", 1),
    queue="Financeiro",
)
_moved = replace(
    ticket(
        "4821",
        "Maria Souza",
        message("text", "oi", 12 * 60 + 20),
        message("text", "tem alguém aí?", 300),
        message("text", "alguém?", 10),
    ),
    moved=True,
)
_queue = replace(
    ticket("4835", "Pedro Alves", message("text", "Bom dia, quero trocar um produto", 4), queue="Suporte"),
    via_queue=True,
)
_several = (
    ticket("4821", "Maria Souza", message("text", "oi", 310), message("text", "?", 300)),
    ticket("4830", "João Lima", message("audio", "🔊", 20)),
    ticket("4835", "Pedro Alves", message("text", "Bom dia", 4)),
)

CASES: dict[str, Notice] = {
    "example 1: single, plan": notice(_single, template="plan"),
    "example 2: single, compact": notice(_single),
    "example 3: burst": notice(_burst),
    "example 4: media only": notice(_media),
    "example 5: moved": notice(_moved),
    "example 6: queue": replace(notice(_queue), informed=3),
    "example 8: several tickets": notice(*_several),
    "burst, plan": notice(_burst, template="plan"),
    "burst, lead with two texts": notice(
        ticket("1", "Rui", message("text", "Oi", 5), message("text", "tudo bem?", 1)), template="plan"
    ),
    "flood with omitted messages": notice(replace(_burst, omitted=480)),
    "one image with a caption, plan": notice(
        ticket("7", "Lia", message("image", "foto do erro"), queue="Suporte"), template="plan"
    ),
    "moved, plan, one message of yesterday": notice(
        replace(ticket("7", "Lia", message("text", "oi", 27 * 3600)), moved=True), template="plan"
    ),
    "queue without a name, several messages": replace(
        notice(replace(_burst, reason="lead", via_queue=True, queue_name=None)), informed=2
    ),
    "several tickets, plan, more than fit, hours old": notice(
        *(ticket(str(n), f"Cliente {n}x", message("text", "oi", 7500)) for n in range(1, 12)), template="plan"
    ),
    "a name that is only a number, an empty text": notice(
        ticket("9", "+55 11 98765-4321", message("text", "")), template="plan"
    ),
    "a text that could not be read": notice(ticket("9", "Ana", message("text", None)), template="plan"),
    "a tenant's own template": notice(
        _single,
        template="Olá {agentName}! {contactName} (#{ticketNumber}, {queueName}): {preview} "
        "{tenantName} {a.__class__}",
    ),
    "marked invisibly": replace(notice(_single), mark_invisibly=True),
}

HOUR = 60 * 60
MORNING = 1_795_345_200_000
"""08:00 in São Paulo, on a Sunday."""


def held(number: str, name: str, count: int, seconds_ago: int, kind: str = "text") -> TicketFact:
    body = "oi" if kind == "text" else "🔊"
    created = MORNING - seconds_ago * SECOND
    messages = tuple(MessageFact(kind, body, created + n) for n in range(count))
    return replace(ticket(number, name, *messages), first_ms=created)


_NIGHT = (
    held("4821", "Maria Souza", 6, 11 * HOUR + 46 * 60),
    held("4830", "João Lima", 1, 9 * HOUR + 2 * 60, "audio"),
    held("4835", "Pedro Alves", 3, 9 * HOUR),
    replace(held("4836", "Rui Reis", 1, 8 * HOUR), via_queue=True, queue_name="Suporte"),
    replace(held("4840", "Lia Luz", 2, 30 * 60), moved=True),
    held("4841", "Eva Dias", 4, 20 * 60),
    held("4842", "Ivo Melo", 2, 60),
)
_night = replace(notice(*_NIGHT), now_ms=MORNING, quiet_since_ms=MORNING - 12 * HOUR * SECOND)
_outage = replace(_night, quiet_since_ms=None, late_since_ms=MORNING - (5 * HOUR + 50 * 60) * SECOND)
_lunch = MORNING + 6 * HOUR * SECOND

CASES |= {
    "example 7: morning": _night,
    "example 10: after an outage": replace(_outage, tickets=_NIGHT[:4], now_ms=MORNING + 5 * 60 * SECOND),
    "morning, plan, two tickets": replace(_night, tickets=_NIGHT[:2], template="plan"),
    "morning, one ticket": replace(_night, tickets=_NIGHT[:1], template="plan"),
    "morning, without an agent's name, one message of last week": replace(
        _night, tickets=(held("4821", "Maria Souza", 1, 8 * 24 * HOUR),), agent_name=""
    ),
    "the end of quiet hours at lunch, since Friday": replace(
        _night, tickets=(_NIGHT[0], held("4830", "João Lima", 1, 38 * HOUR)), now_ms=_lunch
    ),
    "the end of quiet hours at night, in another zone": replace(
        _night, tickets=_NIGHT[:1], now_ms=_lunch, zone="Asia/Tokyo"
    ),
    "after an outage, one ticket": replace(_outage, tickets=_NIGHT[1:2], template="plan"),
    "a tenant's own template, burst": replace(
        notice(_burst), template="{contactName} #{ticketNumber} ({count})\n{queueName}\n{preview}\nVer: {link}"
    ),
    "a tenant's own template, media": notice(_media, template="#{ticketNumber} {preview}"),
    "a tenant's own template does not fit a queue": replace(
        notice(_queue), template="#{ticketNumber} {preview}", informed=3
    ),
}

OPENINGS: dict[str, Notice] = {
    "example 9: opening": notice(*_NIGHT[:3]),
    "opening, more than fit": notice(*(held(str(n), f"Cliente {n}x", 1, 60) for n in range(1, 12))),
    "opening, one message": notice(_single),
    "opening, burst": notice(_burst),
    "opening, media only": notice(_media),
    "opening, moved": notice(_moved),
    "opening, queue": notice(_queue),
}

_activation = Activation("Loja Sol", "Ana", (("20:00", "08:00"),))

ACTIVATIONS: dict[str, Activation] = {
    "example 11: activation": _activation,
    "activation, no quiet hours": replace(_activation, quiet=()),
    "activation, two ranges, nameless": Activation("", "", (("12:00", "13:00"), ("20:00", "08:00"))),
    "activation, marked invisibly": replace(_activation, mark_invisibly=True),
}

"""The forms of a text about what waited: several tickets, the end of quiet hours or of an outage. Pure."""

from typing import Final

from formatter import lines
from formatter.ages import PluralTranslations, local, span, time_of_day
from formatter.api import Notice
from formatter.digest import Digest
from formatter.languages import supported
from formatter.names import plain_name
from formatter.templates import fill

LISTED: Final = 8
"""Tickets that a text of several names; the rest is counted."""
MORNING_LISTED: Final = 5
"""The same for a text that gives each ticket a line."""
_HOUR_MS: Final = 60 * 60_000


def several(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    """Several tickets at once."""
    count, age = len(digests), notice.now_ms - min(each.first_ms for each in digests)
    if age < _HOUR_MS:
        counted = words.ngettext("{count} cliente nos últimos {age}:", "{count} clientes nos últimos {age}:", count)
    else:
        counted = words.ngettext(
            "{count} cliente aguarda, há {age}:", "{count} clientes aguardam, o mais antigo há {age}:", count
        )
    first = fill(counted, {"count": str(count), "age": span(age, words)})
    return [
        f"{lines.marker(notice)}{first} {_inline(notice, digests, words)}",
        lines.place(notice),
        lines.list_link(digests),
    ]


def morning(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    """Quiet hours have ended: everything that still waits, the oldest first."""
    hour, agent = local(notice.now_ms, notice.zone).hour, plain_name(notice.agent_name)
    greeting = _greeting(hour, words)
    count, messages = len(digests), sum(each.count for each in digests)
    since = min(each.first_ms for each in digests)
    values = {
        "greeting": f"{greeting}, {agent}" if agent else greeting,
        "customers": fill(
            words.ngettext("{count} cliente aguarda", "{count} clientes aguardam", count), {"count": str(count)}
        ),
        "messages": fill(
            words.ngettext("{count} mensagem", "{count} mensagens", messages), {"count": str(messages)}
        ),
        "time": time_of_day(since, notice.now_ms, notice.zone, supported(notice.language)),
    }
    first = fill(words.gettext("{greeting}. {customers} ({messages}, desde {time}):"), values)
    return [lines.marker(notice) + first, *_waiting(notice, digests, words)]


def late(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    """Notices stood still for technical reasons: said plainly, with what is still unanswered."""
    count, since = len(digests), notice.late_since_ms or notice.now_ms
    language = supported(notice.language)
    stood = fill(
        words.gettext("⚠️ Aviso atrasado: entre {start} e {end} os avisos ficaram parados."),
        {
            "start": time_of_day(since, notice.now_ms, notice.zone, language),
            "end": time_of_day(notice.now_ms, notice.now_ms, notice.zone, language),
        },
    )
    open_ = fill(
        words.ngettext("{count} cliente segue sem resposta:", "{count} clientes seguem sem resposta:", count),
        {"count": str(count)},
    )
    first = f"{lines.marker(notice)}{stood} {open_}"
    if count == 1:
        return [first, *_waiting(notice, digests, words)]
    return [f"{first} {_inline(notice, digests, words)}", lines.place(notice), lines.list_link(digests)]


def _inline(notice: Notice, digests: list[Digest], words: PluralTranslations) -> str:
    listed = [
        f"{lines.sign(fact)}{each.name} #{each.number} ({lines.amount(each) or each.count})"
        for fact, each in zip(notice.tickets[:LISTED], digests[:LISTED], strict=True)
    ]
    rest = lines.more(len(digests) - len(listed), words)
    return ", ".join(listed) + (f" {rest}" if rest else "")


def _waiting(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    """Return one ticket with its words, or each on a line of its own."""
    if len(digests) == 1:
        only = digests[0]
        told = lines.sign(notice.tickets[0]) + lines.head(only)
        return [told, *lines.told(only), lines.place(notice, only.queue), only.link]
    oldest = sorted(zip(notice.tickets, digests, strict=True), key=lambda pair: pair[1].first_ms)
    listed = []
    for place, (fact, each) in enumerate(oldest[:MORNING_LISTED], start=1):
        age = {"age": span(notice.now_ms - each.first_ms, words)}
        ago = fill(words.gettext("há {age}"), age)
        listed.append(
            f"{place}. {lines.sign(fact)}{each.name} #{each.number}, {ago}, {lines.messages(each, words)}"
        )
    rest = lines.more(len(digests) - len(listed), words)
    return [*listed, rest and f"{rest}.", lines.place(notice), lines.list_link(digests)]


def _greeting(hour: int, words: PluralTranslations) -> str:
    if 5 <= hour < 12:
        return words.gettext("☀️ Bom dia")
    if 12 <= hour < 18:
        return words.gettext("🌤️ Boa tarde")
    return words.gettext("🌙 Boa noite")

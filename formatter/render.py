"""From a notice to the text that leaves. Pure: the same notice gives the same bytes, on every machine."""

from collections.abc import Callable
from typing import Final

import regex

from formatter.ages import PluralTranslations, span
from formatter.api import Notice, Text
from formatter.digest import Digest, digest
from formatter.languages import translations
from formatter.names import plain_name
from formatter.plain import clean
from formatter.templates import fill, own

INVISIBLE_MARK: Final = "\u200e"
"""Whaticket drops its own rows that begin with it, so that a notice opens no ticket."""
LISTED: Final = 8
"""Tickets that a text of several names; the rest is counted."""
# A joiner between the braces: every flavour but ticketz runs what it sends through a template engine, and a
# customer's `{{` would break or bend it.
_BRACES: Final = regex.compile(r"\{(?=\{)")


def render(notice: Notice) -> Text:
    """Return the text of one notice for one agent.

    Guarantees: no text in it comes from a customer but as a preview in quotes on one line or as a cleaned name;
    nothing of the "must never appear" list; no `{{`; one leading U+200E if asked, and no other.

    Raises:
        ValueError: the notice has no ticket.
    """
    if not notice.tickets:
        message = "a notice needs a ticket"
        raise ValueError(message)
    words = translations(notice.language)
    digests = [digest(ticket, words) for ticket in notice.tickets]
    form = _form(notice, digests)
    body = "\n".join(filter(None, _FORMS[form](notice, digests, words)))
    body = _BRACES.sub("{\u200d", body)
    return Text(body=INVISIBLE_MARK + body if notice.mark_invisibly else body, template_id=form)


def _form(notice: Notice, digests: list[Digest]) -> str:
    """Choose the form. The morning digest (`quiet_since_ms`) and the late notice find their place here."""
    ticket, only = notice.tickets[0], digests[0]
    if len(digests) > 1:
        return "several"
    if ticket.moved:
        return "moved"
    if ticket.via_queue:
        return "queue"
    if only.media and not only.spoken and not ticket.omitted:
        return "media"
    if only.count > 1 or ticket.reason == "summary":
        return "burst"
    return "single"


def _marker(notice: Notice) -> str:
    return clean(notice.marker) + " " if notice.template != "compact" and clean(notice.marker) else ""


def _tenant_line(notice: Notice, queue: str = "") -> str:
    return " · ".join(filter(None, (plain_name(notice.tenant_name), queue)))


def _head(only: Digest) -> str:
    return f"*{only.name}* · #{only.number}"


def _shown(only: Digest) -> str:
    """Return one message: its words, its mark, or the mark with the caption."""
    return " ".join(filter(None, (only.media_line(ones=False), only.last)))


def _single(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    only = digests[0]
    if notice.template == "compact":
        return [_head(only), _shown(only), only.link]
    values = {
        "contactName": only.name,
        "ticketNumber": only.number,
        "preview": _shown(only),
        "tenantName": plain_name(notice.tenant_name),
        "queueName": only.queue,
        "agentName": plain_name(notice.agent_name),
        "count": str(only.count),
        "link": only.link,
    }
    if own(notice.template):
        text = fill(notice.template, values)
        return [text, "" if "{link}" in notice.template else only.link]
    sentence = words.gettext("Nova msg de {contactName} no ticket #{ticketNumber}: {preview}")
    return [_marker(notice) + fill(sentence, values), _tenant_line(notice, only.queue), only.link]


def _media(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    only = digests[0]
    if only.count == 1:
        return _single(notice, digests, words)
    first = f"{_marker(notice)}{_head(only)}: {only.media_line(ones=False)}"
    return [first, _tenant_line(notice, only.queue), only.link]


def _burst(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    only = digests[0]
    if notice.tickets[0].reason == "summary":
        counted = words.ngettext("mais {count} mensagem em {span}", "mais {count} mensagens em {span}", only.count)
    else:
        counted = words.ngettext("{count} mensagem em {span}", "{count} mensagens em {span}", only.count)
    values = {"count": str(only.count), "span": span(only.last_ms - only.first_ms, words)}
    return [
        f"{_marker(notice)}{_head(only)}: {fill(counted, values)}",
        only.said(),
        only.media_line(ones=True),
        "" if notice.template == "compact" else _tenant_line(notice, only.queue),
        only.link,
    ]


def _moved(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    only = digests[0]
    waiting = words.ngettext(
        "{count} mensagem sem resposta, há {age}",
        "{count} mensagens sem resposta, a mais antiga há {age}",
        only.count,
    )
    values = {"count": str(only.count), "age": span(notice.now_ms - only.first_ms, words)}
    told = words.gettext("Transferido para você:")
    return [
        f"{_marker(notice)}🔁 {told} {_head(only)}",
        fill(waiting, values),
        only.last or only.media_line(ones=False),
        "" if notice.template == "compact" else _tenant_line(notice, only.queue),
        only.link,
    ]


def _queue(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    only = digests[0]
    place = (
        words.gettext("Fila {queueName} (sem responsável):") if only.queue else words.gettext("Sem responsável:")
    )
    counted = words.ngettext("{count} mensagem em {span}", "{count} mensagens em {span}", only.count)
    told = words.ngettext("Avisado: {count} atendente.", "Avisados: {count} atendentes.", notice.informed)
    values = {
        "queueName": only.queue,
        "count": str(only.count),
        "span": span(only.last_ms - only.first_ms, words),
    }
    informed = fill(told, {"count": str(notice.informed)}) if notice.informed > 1 else ""
    return [
        f"{_marker(notice)}📥 {fill(place, values)} {_head(only)}",
        fill(counted, values) if only.count > 1 else "",
        only.said() if only.count > 1 else _shown(only),
        only.media_line(ones=True) if only.count > 1 else "",
        "" if notice.template == "compact" else _tenant_line(notice),
        " ".join(filter(None, (informed, only.link))),
    ]


def _several(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    count, age = len(digests), notice.now_ms - min(each.first_ms for each in digests)
    if age < 60 * 60_000:
        counted = words.ngettext("{count} cliente nos últimos {age}:", "{count} clientes nos últimos {age}:", count)
    else:
        counted = words.ngettext(
            "{count} cliente aguarda, há {age}:", "{count} clientes aguardam, o mais antigo há {age}:", count
        )
    listed = [
        f"{'🔁 ' if fact.moved else '📥 ' if fact.via_queue else ''}{each.name} #{each.number} "
        f"({each.media_line(ones=False) if each.media and not each.spoken else each.count})"
        for fact, each in zip(notice.tickets[:LISTED], digests[:LISTED], strict=True)
    ]
    more = count - len(listed)
    rest = " " + fill(words.gettext("e mais {count}"), {"count": str(more)}) if more else ""
    first = fill(counted, {"count": str(count), "age": span(age, words)})
    return [
        f"{_marker(notice)}{first} {', '.join(listed)}{rest}",
        "" if notice.template == "compact" else _tenant_line(notice),
        _list_link(digests),
    ]


def _list_link(digests: list[Digest]) -> str:
    """Return the page that lists the tickets: what all links have in common but their last part."""
    pages = {each.link.rpartition("/")[0] for each in digests}
    page = pages.pop() if len(pages) == 1 else ""
    return page if "://" in page and not page.endswith("/") else ""


_FORMS: Final[dict[str, Callable[[Notice, list[Digest], PluralTranslations], list[str]]]] = {
    "single": _single,
    "media": _media,
    "burst": _burst,
    "moved": _moved,
    "queue": _queue,
    "several": _several,
}

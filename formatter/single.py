"""The forms of a text about one ticket. Pure."""

from formatter import lines
from formatter.ages import PluralTranslations, span
from formatter.api import Notice
from formatter.digest import Digest
from formatter.names import plain_name
from formatter.templates import fill, own


def single(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    """One message."""
    only = digests[0]
    if own(notice.template):
        return filled(notice, only, lines.shown(only))
    if notice.template == "compact":
        return [lines.head(only), lines.shown(only), only.link]
    sentence = words.gettext("Nova msg de {contactName} no ticket #{ticketNumber}: {preview}")
    text = fill(sentence, _values(notice, only, lines.shown(only)))
    return [lines.marker(notice) + text, lines.place(notice, only.queue), only.link]


def media(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    """Several media without a word."""
    only = digests[0]
    if only.count == 1:
        return single(notice, digests, words)
    if own(notice.template):
        return filled(notice, only, only.media_line(ones=False))
    first = f"{lines.marker(notice)}{lines.head(only)}: {only.media_line(ones=False)}"
    return [first, _tenant(notice, only), only.link]


def burst(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    """Several messages, or what came after a notice."""
    only = digests[0]
    if own(notice.template):
        return filled(notice, only, " ".join(filter(None, lines.told(only))))
    if notice.tickets[0].reason == "summary":
        counted = words.ngettext("mais {count} mensagem em {span}", "mais {count} mensagens em {span}", only.count)
    else:
        counted = words.ngettext("{count} mensagem em {span}", "{count} mensagens em {span}", only.count)
    values = {"count": str(only.count), "span": span(only.last_ms - only.first_ms, words)}
    return [
        f"{lines.marker(notice)}{lines.head(only)}: {fill(counted, values)}",
        only.said(),
        only.media_line(ones=True),
        lines.place(notice, only.queue),
        only.link,
    ]


def moved(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    """A ticket that somebody else was told of."""
    only = digests[0]
    waiting = words.ngettext(
        "{count} mensagem sem resposta, há {age}",
        "{count} mensagens sem resposta, a mais antiga há {age}",
        only.count,
    )
    values = {"count": str(only.count), "age": span(notice.now_ms - only.first_ms, words)}
    told = words.gettext("Transferido para você:")
    return [
        f"{lines.marker(notice)}🔁 {told} {lines.head(only)}",
        fill(waiting, values),
        only.last or only.media_line(ones=False),
        lines.place(notice, only.queue),
        only.link,
    ]


def queue(notice: Notice, digests: list[Digest], words: PluralTranslations) -> list[str]:
    """A ticket without an owner, told to the members of its queue."""
    only = digests[0]
    counted = words.ngettext("{count} mensagem em {span}", "{count} mensagens em {span}", only.count)
    told = words.ngettext("Avisado: {count} atendente.", "Avisados: {count} atendentes.", notice.informed)
    values = {"count": str(only.count), "span": span(only.last_ms - only.first_ms, words)}
    informed = fill(told, {"count": str(notice.informed)}) if notice.informed > 1 else ""
    return [
        f"{lines.marker(notice)}📥 {unowned(only, words)} {lines.head(only)}",
        fill(counted, values) if only.count > 1 else "",
        *lines.told(only),
        lines.place(notice),
        " ".join(filter(None, (informed, only.link))),
    ]


def unowned(only: Digest, words: PluralTranslations) -> str:
    """Return `Fila Suporte (sem responsável):`."""
    sentence = (
        words.gettext("Fila {queueName} (sem responsável):") if only.queue else words.gettext("Sem responsável:")
    )
    return fill(sentence, {"queueName": only.queue})


def filled(notice: Notice, only: Digest, preview: str) -> list[str]:
    """Return a tenant's own template with its values; the link follows where the template has no place for it."""
    text = fill(notice.template, _values(notice, only, preview))
    return [*text.split("\n"), "" if "{link}" in notice.template else only.link]


def _values(notice: Notice, only: Digest, preview: str) -> dict[str, str]:
    return {
        "contactName": only.name,
        "ticketNumber": only.number,
        "preview": preview,
        "tenantName": plain_name(notice.tenant_name),
        "queueName": only.queue,
        "agentName": plain_name(notice.agent_name),
        "count": str(only.count),
        "link": only.link,
    }


def _tenant(notice: Notice, only: Digest) -> str:
    """Return the place, which a text of media alone shows in every template: it has nothing else to say."""
    return " · ".join(filter(None, (plain_name(notice.tenant_name), only.queue)))

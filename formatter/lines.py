"""The lines that several forms share: marker, head, words, place, link. Pure."""

from formatter.ages import PluralTranslations
from formatter.api import Notice, TicketFact
from formatter.digest import Digest
from formatter.names import plain_name
from formatter.plain import clean
from formatter.templates import fill


def marker(notice: Notice) -> str:
    """Return the tenant's first token with a space, '' in compact texts."""
    return clean(notice.marker) + " " if notice.template != "compact" and clean(notice.marker) else ""


def place(notice: Notice, queue: str = "") -> str:
    """Return `Loja Sol · Suporte`, '' in compact texts."""
    if notice.template == "compact":
        return ""
    return " · ".join(filter(None, (plain_name(notice.tenant_name), queue)))


def head(only: Digest) -> str:
    """Return `*Maria Souza* · #4821`."""
    return f"*{only.name}* · #{only.number}"


def shown(only: Digest) -> str:
    """Return one message: its words, its mark, or the mark with the caption."""
    return " ".join(filter(None, (only.media_line(ones=False), only.last)))


def told(only: Digest) -> list[str]:
    """Return what one or many messages say: words and marks, a line each."""
    if only.count < 2 or not only.spoken:
        return [shown(only)]
    return [only.said(), only.media_line(ones=True)]


def sign(ticket: TicketFact) -> str:
    """Return what tells in a list that a ticket was passed on or has nobody yet."""
    if ticket.moved:
        return "🔁 "
    return "📥 " if ticket.via_queue else ""


def amount(only: Digest) -> str:
    """Return the marks of a ticket that holds nothing but media, else ''."""
    return only.media_line(ones=False) if only.media and not only.spoken else ""


def messages(only: Digest, words: PluralTranslations) -> str:
    """Return `6 msgs`, or the marks of a ticket that holds nothing but media."""
    return amount(only) or fill(
        words.ngettext("{count} msg", "{count} msgs", only.count), {"count": str(only.count)}
    )


def more(count: int, words: PluralTranslations) -> str:
    """Return `e mais 3`, '' for none."""
    return fill(words.gettext("e mais {count}"), {"count": str(count)}) if count else ""


def list_link(digests: list[Digest]) -> str:
    """Return the page that lists the tickets: what all links have in common but their last part."""
    if len(digests) == 1:
        return digests[0].link
    pages = {each.link.rpartition("/")[0] for each in digests}
    page = pages.pop() if len(pages) == 1 else ""
    return page if "://" in page and not page.endswith("/") else ""

"""From a notice to the text that leaves. Pure: the same notice gives the same bytes, on every machine."""

from collections.abc import Callable, Iterable
from typing import Final

import regex

from formatter import many, single
from formatter.ages import PluralTranslations
from formatter.api import Form, Notice, Text
from formatter.digest import Digest, digest
from formatter.languages import translations

INVISIBLE_MARK: Final = "\u200e"
"""Whaticket drops its own rows that begin with it, so that a notice opens no ticket."""
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
    found = _FORMS[form](notice, digests, words)
    return Text(finish(found, mark_invisibly=notice.mark_invisibly), template_id=form)


def finish(found: Iterable[str], *, mark_invisibly: bool) -> str:
    """Return the lines that are not empty as one text that no template engine on its way can read."""
    body = break_braces("\n".join(filter(None, (line.strip() for line in found))))
    return INVISIBLE_MARK + body if mark_invisibly else body


def break_braces(text: str) -> str:
    """Return `text` with a joiner in every `{{`."""
    return _BRACES.sub("{\u200d", text)


def _form(notice: Notice, digests: list[Digest]) -> Form:
    """Choose the form: why it comes late first, then what it is about."""
    ticket, only = notice.tickets[0], digests[0]
    if notice.late_since_ms is not None:
        return "late"
    if notice.quiet_since_ms is not None:
        return "morning"
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


_FORMS: Final[dict[Form, Callable[[Notice, list[Digest], PluralTranslations], list[str]]]] = {
    "single": single.single,
    "media": single.media,
    "burst": single.burst,
    "moved": single.moved,
    "queue": single.queue,
    "several": many.several,
    "morning": many.morning,
    "late": many.late,
}

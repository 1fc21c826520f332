"""What fills an approved template (Meta, Twilio): one line per parameter. Pure.

The template's own words are approved beforehand and may hold line breaks. A parameter may not: WhatsApp refuses it
with a line break, a tab or a run of spaces, and empty; and it caps the whole body at 1,024 characters.
"""

from typing import Final

from formatter import lines
from formatter.ages import PluralTranslations
from formatter.api import Notice
from formatter.digest import Digest, digest
from formatter.languages import translations
from formatter.plain import fit
from formatter.single import unowned
from formatter.templates import fill

PARAMETERS: Final = 1
"""How many placeholders an approved template must have: what waits, on one line."""
LIMIT: Final = 700
"""UTF-16 units of a parameter; 324 of the body's 1,024 are left to the template's own words."""
LISTED: Final = 8
BETWEEN: Final = " • "


def render_opening(notice: Notice) -> tuple[str, ...]:
    """Return the parameters of an opening, `PARAMETERS` of them.

    Guarantees for each: not empty, one line, no tab, no two spaces in a row, no control, bidi or zero-width
    character, at most `LIMIT` UTF-16 units, nothing of the "must never appear" list.

    Raises:
        ValueError: the notice has no ticket.
    """
    if not notice.tickets:
        message = "a notice needs a ticket"
        raise ValueError(message)
    words = translations(notice.language)
    digests = [digest(ticket, words) for ticket in notice.tickets]
    line = _one(notice, digests[0], words) if len(digests) == 1 else _several(notice, digests, words)
    return (fit(_plain(line), LIMIT),)


def _plain(line: str) -> str:
    """Return the line without double braces, which look like a template's; a joiner would not survive the way."""
    return line.replace("{{", "{ {").replace("{{", "{ {")


def _one(notice: Notice, only: Digest, words: PluralTranslations) -> str:
    ticket = notice.tickets[0]
    before = ""
    if ticket.moved:
        before = f"🔁 {words.gettext('Transferido para você:')} "
    elif ticket.via_queue:
        before = f"📥 {unowned(only, words)} "
    count = f" ({lines.messages(only, words)})" if only.count > 1 and not lines.amount(only) else ""
    said = " ".join(filter(None, lines.told(only)))
    return f"{before}{only.name} #{only.number}{count}: {said}"


def _several(notice: Notice, digests: list[Digest], words: PluralTranslations) -> str:
    """Return as many tickets as fit, the rest counted."""
    count = len(digests)
    waiting = words.ngettext("{count} cliente aguarda", "{count} clientes aguardam", count)
    first = fill(waiting, {"count": str(count)})
    listed = [
        f"{lines.sign(fact)}{each.name} #{each.number} ({lines.messages(each, words)})"
        for fact, each in zip(notice.tickets[:LISTED], digests[:LISTED], strict=True)
    ]
    while True:
        line = f"{first}: " + BETWEEN.join(filter(None, [*listed, lines.more(count - len(listed), words)]))
        if len(listed) == 1 or fit(_plain(line), LIMIT) == _plain(line):
            return line
        listed.pop()

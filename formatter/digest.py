"""What one ticket's messages come to: how many, which media, which words to show. Pure."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from formatter import media
from formatter.ages import PluralTranslations
from formatter.api import TicketFact
from formatter.names import contact_name, plain_name
from formatter.plain import clean, cut
from formatter.preview import LIMIT, blank, preview
from formatter.redaction import Marks, known_numbers

_WORDED: Final = frozenset({"text", "other"})


@dataclass(frozen=True, slots=True)
class Digest:
    """A ticket made harmless and ready for sentences."""

    name: str
    number: str
    queue: str
    link: str
    count: int
    first: str
    last: str
    spoken: int
    media: tuple[tuple[str, int], ...]
    first_ms: int
    last_ms: int

    def media_line(self, *, ones: bool) -> str:
        """Return `[Áudio] ×2, [Documento]`; `ones` also writes `×1`."""
        return ", ".join(f"{mark} ×{n}" if n > 1 or ones else mark for mark, n in self.media)

    def said(self) -> str:
        """Return the words of a burst: the first and the last, with what lies between them left out."""
        if self.spoken < 2:
            return self.first
        return f"{self.first} … {self.last}" if self.spoken > 2 else f"{self.first} {self.last}"


def marks(words: PluralTranslations) -> Marks:
    """Return the marks of a language."""
    return Marks(hidden=words.gettext("[dado oculto]"), link=words.gettext("[link]"))


def digest(ticket: TicketFact, words: PluralTranslations) -> Digest:
    """Make a ticket's facts harmless.

    A text that could not be read (`body` None) and a blank one count as messages and get a mark of their own
    when nothing else can be shown.
    """
    known = known_numbers(ticket.contact_number)
    contents = [media.content(message.kind, message.body) for message in ticket.messages]
    spoken = [each.words for each in contents if not blank(each.words)]
    limit = LIMIT if len(spoken) < 2 else LIMIT // 2
    shown = [preview(each, marks(words), known, limit) or "" for each in (spoken[:1] + spoken[-1:])]
    counts = Counter(media.mark(each.kind, words) for each in contents if each.kind not in _WORDED)
    if not shown and not counts:
        unread = bool(ticket.messages) and all(message.body is None for message in ticket.messages)
        shown = [words.gettext("[texto indisponível]") if unread else words.gettext("[mensagem vazia]")] * 2
    times = [message.created_ms for message in ticket.messages] or [ticket.first_ms]
    return Digest(
        name=contact_name(ticket.contact_name, ticket.contact_number, words),
        number=cut("".join(clean(ticket.number).split()), 20) or "?",
        queue=plain_name(ticket.queue_name),
        link="".join(clean(ticket.link or "").split()),
        count=len(ticket.messages) + ticket.omitted,
        first=shown[0] if shown else "",
        last=shown[-1] if shown else "",
        spoken=len(spoken),
        media=tuple(counts.items()),
        first_ms=min([*times, ticket.first_ms or times[0]]),
        last_ms=max(times),
    )

"""canove (whaticket-community): one shop per database, a message's key is its WhatsApp id.

Its automatic texts begin with the invisible mark, so an own row without it is a person's. `read` says nothing: the
application sets it itself, 20 ms after the message, when its bot assigns a queue, and with each transfer.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from sqlalchemy import Connection

from cdc.change import Row
from cdc.flavours import canove_live, marks
from cdc.flavours.api import LiveTicket, Match, Person, Shape
from cdc.flavours.shape import key_differs, lacking, owned
from schemas.reasons import Ignored

_KINDS = {
    "chat": "text",
    "image": "image",
    "video": "video",
    "audio": "audio",
    "ptt": "audio",
    "location": "location",
    "vcard": "contact",
}
_STICKER = ".webp"

_OTHER_FORKS: Mapping[str, tuple[str, ...]] = {
    "Messages": ("companyId", "tenantId", "messageId", "remoteJid"),
    "Tickets": ("companyId", "tenantId", "uuid"),
    "Users": ("companyId", "tenantId", "whatsappNumber"),
}
"""What forks added that changes who is told: companies, other keys, a notifier of their own. canove has none."""


def kind_of(media_type: str | None, text: str) -> str:
    """Normalise a media type; `text` is the body or its first 16 characters.

    A document has the main part of its MIME type. A sticker is an image whose body is the name of its file.
    """
    if media_type == "image" and text.endswith(_STICKER):
        return "sticker"
    return _KINDS.get(media_type or "") or ("document" if media_type in marks.MAIN_TYPES else "other")


class Canove:
    """The flavour behind `cdc.flavours.api.Flavour`."""

    name: str = "canove"
    columns: tuple[str, ...] = (
        "id", "ticketId", "contactId", "fromMe", "read", "ack", "mediaType", "isDeleted", "createdAt", "body",
    )  # fmt: skip
    truncate: Mapping[str, int] = {"body": marks.SHOWN}
    sole_company: int | None = 0
    has_bot_flag: bool = False
    read_means_person: bool = False
    grants: Mapping[str, tuple[str, ...]] = canove_live.READS
    message_key: ClassVar[tuple[str, ...]] = ("id",)

    def detect(self, shape: Shape) -> Match:
        """Fit when every column that we touch is there, and nothing that a fork of it added."""
        missing = [*lacking(shape, {"Messages": self.columns}), *lacking(shape, self.grants)]
        missing += key_differs(shape, "Messages", self.message_key)
        return Match.of(missing, owned(shape, _OTHER_FORKS))

    def classify(self, row: Row, marker: str) -> Person | Ignored:
        """Tell what a created row is (`Flavour.classify`)."""
        text = row.body or ""
        if row.from_me:
            return "bot" if marks.automatic(text) else "human"
        return Ignored.MARKER if marks.ours(text, marker) else "customer"

    def kind(self, row: Row) -> str:
        """Return the normalised media type."""
        return kind_of(row.media_type, row.body or "")

    def live(
        self, connection: Connection, source: str, asked: Mapping[int, Sequence[str]]
    ) -> dict[int, LiveTicket]:
        """Read tickets and rows as they stand now (`Flavour.live`): three statements for any number of tickets."""
        return canove_live.read(connection, source, asked, kind_of)

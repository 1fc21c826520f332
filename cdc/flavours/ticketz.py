"""ticketz: PostgreSQL, several companies, a message's key is (`id`, `ticketId`).

Its bot's rows look exactly like an agent's answers from the web page, so most own rows are `undecided`; the live
`read` flag, which only people set, decides instead.
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from sqlalchemy import Connection

from cdc.change import Row
from cdc.flavours import marks, ticketz_live
from cdc.flavours.api import LiveTicket, Match, Person, Shape
from cdc.flavours.shape import key_differs, lacking
from schemas.reasons import Ignored

_DEVICE = 2
"""An own row that is born with this acknowledgement was echoed from the shop's phone: a person typed it."""

_SIDE_ROWS = {"reactionMessage": Ignored.REACTION, "call_log": Ignored.CALL_LOG}
_MEDIA = {"image": "image", "video": "video", "audio": "audio"}
_LOCATION = re.compile("\U0001f4cd\n|Latitude: -?\\d")
_CARD = '{"ticketzvCard"'
_UNUSUAL = ("{", "\U0001f4cd", "L")


def kind_of(media_type: str | None, text: str) -> str:
    """Normalise a media type; `text` is the body or its first 16 characters.

    Texts, locations and contact cards all have no media type: the body tells them apart. A document's is the main
    part of its MIME type, a sticker is an image called `sticker`.
    """
    if media_type is None:
        if not text.startswith(_UNUSUAL):  # nearly all texts
            return "text"
        if text.startswith(_CARD):
            return "contact"
        return "location" if _LOCATION.match(text) else "text"
    if media_type == "image" and text == "sticker":
        return "sticker"
    return _MEDIA.get(media_type) or ("document" if media_type in marks.MAIN_TYPES else "other")


class Ticketz:
    """The flavour behind `cdc.flavours.api.Flavour`."""

    name: str = "ticketz"
    columns: tuple[str, ...] = (
        "id", "ticketId", "companyId", "contactId", "fromMe", "read", "ack", "mediaType", "isDeleted", "createdAt",
        "body", "remoteJid",
    )  # fmt: skip
    truncate: Mapping[str, int] = {"body": marks.SHOWN, "remoteJid": 1}
    sole_company: int | None = None
    has_bot_flag: bool = True
    read_means_person: bool = True
    grants: Mapping[str, tuple[str, ...]] = ticketz_live.READS
    message_key: ClassVar[tuple[str, ...]] = ("id", "ticketId")

    def detect(self, shape: Shape) -> Match:
        """Fit when every column that we touch is there and a message's key includes its ticket."""
        missing = [*lacking(shape, {"Messages": self.columns}), *lacking(shape, self.grants)]
        missing += key_differs(shape, "Messages", self.message_key)
        return Match.of(missing)

    def classify(self, row: Row, marker: str) -> Person | Ignored:
        """Tell what a created row is (`Flavour.classify`)."""
        if row.media_type in _SIDE_ROWS:
            return _SIDE_ROWS[row.media_type]
        # A quoted message that the ticket did not know is stored again before the message that quotes it.
        if row.remote_jid is None or ("-" in row.id and row.id.endswith(f"-{row.ticket_id}")):
            return Ignored.QUOTED_COPY
        if not row.from_me:
            return Ignored.MARKER if marks.ours(row.body or "", marker) else "customer"
        if row.ack >= _DEVICE:
            return "human"
        return "bot" if marks.automatic(row.body or "") else "undecided"

    def kind(self, row: Row) -> str:
        """Return the normalised media type."""
        return kind_of(row.media_type, row.body or "")

    def live(
        self, connection: Connection, source: str, asked: Mapping[int, Sequence[str]]
    ) -> dict[int, LiveTicket]:
        """Read tickets and rows as they stand now (`Flavour.live`): three statements for any number of tickets."""
        return ticketz_live.read(connection, source, asked, kind_of)

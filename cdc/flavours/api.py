"""The interface of a flavour. A flavour knows one fork's schema; nothing else in the house does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from cdc.change import Row
from schemas.reasons import Ignored

Person = Literal["customer", "human", "bot", "undecided"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the database's catalogue tells it."""

    name: str
    type: str
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table's columns and primary key, in order."""

    columns: Mapping[str, Column]
    primary_key: tuple[str, ...] = ()


Shape = Mapping[str, TableShape]
"""A whole schema: table name -> shape."""


@dataclass(frozen=True, slots=True)
class Match:
    """How well a schema fits a flavour.

    `missing` names what the flavour needs and the schema lacks, `foreign` what the schema has and the flavour
    never: a fork of it, which must not be mistaken for it.
    """

    fits: bool
    missing: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    @classmethod
    def of(cls, missing: Iterable[str], foreign: Iterable[str] = ()) -> "Match":
        """Return how a schema fits that differs in these."""
        lacks, has = tuple(dict.fromkeys(missing)), tuple(dict.fromkeys(foreign))
        return cls(not lacks and not has, lacks, has)

    @property
    def differences(self) -> int:
        """How far the schema is from the flavour."""
        return len(self.missing) + len(self.foreign)


@dataclass(frozen=True, slots=True)
class LiveRow:
    """A row of `Messages` as it stands now. `kind` is the normalised media type of `schemas.records.Item`."""

    row_id: str
    kind: str
    body: str
    created_ms: int
    read: bool
    deleted: bool


@dataclass(frozen=True, slots=True)
class LiveTicket:
    """A ticket as it stands now, with who may be told of it. Ids are the source's own.

    `queue_members` are the members of the ticket's queue under the flavour's visibility rule, `admins` those of the
    company; both sorted by id, without inactive users. `menu` is True when the ticket's connection offers a
    menu of queues. `rows` holds the asked rows that still exist, by row id. `hidden_id` is the contact's WhatsApp
    id (`…@lid`) where that is all that is known of it.
    """

    source: str
    ticket_id: int
    company_id: int | None
    status: str
    is_group: bool
    user_id: int | None
    queue_id: int | None
    queue_name: str | None
    queue_members: tuple[int, ...]
    admins: tuple[int, ...]
    chatbot: bool
    menu: bool
    contact_name: str
    contact_number: str | None
    number: str
    link_path: str | None
    rows: Mapping[str, LiveRow] = field(default_factory=dict)
    contact_id: int | None = None
    hidden_id: str | None = None


class Flavour(Protocol):
    """One fork of Whaticket."""

    name: str
    columns: tuple[str, ...]
    truncate: Mapping[str, int]
    sole_company: int | None
    """The company of every row and ticket where the fork knows none: 0, tenant `source/0`. None where rows or
    tickets tell theirs; a row that does not (flavio) belongs to `source/?` until its ticket is read."""
    has_bot_flag: bool
    """The ticket's `chatbot` flag covers the first menu (ticketz only)."""
    read_means_person: bool
    """`Messages.read` is set by people only, so a read message of an owned ticket needs no notice."""
    grants: Mapping[str, tuple[str, ...]]
    """Table -> columns that the read role may select: everything that `tickets_sql` and friends touch, no more."""

    def detect(self, shape: Shape) -> Match:
        """Tell whether a schema is this flavour's."""
        ...

    def classify(self, row: Row, marker: str) -> Person | Ignored:
        """Tell what a created row is; an `Ignored` reason when it is nothing to act on.

        Args:
            row: the captured columns; `body` holds at most the first 16 characters.
            marker: the tenant's fixed first token; a customer row that starts with it or U+200E is ignored.
        """
        ...

    def kind(self, row: Row) -> str:
        """Return the normalised media type."""
        ...

    def live(self, connection: Any, source: str, asked: Mapping[int, Sequence[str]]) -> dict[int, LiveTicket]:
        """Read tickets with the asked message rows, by primary key or index only, in few statements.

        Args:
            connection: a SQLAlchemy connection to the source, in a read-only transaction.
            source: the source's id, copied into the answers.
            asked: ticket id -> row ids of `Messages`.
        """
        ...

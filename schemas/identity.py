"""Identities, built and parsed in this one module. `/` everywhere; nothing is keyed without its source."""

import hashlib
import re
from typing import NamedTuple

from xxhash import xxh3_64_digest

SOURCE = re.compile(r"[a-z][a-z0-9_]{0,30}")


class TenantId(NamedTuple):
    """`source/company`; `company` is 0 where the flavour has none, `?` where a row does not tell it."""

    source: str
    company: str

    def __str__(self) -> str:
        return f"{self.source}/{self.company}"

    @classmethod
    def of(cls, source: str, company_id: int | None) -> "TenantId":
        """Return the tenant of a row; a missing company gives `source/?`."""
        return cls(source, "?" if company_id is None else str(company_id))

    @classmethod
    def parse(cls, text: str) -> "TenantId":
        """Parse `source/company`.

        Raises:
            ValueError: not of that form.
        """
        source, slash, company = text.partition("/")
        if not (slash and SOURCE.fullmatch(source) and (company == "?" or company.isdecimal())):
            message = f"not a tenant id (source/company): {text!r}"
            raise ValueError(message)
        return cls(source, company)


class AgentId(NamedTuple):
    """`source/company/user`."""

    source: str
    company: str
    user: int

    def __str__(self) -> str:
        return f"{self.source}/{self.company}/{self.user}"

    @property
    def tenant(self) -> TenantId:
        """The agent's tenant."""
        return TenantId(self.source, self.company)

    @classmethod
    def parse(cls, text: str) -> "AgentId":
        """Parse `source/company/user`.

        Raises:
            ValueError: not of that form.
        """
        head, slash, user = text.rpartition("/")
        if not slash or not user.isdecimal():
            message = f"not an agent id (source/company/user): {text!r}"
            raise ValueError(message)
        tenant = TenantId.parse(head)
        return cls(tenant.source, tenant.company, int(user))


def ticket_key(source: str, ticket_id: int) -> str:
    """State key of a ticket: `source/ticket`."""
    return f"{source}/{ticket_id}"


def message_ref(source: str, ticket_id: int, message_id: str) -> str:
    """Reference of a customer message: `source/ticket/waid` (the WhatsApp id may itself contain `/`)."""
    return f"{source}/{ticket_id}/{message_id}"


def message_id_of(ref: str) -> str:
    """Return the WhatsApp id of a `message_ref`."""
    return ref.split("/", 2)[2]


def _hash(*parts: object) -> str:
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def alert_id(source: str, ticket_id: int, first_seq: int) -> str:
    """Identity of an alert (32 hex digits): a re-fired window carries the same one."""
    return _hash("alert", source, ticket_id, first_seq)


def notification_id(agent: str, send_no: int) -> str:
    """Identity of one text to one agent (32 hex digits); `agent` is `source/company/user`."""
    return _hash("notification", agent, send_no)


def obligation_id(ref: str, agent: str, hop: int) -> str:
    """Identity of the duty to tell this agent of this message (32 hex digits)."""
    return _hash("obligation", ref, agent, hop)


def outcome_id(kind: str, *parts: object) -> str:
    """Identity of an outcome (32 hex digits) by what makes it unique, so that a repeated one carries the same."""
    return _hash("outcome", kind, *parts)


def digest64(text: str) -> bytes:
    """64-bit digest (XXH3) for the memory of a ticket's rows; stable between processes and releases.

    It is made for speed, not against an adversary: who makes up two ids with one digest loses a message of the same
    ticket, which is their own.
    """
    return xxh3_64_digest(text.encode())


def hash64(text: str) -> int:
    """64-bit hash for sets of known things; stable between processes and releases."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def address_hash(number: str) -> str:
    """Short keyed-by-value hash of a phone number for outcomes and search (16 hex digits)."""
    return hashlib.blake2b(number.encode(), digest_size=8, person=b"recado-address").hexdigest()

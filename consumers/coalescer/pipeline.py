"""From a record of `messages` to an event of its ticket's window, in eight steps; the first match wins.

Steps 1 and 2 need only the record and the settings (`Reader.read`), steps 3 to 8 the ticket's memory (`admit`).
"""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from cdc.change import ChangeError, Row, created_ms, decode, text_start
from cdc.flavours.api import Flavour
from consumers.coalescer.commands import command_of
from consumers.coalescer.seen import HighWater, SeenIds, Windows
from consumers.coalescer.window import Customer, Human, Remembered, Undecided, WindowEvent
from consumers.runtime.api import Headers, Record, Undecodable
from schemas.config import ConfigView, Parameters, SourceConfig, TenantConfig
from schemas.errors import Invalid
from schemas.identity import TenantId, hash64
from schemas.reasons import Ignored, Mode, Suppressed
from schemas.records import Item, Window

SWEEP_HEADER = "recado.sweep"


class TenantRules(msgspec.Struct, frozen=True):
    """What rows of one tenant of a source need to know of the settings."""

    tenant: str
    lane: str
    off: bool
    disabled_at_ms: int
    marker: str
    machine: Parameters
    version: int


class SourceRules:
    """What rows of one source need to know of the settings. `contacts` are the agents' own contacts."""

    def __init__(self, config: ConfigView, source: SourceConfig, flavour: Flavour) -> None:
        self.name = source.source
        self.flavour = flavour
        self.offset_ms = source.created_offset_ms
        self.contacts = config.agent_contacts(source.source)
        self._config = config
        self._tenants: dict[int | None, TenantRules] = {}

    def tenant(self, company_id: int | None) -> TenantRules:
        """Return the rules of a company; None is the lane `source/?` of a source whose rows tell no company."""
        rules = self._tenants.get(company_id)
        if rules is None:
            found: TenantConfig = self._config.tenant(self.name, company_id)
            name = str(TenantId.of(self.name, company_id))
            rules = self._tenants[company_id] = TenantRules(
                tenant=name,
                lane=found.lane or name,
                off=found.mode == Mode.OFF,
                disabled_at_ms=found.disabled_at_ms,
                marker=found.marker,
                machine=found.machine,
                version=self._config.version,
            )
        return rules


class Candidate(msgspec.Struct, frozen=True):
    """A row that survived steps 1 and 2. `key` is the ticket's state key, `ref` the row's message_ref."""

    key: str
    ref: str
    row: Row
    person: Literal["customer", "human", "undecided"]
    source: SourceRules
    tenant: TenantRules
    company_id: int | None
    ts_ms: int
    captured_ms: int
    sweep: bool


class Skipped(msgspec.Struct, frozen=True):
    """Nothing to act on: a metric, never an outcome."""

    source: str
    reason: Ignored


class SpokenCommand(msgspec.Struct, frozen=True):
    """An agent's command; `args` is what the truncated text shows of them."""

    word: str
    args: str
    contact_id: int


class Admitted(msgspec.Struct, frozen=True):
    """A row that passed step 5, and what it is for its window.

    `ended` tells why the row ends here; then `event` is `Remembered` and `item` the row's.
    """

    event: WindowEvent
    ref_hash: int
    high_water_ms: int
    seq: int
    item: Item | None = None
    ended: Suppressed | None = None
    command: SpokenCommand | None = None


class Reader:
    """Steps 1 and 2, over the settings in force."""

    def __init__(self, config: Callable[[], ConfigView], flavours: Callable[[str], Flavour]) -> None:
        self._config = config
        self._flavours = flavours
        self._view: ConfigView | None = None
        self._sources: dict[str, SourceRules] = {}

    def source(self, name: str) -> SourceRules | None:
        """Return the rules of a source, None when it is not ours; settings that were swapped count at once.

        Raises:
            Undecodable: the source has a flavour that this release does not know; the other sources go on.
        """
        view = self._config()
        if view is not self._view:
            self._view = view
            self._sources = {}
        rules = self._sources.get(name)
        if rules is None:
            found = view.source(name)
            if found is None:
                return None
            try:
                flavour = self._flavours(found.flavour)
            except Invalid as error:
                code = "unknown_flavour"
                raise Undecodable(code, error.detail) from None
            rules = self._sources[name] = SourceRules(view, found, flavour)
        return rules

    def read(self, record: Record) -> Candidate | Skipped | None:
        """Return the row as a candidate, why it is skipped, or None for a bot's row (W11: nothing happens).

        Raises:
            Undecodable: it is no change event of a source of ours (step 1).
        """
        try:
            change = decode(record.value)
        except ChangeError as error:
            raise Undecodable(error.code, error.detail) from None
        name = change.source.name
        source = self.source(name)
        if source is None:
            code = "foreign_source"
            detail = "no such source is configured"
            raise Undecodable(code, detail)
        row = change.after
        if change.op != "c" or row is None:
            return Skipped(name, Ignored.NOT_CREATE)
        company_id = row.company_id if row.company_id is not None else row.tenant_id
        tenant = source.tenant(company_id)
        if tenant.off:
            return Skipped(name, Ignored.MODE_OFF)
        person = source.flavour.classify(row, tenant.marker)
        if isinstance(person, Ignored):
            return Skipped(name, person)
        if person == "bot":
            return None
        key = f"{name}/{row.ticket_id}"
        return Candidate(
            key,
            f"{key}/{row.message_id or row.id}",
            row,
            person,
            source,
            tenant,
            company_id,
            change.source.ts_ms,
            change.ts_ms,
            bool(record.headers) and _is_sweep(record.headers),
        )


def admit(
    candidate: Candidate,
    window: Window | None,
    offset: int,
    now_ms: int,
    windows: Windows,
    seen: SeenIds,
    high_water: HighWater,
) -> Admitted | Ignored:
    """Apply steps 3 to 8. Changes only the source's high-water; `remember` does the rest after the window."""
    ref_hash = hash64(candidate.ref)
    if window is not None and seen.holds(candidate.key, window, ref_hash):  # step 3
        return Ignored.DUPLICATE
    source = candidate.source
    machine = candidate.tenant.machine
    ts_ms = candidate.ts_ms
    if not candidate.sweep and high_water.is_replay(source.name, ts_ms, now_ms, machine, windows):  # step 4
        return Ignored.REPLAY
    mark_ms = high_water.advance(source.name, ts_ms, now_ms)  # step 5
    seq = now_ms if window is None or window.seq < now_ms else window.seq + 1
    row = candidate.row
    created = min(created_ms(row, source.offset_ms), now_ms)
    if candidate.person != "customer":
        if candidate.person == "human":
            return Admitted(Human(seq, candidate.ref, created), ref_hash, mark_ms, seq)
        return Admitted(_UNDECIDED, ref_hash, mark_ms, seq)
    item = Item(candidate.ref, row.id, seq, created, now_ms, source.flavour.kind(row))
    if row.contact_id in source.contacts:  # step 6
        spoken = command_of(text_start(row.body))
        if spoken is not None and row.contact_id is not None:
            command = SpokenCommand(*spoken, row.contact_id)
            return Admitted(_REMEMBERED, ref_hash, mark_ms, seq, item, Suppressed.COMMAND, command)
    if now_ms - created > machine.max_age:  # step 7
        return Admitted(_REMEMBERED, ref_hash, mark_ms, seq, item, Suppressed.STALE)
    return Admitted(Customer(item, candidate.captured_ms, offset), ref_hash, mark_ms, seq)  # step 8


_UNDECIDED = Undecided()
_REMEMBERED = Remembered()


def remember(candidate: Candidate, admitted: Admitted, window: Window, seen: SeenIds) -> int:
    """Note the admitted row in its window (step 5's second half); return how many seen ids were dropped."""
    window.seq = admitted.seq
    if candidate.company_id is not None:
        window.company_id = candidate.company_id
    return seen.add(candidate.key, window, admitted.ref_hash, admitted.high_water_ms, candidate.tenant.machine)


def _is_sweep(headers: Sequence[tuple[str, bytes | None]] | Headers) -> bool:
    return any(name == SWEEP_HEADER and value == b"1" for name, value in headers)

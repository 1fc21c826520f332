"""Window effects as records on topics, with their keys. Pure."""

from collections.abc import Sequence
from functools import cache

from consumers.coalescer.settings import TenantRules
from consumers.coalescer.window import Fire, Retract, Suppress, WindowEffect
from consumers.runtime.api import Effect, Emit
from consumers.runtime.metrics import counter
from schemas.codec import encode
from schemas.identity import address_hash, alert_id, outcome_id
from schemas.reasons import Suppressed
from schemas.records import Alert, Command, Item, Origin, Outcome, Retraction
from schemas.topics import Cell

MAX_REFS = 500


class Ticket:
    """Whose records are made."""

    __slots__ = ("company_id", "source", "tenant", "ticket_id")

    def __init__(self, source: str, ticket_id: int, company_id: int | None, tenant: TenantRules) -> None:
        self.source = source
        self.ticket_id = ticket_id
        self.company_id = company_id
        self.tenant = tenant


class Emission:
    """Makes the coalescer's records for one input partition."""

    def __init__(self, cell: Cell, partition: int, app_version: str) -> None:
        self._cell = cell
        self._partition = partition
        self._app_version = app_version
        self._alerts = cache(counter("recado_alerts_total").labels)
        self._outcomes = cache(counter("recado_outcomes_total").labels)

    def effects(
        self, ticket: Ticket, effects: Sequence[WindowEffect], now_ms: int, offset: int | None = None
    ) -> list[Effect]:
        """Return the records of a window's effects; `offset` is that of the record that caused them, if one did."""
        emits: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Fire):
                emits.append(self.alert(ticket, effect, now_ms))
            elif isinstance(effect, Suppress):
                emits += self.suppressed(ticket, effect.reason, effect.items, now_ms, offset)
            else:
                emits.append(self.retraction(ticket, effect))
        return emits

    def alert(self, ticket: Ticket, fire: Fire, now_ms: int) -> Emit:
        """Return the alert of a fired window; its id is that of its first message, however often it fires."""
        self._alerts(ticket.source, fire.kind).inc()
        record = Alert(
            alert_id=alert_id(ticket.source, ticket.ticket_id, fire.items[0].seq),
            lane=ticket.tenant.lane,
            source=ticket.source,
            ticket_id=ticket.ticket_id,
            company_id=ticket.company_id,
            alert_no=fire.alert_no,
            reason=fire.kind,
            items=fire.items,
            omitted=fire.omitted,
            first_ms=fire.first_ms,
            fired_ms=now_ms,
            captured_ms=fire.captured_ms,
            level=fire.level,
            config_version=ticket.tenant.version,
            origin=Origin(self._cell.messages, self._partition, fire.offset, fire.captured_ms),
        )
        return self._to_lane(ticket, encode(record))

    def retraction(self, ticket: Ticket, retract: Retract) -> Emit:
        """Return the retraction of what was told before a person answered."""
        record = Retraction(
            lane=ticket.tenant.lane,
            source=ticket.source,
            ticket_id=ticket.ticket_id,
            up_to_seq=retract.up_to_seq,
            reaction_ref=retract.ref,
            created_ms=retract.created_ms,
        )
        return self._to_lane(ticket, encode(record))

    def command(self, ticket: Ticket, word: str, args: str, item: Item, agent: str, number: str | None) -> Emit:
        """Return the command that `agent` wrote; `args` is what the truncated text shows of them."""
        record = Command(
            lane=ticket.tenant.lane,
            source=ticket.source,
            contact=address_hash(number) if number else "",
            word=word,
            args=args,
            at_ms=item.created_ms,
            agent=agent,
            message_ref=item.message_ref,
        )
        return self._to_lane(ticket, encode(record))

    def suppressed(
        self, ticket: Ticket, reason: Suppressed, items: list[Item], now_ms: int, offset: int | None = None
    ) -> list[Emit]:
        """Return the agentless ends of `items`, at most `MAX_REFS` messages in each outcome."""
        origin = None if offset is None else Origin(self._cell.messages, self._partition, offset)
        key = f"{ticket.tenant.tenant}/{ticket.ticket_id}".encode()
        emits = []
        for start in range(0, len(items), MAX_REFS):
            part = items[start : start + MAX_REFS]
            record = Outcome(
                outcome_id=outcome_id("suppressed", reason, part[0].message_ref),
                kind="suppressed",
                reason=reason,
                tenant=ticket.tenant.tenant,
                source=ticket.source,
                ticket_id=ticket.ticket_id,
                at_ms=now_ms,
                message_refs=[item.message_ref for item in part],
                config_version=ticket.tenant.version,
                app_version=self._app_version,
                created_ms=part[0].created_ms,
                admitted_ms=part[0].admitted_ms,
                origin=origin,
            )
            emits.append(Emit(self._cell.outcomes, key, encode(record)))
            self._outcomes(ticket.source, "suppressed", reason).inc()
        return emits

    def _to_lane(self, ticket: Ticket, value: bytes) -> Emit:
        return Emit(self._cell.alerts, ticket.tenant.lane.encode(), value)

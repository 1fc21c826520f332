"""From a record of `messages` to its ticket's window, in eight steps; the first match wins."""

from collections.abc import Sequence
from functools import cache

from cdc.change import ChangeError, created_ms, decode
from consumers.coalescer.commands import command_of
from consumers.coalescer.emission import Emission, Ticket
from consumers.coalescer.seen import AHEAD_MS, HighWater, SeenIds
from consumers.coalescer.settings import Rules
from consumers.coalescer.window import Customer, Human, Remembered, Undecided, WindowEvent, step
from consumers.runtime.api import Effect, Headers, Record, Store, Undecodable
from consumers.runtime.metrics import counter
from schemas.identity import digest64
from schemas.reasons import Ignored, Suppressed
from schemas.records import Item, Window

SWEEP_HEADER = "recado.sweep"

_UNDECIDED = Undecided()
_REMEMBERED = Remembered()


class Pipeline:
    """The eight steps over one input partition's memory."""

    def __init__(self, rules: Rules, seen: SeenIds, high_water: HighWater, emission: Emission) -> None:
        self._rules = rules
        self._seen = seen
        self._high_water = high_water
        self._emission = emission
        self._ignored = cache(counter("recado_ignored_total").labels)
        self._dropped = counter("recado_seen_dropped_total")

    def take(self, record: Record, store: Store[Window], now_ms: int) -> Sequence[Effect]:
        """Apply one record. It is the hot path: one function, so that a row costs few calls and no copies.

        Raises:
            Undecodable: it is no change event of a source of ours; nothing was changed.
        """
        # 1: it can be read, and is ours
        try:
            change = decode(record.value)
        except ChangeError as error:
            raise Undecodable(error.code, error.detail) from None
        name = change.source.name
        source = self._rules.source(name)
        if source is None:
            raise _foreign()

        # 2: a row to act on
        row = change.after
        if change.op != "c" or row is None:
            return self._ignore(name, Ignored.NOT_CREATE)
        company_id = row.tenant_id if row.company_id is None else row.company_id
        if company_id is None:
            company_id = source.sole_company
        tenant = source.tenants.get(company_id) or source.tenant(company_id)
        if tenant.off:
            return self._ignore(name, Ignored.MODE_OFF)
        person = source.classify(row, tenant.marker)
        if isinstance(person, Ignored):
            return self._ignore(name, person)
        if person == "bot":  # W11, whatever the window: nothing to remember either
            return ()

        # 3: not a duplicate
        key = f"{name}/{row.ticket_id}"
        ref = f"{key}/{row.message_id or row.id}"
        digest = digest64(ref)
        window = store.get(key)
        if window is not None and self._seen.knows(key, window, digest):
            return self._ignore(name, Ignored.DUPLICATE)

        # 4: not a repetition from before the memory of its source, unless a sweep brings it on purpose
        machine = tenant.machine
        ts_ms = change.source.ts_ms
        if ts_ms < now_ms + AHEAD_MS - machine.seen_keep:  # else it cannot be one: nearly all rows
            replay = self._high_water.is_replay(name, ts_ms, now_ms, machine, store)
            if replay and not _is_sweep(record.headers):
                return self._ignore(name, Ignored.REPLAY)

        # 5: admitted
        mark_ms = self._high_water.advance(name, ts_ms, now_ms)
        seq = now_ms if window is None or window.seq < now_ms else window.seq + 1
        item: Item | None = None
        ended: Suppressed | None = None
        spoken: tuple[str, str] | None = None
        event: WindowEvent
        if person == "undecided":
            event = _UNDECIDED
        elif person == "customer":
            created = created_ms(row, source.offset_ms)
            created = created if created < now_ms else now_ms
            item = Item(ref, row.id, seq, created, now_ms, source.kind(row))
            agent = source.contacts.get(row.contact_id) if row.contact_id is not None else None
            if agent is not None and (spoken := command_of(row.body or "")):  # 6
                event, ended = _REMEMBERED, Suppressed.COMMAND
            elif now_ms - created > machine.max_age:  # 7
                event, ended = _REMEMBERED, Suppressed.STALE
            else:  # 8
                event = Customer(item, change.ts_ms, record.offset)
        else:
            event = Human(seq, ref, min(created_ms(row, source.offset_ms), now_ms))

        after, effects = step(window, event, now_ms, machine)
        if after is None:
            message = f"an admitted row left no window: {key}"
            raise RuntimeError(message)
        after.seq = seq
        if company_id is not None:
            after.company_id = company_id
        dropped = self._seen.add(key, after, digest, mark_ms, machine)
        if dropped:
            self._dropped.labels(name).inc(dropped)
        store.put(key, after)
        if not effects and ended is None:
            return ()

        ticket = Ticket(name, row.ticket_id, after.company_id, source.tenant(after.company_id))
        emits = self._emission.effects(ticket, effects, now_ms, record.offset)
        if item is not None and ended is not None:
            if spoken is not None and agent is not None:
                emits.append(self._emission.command(ticket, *spoken, item, agent, source.number(agent)))
            emits += self._emission.suppressed(ticket, ended, [item], now_ms, record.offset)
        return emits

    def _ignore(self, source: str, reason: Ignored) -> Sequence[Effect]:
        self._ignored(source, reason).inc()
        return ()


def _foreign() -> Undecodable:
    code = "foreign_source"
    return Undecodable(code, "no such source is configured")


def _is_sweep(headers: Headers) -> bool:
    return any(name == SWEEP_HEADER and value == b"1" for name, value in headers)

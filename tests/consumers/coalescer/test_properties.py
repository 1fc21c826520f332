"""The coalescer against its reference model, under any order of rows, timers, replays and crashes; and its laws."""

import os
from collections import Counter
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from consumers.coalescer.seen import unpack
from consumers.runtime.metrics import counter
from schemas.config import HOUR, MINUTE, SECOND, Parameters
from schemas.identity import alert_id
from schemas.reasons import Ignored, Mode
from schemas.records import Alert, Outcome, Retraction
from tests.consumers.coalescer.harness import Bench
from tests.consumers.coalescer.reference import Reference

# Under a mutant one failing example is enough: nobody reads the smallest one, and shrinking takes minutes.
PHASES = (Phase.explicit, Phase.generate) if os.environ.get("RECADO_MUTANT") else tuple(Phase)

THOROUGH = settings(
    max_examples=500,
    phases=PHASES,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
QUICK = settings(THOROUGH, max_examples=40, stateful_step_count=40)

LAGS = st.sampled_from([0, 0, 0, 1, 2 * SECOND, MINUTE, 20 * MINUTE, 34 * MINUTE, 36 * MINUTE, 14 * HOUR])
AGES = st.sampled_from([0, 0, 0, 1, 4 * SECOND, 6 * SECOND, 29 * MINUTE, 31 * MINUTE, -2 * MINUTE])
STEPS = st.one_of(
    st.sampled_from(
        [0, 1, SECOND, 3 * SECOND, 10 * SECOND, MINUTE, 8 * MINUTE, 31 * MINUTE, 35 * MINUTE, 20 * HOUR]
    ),
    st.integers(0, 90 * SECOND),
)
MACHINES = st.builds(
    Parameters,
    settle=st.sampled_from([0, 3 * SECOND]),
    window=st.sampled_from([0, 10 * SECOND, 60 * SECOND]),
    max_items=st.sampled_from([1, 3, 20]),
    max_pending=st.sampled_from([20, 500]),
    ticket_cap=st.sampled_from([1, 3, 12]),
    late_grace=st.sampled_from([0, 5 * SECOND]),
)

Sent = tuple[str, int, str, int, int]
_ignored = counter("recado_ignored_total")


def ignored() -> dict[str, float]:
    return {reason: _ignored.labels("wpp", reason)._value.get() for reason in Ignored}


def plain(records: list[Any]) -> list[tuple[object, ...]]:
    """Return records in the reference's words."""
    out: list[tuple[object, ...]] = []
    for r in records:
        if isinstance(r, Alert):
            refs = tuple(i.message_ref for i in r.items)
            out.append(("alert", r.reason, r.ticket_id, r.alert_no, r.alert_id, refs, r.omitted, r.level))
        elif isinstance(r, Outcome):
            assert (r.kind, r.agent, r.tenant) == ("suppressed", None, "wpp/1")
            out.append(("suppressed", r.reason, tuple(r.message_refs)))
        else:
            assert isinstance(r, Retraction)
            out.append(("retraction", r.ticket_id, r.up_to_seq, r.reaction_ref))
    return out


class Machine(RuleBasedStateMachine):
    """Random life of a few tickets; after each step both coalescers must have said the same."""

    sent = Bundle("sent")

    @initialize(target=sent, machine=MACHINES)
    def begin(self, machine: Parameters) -> Sent:
        self.bench = Bench(parameters=machine)
        self.reference = Reference(machine)
        self.number = 0
        self.customers: set[str] = set()
        self.ended: Counter[str] = Counter()
        first = ("customer", 1, "m0", self.bench.now, self.bench.now)
        self.arrive(first)
        return first

    # ── what can happen ───────────────────────────────────────────────────────────────────────────────────

    @rule(
        target=sent,
        person=st.sampled_from(["customer", "customer", "customer", "human", "undecided", "bot"]),
        ticket=st.integers(1, 3),
        lag=LAGS,
        age=AGES,
        sweep=st.sampled_from([False, False, False, True]),
    )
    def a_new_row_arrives(self, person: str, ticket: int, lag: int, age: int, sweep: bool) -> Sent:
        self.number += 1
        ts = self.bench.now - lag
        row = (person, ticket, f"m{self.number}", ts - age, ts)
        self.arrive(row, sweep=sweep)
        return row

    @rule(target=sent, ticket=st.integers(1, 3), count=st.integers(2, 30))
    def a_burst_arrives(self, ticket: int, count: int) -> Any:
        rows: list[Sent] = []
        for _ in range(count):
            self.number += 1
            row = ("customer", ticket, f"m{self.number}", self.bench.now, self.bench.now)
            self.arrive(row)
            rows.append(row)
        return multiple(*rows[:2])

    @rule(row=sent)
    def the_connector_repeats_a_row(self, row: Sent) -> None:
        self.arrive(row)

    @rule(rows=st.lists(sent, min_size=2, max_size=8))
    def the_connector_repeats_rows_in_another_order(self, rows: list[Sent]) -> None:
        for row in rows:
            self.arrive(row)

    @rule(by=STEPS)
    def time_passes(self, by: int) -> None:
        self.bench.advance(by)

    @rule()
    def the_timers_run(self) -> None:
        self.agree(self.bench.tick(), self.reference.timers(self.bench.now))

    @rule(by=STEPS)
    def time_passes_and_the_timers_run(self, by: int) -> None:
        self.bench.advance(by)
        self.the_timers_run()

    @rule()
    def the_process_crashes(self) -> None:
        self.bench.restart()
        self.reference.restart()

    @rule()
    def the_tenant_is_switched(self) -> None:
        now = self.bench.now
        if self.reference.off:
            self.reference.off = False
            self.bench.configure(mode=Mode.ON)
        else:
            self.reference.off, self.reference.disabled_at = True, now
            self.bench.configure(mode=Mode.OFF, disabled_at_ms=now)

    @rule(window=st.sampled_from([10 * SECOND, 60 * SECOND, 300 * SECOND]))
    def the_window_is_set(self, window: int) -> None:
        self.bench.configure(window=window)
        self.reference.p = self.bench.parameters

    # ── what must hold ────────────────────────────────────────────────────────────────────────────────────

    def arrive(self, row: Sent, *, sweep: bool = False) -> None:
        person, ticket, waid, created, ts = row
        ref = f"wpp/{ticket}/{waid}"
        before = ignored()
        out = self.bench.row(
            waid,
            ticket,
            person=person,
            created_ms=created,
            ts_ms=ts,
            headers=[("recado.sweep", b"1")] if sweep else None,
        )
        expected = self.reference.row(person, ticket, waid, created, ts, self.bench.now, sweep=sweep)
        after = ignored()
        skipped = [("ignored", reason) for reason in after if after[reason] > before[reason]]
        admitted = person == "customer" and not skipped
        if admitted:
            assert ref not in self.customers, f"{ref} was admitted twice"
            self.customers.add(ref)
        self.agree(out, [x for x in expected if x[0] != "ignored"])
        assert skipped == [x for x in expected if x[0] == "ignored"]
        if person == "bot":
            assert out == []

    def agree(self, out: list[Any], expected: list[tuple[object, ...]]) -> None:
        assert plain(out) == expected
        for record in out:
            if isinstance(record, Outcome):
                self.ended.update(record.message_refs)
            elif isinstance(record, Alert):
                assert record.alert_id == alert_id("wpp", record.ticket_id, record.items[0].seq)
                assert [i.seq for i in record.items] == sorted({i.seq for i in record.items})
                assert len(record.items) <= self.bench.parameters.max_pending
                self.ended.update(i.message_ref for i in record.items)
            else:
                window = self.bench.window(record.ticket_id)
                assert window is not None
                assert window.alerts_out == 0

    @invariant()
    def every_admitted_message_is_told_or_ended_once_or_still_waits(self) -> None:
        if not hasattr(self, "bench"):
            return
        count = Counter(self.ended)
        for key in list(self.bench.store.data):
            window = self.bench.store.get(key)
            assert window is not None
            count.update(i.message_ref for i in window.pending)
        assert count == Counter(self.customers)

    @invariant()
    def no_window_waits_longer_than_it_may(self) -> None:
        if not hasattr(self, "bench"):
            return
        machine = self.bench.parameters
        for key in list(self.bench.store.data):
            window = self.bench.store.get(key)
            assert window is not None
            if window.phase == "SETTLING":
                assert window.pending
                assert window.due_ms <= max(window.first_ms + machine.max_settle, self.bench.now)
            elif window.phase == "GATHERING":
                assert window.due_ms <= self.bench.now + max(HOUR, machine.max_window)
            else:
                assert not window.pending
                assert window.due_ms <= self.bench.now + machine.seen_keep

    @invariant()
    def both_hold_the_same_windows(self) -> None:
        if not hasattr(self, "bench"):
            return
        held = {}
        for key in list(self.bench.store.data):
            window = self.bench.store.get(key)
            assert window is not None
            held[key] = (
                window.phase,
                window.due_ms,
                [i.message_ref for i in window.pending],
                len(unpack(window.seen)),
            )
        assert held == {
            f"wpp/{number}": (t.phase, t.due, [m.ref for m in t.waiting], len(t.memory))
            for number, t in self.reference.tickets.items()
        }


TestQuick = Machine.TestCase
TestQuick.settings = QUICK


class ThoroughMachine(Machine):
    """The same with as many examples as the laws deserve."""


TestThorough = pytest.mark.slow(ThoroughMachine.TestCase)
TestThorough.settings = settings(THOROUGH, max_examples=int(os.environ.get("RECADO_EXAMPLES", "500")))

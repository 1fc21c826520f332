"""A random world around the sender: the laws hold after every step, and in a healed world nothing stays behind."""

import os
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from consumers.sender import keys
from consumers.sender.quiet import quiet_end
from consumers.sender.work import Resolve
from provider.api import Accepted, Rejected, Unknown
from provider.api import Scope as Scopes
from schemas.config import HOUR, MINUTE, SECOND
from schemas.quiet import QuietHours, QuietRange, written
from schemas.reasons import Mode, Rejection
from schemas.records import Alert, Control, Header, OutboxEntry, Receipt, Retraction, Scope
from tests.consumers.sender import reference
from tests.consumers.sender.world import LANE, Reply, World, accepted, agent, rejected

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
QUICK = settings(THOROUGH, max_examples=40, stateful_step_count=30)

TICKETS = st.sampled_from([7, 8])
USERS = st.sampled_from([1, 2, 3, 4])
TIMES = st.one_of(
    st.sampled_from([0, 1, SECOND, 3 * SECOND, 6 * SECOND, 20 * SECOND, MINUTE, 10 * MINUTE, 5 * HOUR]),
    st.integers(0, 30 * SECOND),
)
SCOPES: tuple[Scopes, ...] = ("recipient", "gateway")


def refused_by(kind: Rejection, scope: Scopes) -> Callable[[str], Reply]:
    return lambda _: Reply(Rejected(kind, "x", scope=scope), seen=False)


REPLIES = {
    "accepted": accepted,
    "accepted, answer lost": lambda i: Reply(Accepted(f"wamid.{i}"), lost=True),
    "hung": lambda _: Reply(seen=False, lost=True),
    "unknown, seen": lambda _: Reply(Unknown("reset")),
    "unknown, not seen": lambda _: Reply(Unknown("timeout"), seen=False),
    **{str(kind): rejected(kind, retry_after_ms=2_000) for kind in Rejection},
    **{
        f"{kind} of the {scope}": refused_by(kind, scope)
        for kind in (Rejection.TRANSIENT, Rejection.PERMANENT_CONFIG, Rejection.SESSION_DOWN)
        for scope in SCOPES
    },
    "accepted elsewhere": lambda i: Reply(Accepted(f"wamid.{i}", address_used="5511900000042@s.whatsapp.net")),
}

REPLY_KINDS = st.lists(st.sampled_from(sorted(REPLIES)), max_size=4)


class Life(RuleBasedStateMachine):
    """Two tickets, five agents, one channel; everything that can happen to them, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.auto = False
        self.world.tenant(machine={"unknown_wait_receipts": 60 * SECOND})
        self.alerts: list[Alert] = []
        self.answered: dict[int, int] = {}
        self.marked: set[tuple[str, str]] = set()

    # ── customers and agents ──────────────────────────────────────────────────────────────────────────────

    def write(self, number: int, count: int) -> None:
        ticket = self.world.tickets.get(number)
        if ticket is not None and ticket.status == "closed":
            self.world.ticket(number, status="pending", user_id=None)
        self.alerts.append(self.world.alert(number, *(f"t{i}" for i in range(count))))

    @rule(number=TICKETS, count=st.integers(1, 3))
    def a_customer_writes(self, number: int, count: int) -> None:
        self.write(number, count)

    @rule(numbers=st.lists(TICKETS, min_size=1, max_size=3), kinds=REPLY_KINDS, ms=TIMES)
    def customers_write_and_the_provider_has_moods(self, numbers: list[int], kinds: list[str], ms: int) -> None:
        self.world.replies.extend(REPLIES[kind] for kind in kinds)
        for number in numbers:
            self.write(number, 1)
        self.everything_is_done(ms)

    @rule(data=st.data())
    @precondition(lambda self: self.alerts)
    def an_alert_comes_twice(self, data: st.DataObject) -> None:
        alert = data.draw(st.sampled_from(self.alerts))
        if self.world.now_ms - alert.fired_ms < 20 * HOUR:
            self.world.record(alert)

    @rule(data=st.data())
    @precondition(lambda self: self.alerts)
    def a_person_answers(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.alerts[-3:]).flatmap(lambda alert: st.sampled_from(alert.items)))
        number = int(item.message_ref.split("/")[1])
        self.answered[number] = max(self.answered.get(number, 0), item.seq)
        self.world.record(
            Retraction(
                lane=LANE, source="vps1", ticket_id=number, up_to_seq=item.seq, reaction_ref="r", created_ms=0
            )
        )

    @rule(number=TICKETS, user=st.one_of(st.none(), USERS), members=st.sets(USERS), queue=st.booleans())
    def a_ticket_is_reassigned(self, number: int, user: int | None, members: set[int], queue: bool) -> None:
        members = members if queue else set()
        self.world.ticket(
            number,
            user_id=user,
            queue_id=1 if queue else None,
            queue_name="Suporte",
            queue_members=tuple(sorted(members)),
        )

    @rule(number=TICKETS, user=USERS, ms=TIMES)
    def a_ticket_is_passed_on_while_somebody_pauses(self, number: int, user: int, ms: int) -> None:
        self.world.agent(user, paused_until_ms=self.world.now_ms + ms)
        self.world.ticket(number, user_id=user)

    @rule(
        number=TICKETS,
        what=st.sampled_from([{"status": "closed"}, {"chatbot": True}, {"chatbot": False}, {"is_group": True}]),
    )
    def a_ticket_changes(self, number: int, what: dict[str, Any]) -> None:
        self.world.ticket(number, is_group=False)
        self.world.ticket(number, **what)

    @rule(data=st.data(), what=st.sampled_from(["read", "deleted"]))
    @precondition(lambda self: self.alerts)
    def a_row_is_read_or_deleted(self, data: st.DataObject, what: str) -> None:
        alert = data.draw(st.sampled_from(self.alerts[-3:]))
        self.world.row(data.draw(st.sampled_from(alert.items)).message_ref, **{what: True})

    @rule(number=TICKETS)
    def a_ticket_vanishes(self, number: int) -> None:
        self.world.tickets.pop(number, None)

    # ── settings and operators ────────────────────────────────────────────────────────────────────────────

    @rule(user=USERS, on=st.booleans())
    def an_agent_is_switched(self, user: int, on: bool) -> None:
        changes: dict[str, Any] = {} if on else {"disabled_at_ms": self.world.now_ms}
        self.world.agent(user, notify_on_new_message=on, **changes)

    @rule(user=USERS)
    def an_agent_gets_another_number(self, user: int) -> None:
        self.world.agent(user, number=f"+55118{self.world.now_ms % 10**8:08d}")

    @rule(user=USERS, brazilian=st.booleans())
    def an_agent_gets_a_number_with_two_forms_or_one(self, user: int, brazilian: bool) -> None:
        number = f"+55119{8_000_0000 + user}" if brazilian else f"+35191234567{user}"
        self.world.agent(user, number=number, address=None, address_source=None, suspended_at_ms=0)

    @rule(user=USERS, start=st.integers(0, 23), hours=st.integers(1, 12))
    def an_agents_night_is_another(self, user: int, start: int, hours: int) -> None:
        night = QuietRange(written(start * 60), written((start + hours) % 24 * 60))
        self.world.agent(user, quiet_hours=msgspec.json.encode(QuietHours((night,), "America/Sao_Paulo")).decode())

    @rule(mode=st.sampled_from([Mode.SHADOW, Mode.OFF]), ms=TIMES)
    def the_tenant_is_not_on_for_a_while(self, mode: Mode, ms: int) -> None:
        changes: dict[str, Any] = {"disabled_at_ms": self.world.now_ms} if mode == Mode.OFF else {}
        self.world.tenant(mode=mode, **changes)
        self.world.run(ms)
        self.write(7, 1)
        self.everything_is_done(0)
        self.world.tenant(mode=Mode.ON)

    @rule(first_only=st.booleans(), fan_out=st.integers(1, 3), policy=st.sampled_from(["resend", "dead"]))
    def the_tenant_changes_its_rules(self, first_only: bool, fan_out: int, policy: str) -> None:
        self.world.tenant(first_only=first_only, fan_out=fan_out, unknown_policy=policy)

    @rule(
        action=st.sampled_from(["pause", "probe", "purge", "config", "erase"]),
        user=st.one_of(st.none(), USERS),
        ms=TIMES,
    )
    def an_operator_acts(self, action: Any, user: int | None, ms: int) -> None:
        scope = Scope(agent=agent(user)) if user else Scope(channel="main")
        for doing in (action, "resume"):
            self.world.record(Control(lane=LANE, action=doing, scope=scope, by="test", at_ms=self.world.now_ms))
            self.world.run(ms)

    @rule(data=st.data(), new_number=st.booleans())
    @precondition(lambda self: self.world.dead)
    def a_dead_letter_is_put_back_thrice(self, data: st.DataObject, new_number: bool) -> None:
        letter = data.draw(st.sampled_from(self.world.dead[-4:]))
        letter.new_number = new_number
        for _ in range(3):
            self.world.record(letter)

    # ── the outside ───────────────────────────────────────────────────────────────────────────────────────

    @rule(ms=TIMES)
    def the_directory_is_down_for_a_while(self, ms: int) -> None:
        self.world.directory_down = True
        self.write(8, 1)
        self.everything_is_done(ms)
        self.world.directory_down = False

    @rule(kinds=REPLY_KINDS)
    def the_provider_will_answer(self, kinds: list[str]) -> None:
        self.world.replies.extend(REPLIES[kind] for kind in kinds)

    @rule(receipts=st.booleans(), templates=st.booleans(), down=st.booleans())
    def the_provider_reports_or_not(self, receipts: bool, templates: bool, down: bool) -> None:
        self.world.receipts, self.world.templates, self.world.database_down = receipts, templates, down

    @rule(
        data=st.data(), rank=st.sampled_from([1, 2, 3, -1, -1]), kind=st.sampled_from([None, *map(str, Rejection)])
    )
    @precondition(lambda self: self.world.phones)
    def a_receipt_comes(self, data: st.DataObject, rank: int, kind: str | None) -> None:
        seen = data.draw(st.sampled_from(self.world.phones[-3:]))
        self.world.record(
            Receipt(
                lane=LANE,
                channel_id="main",
                notification_id=data.draw(st.sampled_from([None, seen.notification_id])),
                provider_message_id=f"wamid.{seen.notification_id}",
                rank=rank,
                status=f"status {rank}",
                kind=kind if rank < 0 else None,
            )
        )

    # ── time and the process ──────────────────────────────────────────────────────────────────────────────

    @rule(ms=TIMES)
    def time_passes(self, ms: int) -> None:
        self.world.run(ms)

    @rule(which=st.integers(0, 3))
    @precondition(lambda self: self.world.asked)
    def a_look_up_is_answered(self, which: int) -> None:
        asked = self.world.asked
        asked.rotate(-which)
        work = asked.popleft()
        before = self.in_flight()
        self.world.answer(work)
        self.marked_for_good_reason(work, before)

    @rule(which=st.integers(0, 3))
    @precondition(lambda self: self.world.marked)
    def a_message_is_sent(self, which: int) -> None:
        self.world.marked.rotate(-which)
        self.world.send(self.world.marked.popleft())

    @rule(ms=TIMES)
    def everything_under_way_is_done(self, ms: int) -> None:
        self.everything_is_done(ms)

    def everything_is_done(self, ms: int) -> None:
        self.world.auto = True
        self.world.run(ms)
        self.world.auto = False

    @rule()
    def the_process_crashes(self) -> None:
        self.world.crash()

    # ── what must hold ────────────────────────────────────────────────────────────────────────────────────

    def in_flight(self) -> dict[str, str]:
        """Agent -> notification in flight."""
        return {
            key[2:]: value.sending.notification_id
            for key, value in self.world.state().items()
            if isinstance(value, Header) and value.sending is not None
        }

    def marked_for_good_reason(self, work: Resolve, before: dict[str, str]) -> None:
        """Whatever the answer made leave may be told, as the world stands in this moment."""
        if self.world.directory_down:
            return
        for who, notification in self.in_flight().items():
            if before.get(who) == notification:
                continue
            header = self.world.store.get(keys.header(who))
            assert isinstance(header, Header)
            assert header.sending is not None
            for alert_id in header.sending.alert_ids:
                entry = self.world.store.get(keys.entry(who, alert_id))
                assert isinstance(entry, OutboxEntry)
                me = next(a for a in self.world.config.agents if a.agent == who)
                assert quiet_end(me, self.world.config.tenants[0], self.world.now_ms) is None, "told in the night"
                for item in entry.items:
                    ticket = self.world.tickets.get(entry.ticket_id)
                    assert reference.objections(self.world.config, ticket, who, item) == []
                    assert item.seq > self.answered.get(entry.ticket_id, 0), "told of what was answered"

    @invariant()
    def the_laws_hold(self) -> None:
        self.world.check()

    @invariant()
    def only_what_was_answered_is_suppressed_as_answered(self) -> None:
        seqs = {item.message_ref: item.seq for alert in self.alerts for item in alert.items}
        for outcome in self.world.outcomes:
            if outcome.reason == "answered":
                for ref in outcome.message_refs:
                    assert seqs[ref] <= self.answered.get(outcome.ticket_id, 0)

    def teardown(self) -> None:
        """In a healed world everything that waits ends, without a crash in between."""
        world = self.world
        world.replies.clear()
        world.reply = accepted
        world.directory_down = world.database_down = False
        world.record(Control(lane=LANE, action="probe", scope=Scope(channel="main"), by="test", at_ms=0))
        for user in (1, 2, 3, 4, 5):
            for scope in (Scope(agent=agent(user)), Scope(channel="main")):
                world.record(Control(lane=LANE, action="resume", scope=scope, by="test", at_ms=0))
            world.agent(user, paused_until_ms=0, quiet_hours=None)
        world.auto = True
        world.run(6 * HOUR)
        world.check()
        waiting = {
            key: value.phase
            for key, value in world.state().items()
            if isinstance(value, OutboxEntry) and value.phase not in {"SENT", "DEAD"}
        }
        assert waiting == {}
        assert [k for k, v in world.state().items() if isinstance(v, Header) and v.due_ms is not None] == []


def test_the_laws_hold_in_any_life() -> None:
    run_state_machine_as_test(Life, settings=QUICK)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_laws_hold_in_many_long_lives() -> None:
    run_state_machine_as_test(Life, settings=THOROUGH)

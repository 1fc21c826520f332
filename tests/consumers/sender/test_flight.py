"""Rows S15, S15s, S22-S25: marker, lease, and what is done when nobody knows."""

from dataclasses import replace

import pytest

from consumers.runtime.api import AfterCommit, Answer, Ask, NeverStarted
from consumers.sender.work import NotStarted, Send
from provider.api import Accepted, Unknown
from schemas.config import MINUTE, SECOND
from schemas.identity import notification_id
from schemas.reasons import Mode, Rejection
from schemas.records import Header, Retraction
from tests.consumers.sender.world import LANE, START, Reply, World, agent, rejected, snapshot


def hung(_: str) -> Reply:
    return Reply(seen=False, lost=True)


def lost(identity: str) -> Reply:
    return Reply(Accepted(identity), lost=True)


def test_s15_a_channel_that_is_removed_before_http_starts_leaves_no_doubt() -> None:
    world = World()
    world.auto = False
    world.alert()
    world.step()
    world.run(5 * SECOND)
    world.configure(channels=())
    world.step()
    assert world.header().sending is None
    world.auto = True
    world.run(MINUTE)
    assert world.header().hold_reason == "configuration"
    world.configure(channels=snapshot().channels)
    world.run(MINUTE)
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]
    assert [o.flags for o in world.outcomes if o.kind == "sent"] == [[]]
    world.check()


def test_s25_a_channel_that_is_removed_before_a_resend_ends_it_as_unknown() -> None:
    world = World()
    world.replies.append(lambda _: Reply(Unknown("reset")))
    world.auto = False
    world.alert()
    world.step()
    world.send(world.marked.popleft())
    world.run(1)
    world.configure(channels=())
    world.run(5 * SECOND)
    while world.asked or world.marked:
        world.step()
    world.auto = True
    world.run(MINUTE)
    assert world.story() == [("assigned", 1, None), ("dead", 1, "unknown")]
    world.check()


def test_s15_the_marker_holds_the_bytes_before_http_starts() -> None:
    world = World()
    world.auto = False
    alert = world.alert(7, "oi")
    world.step()
    header, sending = world.header(), world.header().sending
    assert sending is not None
    assert (sending.notification_id, sending.body) == (notification_id(agent(1), START), "#7: oi")
    assert (sending.started_ms, sending.deadline_ms) == (world.now_ms, world.now_ms + 17 * SECOND)
    assert header.due_ms == sending.deadline_ms
    entry = world.entry(alert)
    assert entry is not None
    assert (entry.phase, entry.notification_id) == ("SENDING", sending.notification_id)
    assert world.phones == []
    begun = [effect for effect in world.effects if isinstance(effect, Ask | AfterCommit)]
    assert [(type(one), type(one.work)) for one in begun][-1] == (AfterCommit, Send)


def test_s15_an_old_marker_is_made_again_and_nothing_is_sent_for_the_first_one() -> None:
    world = World()
    world.auto = False
    world.alert()
    world.step()
    world.run(5 * SECOND)
    world.step()
    assert world.phones == []
    assert list(world.marked) == []
    world.auto = True
    world.run(SECOND)
    assert [phone.notification_id for phone in world.phones] == [notification_id(agent(1), START + 1)]
    assert world.story() == [("assigned", 1, None), ("sent", 1, None)]


def test_s15s_shadow_decides_everything_and_sends_nothing() -> None:
    world = World()
    world.tenant(mode=Mode.SHADOW, channel_id=None)
    alert = world.alert(7, "oi")
    sent = world.outcomes[-1]
    assert (sent.kind, sent.flags, sent.text_len, sent.notification_id) == (
        "sent",
        ["shadow"],
        len("#7: oi"),
        notification_id(agent(1), START),
    )
    assert len(sent.text_hash or "") == 16
    assert (world.phones, world.entry(alert), world.header().cap_count) == ([], None, 1)
    world.check()


@pytest.mark.parametrize("after", ["look-up", "marker", "accept"])
def test_a_crash_loses_nothing_and_doubles_only_with_a_flag(after: str) -> None:
    world = World()
    world.auto = False
    world.alert()
    if after != "look-up":
        world.step()
    if after == "accept":
        world.replies.append(lost)
        world.step()
    world.crash()
    world.auto = True
    world.run(MINUTE)
    story = world.story()
    assert story == [("assigned", 1, None), ("sent", 1, None)]
    flags = {"look-up": [], "marker": ["maybe_duplicate"], "accept": ["maybe_duplicate"]}
    assert world.outcomes[-1].flags == flags[after]
    assert len(world.phones) == (2 if after == "accept" else 1)
    assert len({seen.notification_id for seen in world.phones}) == 1
    world.check()


def test_s22_a_reset_after_write_waits_for_a_receipt_where_there_are_any() -> None:
    world = World(receipts=True)
    world.replies.append(lambda _: Reply(Unknown("reset")))
    alert = world.alert()
    entry = world.entry(alert)
    assert entry is not None
    assert entry.phase == "UNKNOWN"
    assert world.header().due_ms == world.now_ms + 60 * SECOND
    world.run(59 * SECOND)
    assert len(world.phones) == 1


def test_s24_an_unknown_attempt_that_was_answered_meanwhile_is_not_sent_again() -> None:
    world = World(receipts=True)
    world.replies.append(hung)
    alert = world.alert()
    world.record(
        Retraction(
            lane=LANE, source="vps1", ticket_id=7, up_to_seq=alert.items[-1].seq, reaction_ref="r", created_ms=0
        )
    )
    world.run(2 * MINUTE)
    assert world.story() == [("assigned", 1, None), ("suppressed", 1, "answered")]
    assert world.outcomes[-1].flags == ["maybe_sent"]
    world.check()


def test_s25_an_unknown_attempt_is_sent_once_more_with_the_same_bytes_and_id() -> None:
    world = World()
    world.replies.extend([hung, hung])
    world.alert(7, "oi")
    world.run(MINUTE)
    assert world.story() == [("assigned", 1, None), ("dead", 1, "unknown")]
    assert world.outcomes[-1].flags == ["maybe_duplicate", "maybe_sent"]
    assert [o.reason for o in world.outcomes if o.kind == "attempt"] == ["unknown", "unknown"]
    world.check()


def test_s25_the_end_of_a_notice_that_the_phone_may_have_seen_twice_says_so() -> None:
    world = World()
    world.replies.extend([lost, lost])
    world.alert(7, "oi")
    world.run(MINUTE)
    assert len(world.phones) == 2
    assert (world.outcomes[-1].kind, world.outcomes[-1].flags) == ("dead", ["maybe_duplicate", "maybe_sent"])
    world.check()


def test_s25_the_policy_may_forbid_it() -> None:
    world = World()
    world.tenant(unknown_policy="dead")
    world.replies.append(lost)
    world.alert()
    world.run(MINUTE)
    assert world.story() == [("assigned", 1, None), ("dead", 1, "unknown")]
    assert len(world.phones) == 1
    world.check()


def test_s25_after_an_unknown_attempt_every_further_one_is_flagged() -> None:
    world = World()
    world.replies.extend([lambda _: Reply(Unknown("reset")), rejected(Rejection.TRANSIENT)])
    world.alert()
    world.run(MINUTE)
    assert [o.flags for o in world.outcomes if o.kind == "sent"] == [["maybe_duplicate"]]
    assert len(world.phones) == 2
    world.check()


def test_a_result_of_an_attempt_that_is_settled_changes_nothing() -> None:
    world = World()
    world.auto = False
    world.alert()
    world.step()
    work = world.marked[0]
    world.step()
    before = world.state()
    world.handle(Answer(work, NotStarted()))
    assert world.state() == before
    assert isinstance(before[f"o/{agent(1)}"], Header)


@pytest.mark.parametrize(("result", "error"), [(NotStarted(), None), (None, NeverStarted("partition left"))])
def test_an_attempt_that_certainly_did_not_begin_is_marked_again_and_not_unknown(
    result: NotStarted | None, error: NeverStarted | None
) -> None:
    world = World()
    world.auto = False
    world.alert(1)
    world.step()
    first = world.marked.popleft()
    world.handle(Answer(first, result, error))
    assert "attempt" not in [outcome.kind for outcome in world.outcomes]
    world.auto = True
    world.run(SECOND)
    assert [o.attempt for o in world.outcomes if o.kind == "sent"] == [1]
    assert len(world.phones) == 1
    world.check()


def test_that_an_earlier_marker_never_began_says_nothing_of_the_one_in_force() -> None:
    """Its transaction was perhaps not committed: then the next marker has the same id and the same number."""
    world = World()
    world.auto = False
    world.alert(1)
    world.step()
    work = world.marked[0]
    earlier = replace(work, marked_ms=work.marked_ms - 1)
    before = world.state()
    world.handle(Answer(earlier, error=NeverStarted("partition left")))
    assert world.state() == before
    world.auto = True
    world.run(SECOND)
    assert len(world.phones) == 1
    world.check()


def test_what_was_switched_off_while_a_marker_grew_old_is_not_sent() -> None:
    world = World()
    world.auto = False
    world.alert(1)
    world.step()
    world.tenant(mode=Mode.OFF)
    world.handle(Answer(world.marked.popleft(), NotStarted()))
    world.auto = True
    world.run(MINUTE)
    assert world.phones == []
    assert [o.reason for o in world.outcomes if o.kind == "suppressed"] == ["tenant_disabled"]
    world.check()

"""The adapter: codecs, leases, timeouts, and what the world's failures become."""

import asyncio
from random import Random
from typing import Any

import pytest

from cdc.flavours.api import LiveTicket
from consumers.directory.api import DirectoryDown, TicketQuestion
from consumers.runtime.api import Record, Undecodable
from consumers.sender.app import SenderApp
from consumers.sender.processor import decode
from consumers.sender.work import NotStarted, Resolve, Send, Sent
from formatter.render import render
from provider.api import Abilities, Accepted, Address, Rejected, Unknown
from schemas.clock import ManualClock
from schemas.codec import encode
from schemas.config import ChannelConfig, StaticConfig
from schemas.errors import Fatal, Invalid
from schemas.reasons import Rejection
from schemas.records import Alert, Channel, Header, Known, OutboxEntry, Paused
from tests.consumers.sender.world import CELL, HOME, LANE, World, snapshot


class FakeDirectory:
    def __init__(self, delay_s: float = 0) -> None:
        self.delay_s = delay_s

    async def ticket(self, question: TicketQuestion) -> LiveTicket | None:
        await asyncio.sleep(self.delay_s)
        return None

    async def close(self) -> None:
        pass


class FakeProvider:
    abilities = Abilities(receipts=True)

    def __init__(self, delay_s: float = 0) -> None:
        self.calls: list[tuple[str, Address, str, float]] = []
        self.delay_s = delay_s

    async def send(self, message: Any, to: Address, attempt_id: str, timeout_s: float) -> Accepted:
        self.calls.append((message.body, to, attempt_id, timeout_s))
        await asyncio.sleep(self.delay_s)
        return Accepted("wamid.1")

    async def health(self) -> Any: ...

    async def exists(self, number: str) -> Any: ...

    def parse_receipt(self, headers: Any, raw: bytes) -> Any: ...


def app(provider: Any = None, directory: Any = None) -> tuple[SenderApp, ManualClock]:
    clock = ManualClock()
    config = StaticConfig(snapshot())
    make = provider if callable(provider) else lambda _: provider or FakeProvider()
    made = SenderApp(
        CELL, lambda: config, directory or FakeDirectory(), make, render, "0.1.0", Random(1), clock=clock
    )
    return made, clock


def send(clock: ManualClock, **changes: Any) -> Send:
    fields: dict[str, Any] = {
        "agent": f"{LANE}/1",
        "notification_id": "n1",
        "attempt": 1,
        "resends": 0,
        "marked_ms": clock.now_ms(),
        "lease_ms": 5_000,
        "timeout_ms": 10_000,
        "channel": ChannelConfig("main", "sandbox"),
        "address": Address("+5511987654321"),
        "body": "oi",
    }
    return Send(**(fields | changes))


def test_a_send_within_the_lease_reaches_the_provider() -> None:
    provider = FakeProvider()
    sender, clock = app(provider)
    sent = asyncio.run(sender.perform(send(clock)))
    assert isinstance(sent, Sent)
    assert sent.result == Accepted("wamid.1")
    assert provider.calls == [("oi", Address("+5511987654321"), "n1", 10.0)]


def test_a_send_with_an_old_marker_never_starts() -> None:
    provider = FakeProvider()
    sender, clock = app(provider)
    work = send(clock)
    clock.advance(5_000)
    assert asyncio.run(sender.perform(work)) == NotStarted()
    assert provider.calls == []


def test_a_provider_that_never_comes_back_is_unknown() -> None:
    sender, clock = app(FakeProvider(delay_s=60))
    sent = asyncio.run(sender.perform(send(clock, timeout_ms=-950)))
    assert sent.result == Unknown("timeout")


def test_a_channel_that_cannot_be_made_holds_instead_of_burning_attempts() -> None:
    def broken(_: ChannelConfig) -> Any:
        raise Invalid("RCD-306", "no token")

    sender, clock = app(broken)
    sent = asyncio.run(sender.perform(send(clock)))
    assert sent.result == Rejected(Rejection.PERMANENT_CONFIG, "RCD-306")
    assert not sender.receipts(ChannelConfig("main", "sandbox"))


def test_a_provider_is_made_once_a_configuration() -> None:
    made: list[ChannelConfig] = []

    def make(channel: ChannelConfig) -> FakeProvider:
        made.append(channel)
        return FakeProvider()

    sender, _ = app(make)
    for channel in (ChannelConfig("main", "a"), ChannelConfig("main", "a"), ChannelConfig("main", "b")):
        assert sender.receipts(channel)
    assert [channel.provider for channel in made] == ["a", "b"]


def test_a_look_up_that_takes_too_long_is_a_directory_that_is_down() -> None:
    sender, clock = app(directory=FakeDirectory(delay_s=60))
    work = Resolve("u/x", (TicketQuestion("vps1", 7, ("m1",)),), clock.now_ms(), timeout_ms=1)
    with pytest.raises(DirectoryDown, match="vps1 did not answer in 1 ms"):
        asyncio.run(sender.perform(work))


def test_a_look_up_answers_by_ticket() -> None:
    sender, clock = app()
    questions = tuple(TicketQuestion("vps1", number, ()) for number in (7, 8))
    found = asyncio.run(sender.perform(Resolve("u/x", questions, clock.now_ms(), 2_000)))
    assert found == {7: None, 8: None}


@pytest.mark.parametrize(
    ("key", "value", "due"),
    [
        ("o/vps1/1/1", Header(due_ms=5), 5),
        ("o/vps1/1/1", Header(), None),
        ("c/main", Channel(due_ms=7), 7),
        ("k/vps1/7", Known(alerts=[1], due_ms=8), 8),
        ("p/agent/vps1/1/1", Paused(by="ana", since_ms=1), None),
    ],
)
def test_values_survive_their_bytes_with_their_timers(key: str, value: Any, due: int | None) -> None:
    sender, _ = app()
    raw = sender.encode(value)
    assert sender.decode(key, raw) == value
    assert sender.due_ms(value) == sender.peek_due_ms(key, raw) == due


@pytest.mark.parametrize(
    ("phase", "timed"),
    [("UNRESOLVED", True), ("HELD", False), ("SENDING", False), ("UNKNOWN", False), ("SENT", True), ("DEAD", True)],
)
def test_entries_in_an_outbox_have_no_timer_of_their_own(phase: Any, timed: bool) -> None:
    sender, _ = app()
    entry = OutboxEntry(phase=phase, due_ms=9, source="vps1", ticket_id=7, company_id=1, items=[])
    raw = sender.encode(entry)
    assert sender.due_ms(entry) == sender.peek_due_ms("e/vps1/1/1/a", raw) == (9 if timed else None)


@pytest.mark.parametrize(("key", "raw"), [("o/a", b'{"v":2}'), ("o/a", b"[]"), ("z/a", b"{}")])
def test_state_of_another_release_is_refused(key: str, raw: bytes) -> None:
    sender, _ = app()
    with pytest.raises(Fatal, match="RCD-205"):
        sender.decode(key, raw)


@pytest.mark.parametrize(
    ("value", "code"),
    [(None, "tombstone"), (b"\xff", "foreign"), (b'{"type":"cake"}', "foreign"), (b'{"a":1}', "foreign")],
)
def test_foreign_records_are_dead_lettered_byte_for_byte(value: bytes | None, code: str) -> None:
    sender, clock = app()
    record = Record(CELL.alerts, 3, 42, 7, b"key", value, [("h", b"1")])
    with pytest.raises(Undecodable) as caught:
        decode(record)
    assert caught.value.code == code
    emit = sender.dead_letter(record, caught.value, clock.now_ms())
    assert (emit.topic, emit.key, emit.value, emit.partition, emit.timestamp_ms) == (CELL.dlq, b"key", value, 3, 7)
    assert emit.headers[0] == ("h", b"1")
    assert dict(emit.headers)["dlq.error.code"] == code.encode()


def test_an_undecodable_record_changes_nothing() -> None:
    world = World()
    with pytest.raises(Undecodable):
        world.handle(Record(CELL.alerts, HOME, 1, world.now_ms, b"k", b"nonsense"))
    assert world.state() == {}


def test_a_record_of_a_later_version_is_not_guessed_at() -> None:
    alert = Alert(
        v=99, alert_id="a", lane=LANE, source="s", ticket_id=1, company_id=1, alert_no=1, reason="lead", items=[]
    )
    with pytest.raises(Undecodable, match="version"):
        decode(Record(CELL.alerts, HOME, 1, 1, b"k", encode(alert)))


def test_a_refused_configuration_is_read_anew_for_the_next_attempt() -> None:
    made: list[FakeProvider] = []

    class Expired(FakeProvider):
        async def send(self, *_: Any) -> Any:
            return Rejected(Rejection.PERMANENT_CONFIG, "190", 401, scope="account")

    def make(_: ChannelConfig) -> FakeProvider:
        made.append(FakeProvider() if made else Expired())
        return made[-1]

    sender, clock = app(make)
    results = [asyncio.run(sender.perform(send(clock))).result for _ in range(3)]
    assert (
        results == [Rejected(Rejection.PERMANENT_CONFIG, "190", 401, scope="account")] + [Accepted("wamid.1")] * 2
    )
    assert len(made) == 2

"""The coalescer as the runtime sees it: state bytes, timers, dead letters."""

import asyncio

import pytest

from consumers.coalescer.app import CoalescerApp
from consumers.coalescer.seen import pack
from consumers.dlq.headers import parse
from consumers.runtime.api import Answer, App, ConfigChanged, Due, Emit, MemoryStore, Record, Undecodable
from schemas.codec import encode
from schemas.config import SECOND, Snapshot, StaticConfig
from schemas.errors import Fatal
from schemas.records import Item, Window
from tests.consumers.coalescer.harness import CELL, START, Bench, brief

APP = CoalescerApp(CELL, lambda: StaticConfig(Snapshot()), "1.2.3")
WINDOW = Window(
    phase="SETTLING",
    due_ms=START + 3,
    company_id=1,
    pending=[Item("wpp/1/m1", "m1", START, START, START)],
    seen=pack([(b"\xff" * 8, START)]),
)


def test_it_is_an_app_of_the_runtime_on_the_cells_topics() -> None:
    app: App[Window] = APP
    assert (app.name, app.input_topic, app.changelog_topic, app.dead_letter_topic, app.state_format) == (
        "coalescer",
        "recado.test.messages",
        "recado.test.coalescer.changelog",
        "recado.test.cdc.dlq",
        2,
    )


def test_a_window_survives_its_encoding_and_its_due_time_is_seen_without_decoding_it() -> None:
    raw = APP.encode(WINDOW)
    assert APP.decode("wpp/1", raw) == WINDOW
    assert (APP.due_ms(WINDOW), APP.peek_due_ms("wpp/1", raw)) == (START + 3, START + 3)


def test_a_window_of_a_newer_release_with_more_fields_is_read() -> None:
    raw = APP.encode(WINDOW).replace(b'"phase"', b'"mood":"good","phase"')
    assert APP.decode("wpp/1", raw) == WINDOW


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b'{"v":1,"phase":"SETTLING","due_ms":1,"seen":[[5,7]]}', "version 1"),
        (b'{"v":3,"stage":7}', "version 3"),
        (b"nonsense", "not readable"),
    ],
)
def test_state_of_an_unknown_version_is_refused(raw: bytes, says: str) -> None:
    with pytest.raises(Fatal, match=says) as refused:
        APP.decode("wpp/1", raw)
    assert refused.value.code == "RCD-205"


@pytest.mark.parametrize("raw", [b'{"v":3,"stage":7}', b'{"v":1,"phase":"STUB","due_ms":1}'])
def test_state_of_another_version_is_refused_when_it_is_restored_before_any_row(raw: bytes) -> None:
    with pytest.raises(Fatal) as refused:
        APP.peek_due_ms("wpp/1", raw)
    assert refused.value.code == "RCD-205"


def test_a_timer_that_comes_early_or_for_a_forgotten_ticket_does_nothing() -> None:
    bench = Bench()
    bench.row("m1")
    before = dict(bench.store.data)
    handle = bench.processor.handle
    assert [*handle(Due("wpp/1"), bench.store, START), *handle(Due("wpp/2"), bench.store, START)] == []
    assert bench.store.data == before


def test_what_arrives_between_two_ticks_belongs_to_one_alert_even_with_settle_zero() -> None:
    bench = Bench()
    bench.configure(settle=0)
    bench.row("m1")
    bench.row("m2")
    assert brief(bench.tick()) == [("lead", "m1 m2")]


def test_overdue_windows_fire_once_after_a_restart() -> None:
    bench = Bench()
    bench.row("m1")
    bench.restart()
    assert brief(bench.pass_time(600 * SECOND)) == [("lead", "m1")]
    assert bench.tick() == []


def test_other_events_of_the_runtime_change_nothing() -> None:
    bench = Bench()
    for event in (ConfigChanged(), Answer(work=None)):
        assert list(bench.processor.handle(event, bench.store, START)) == []


def test_it_works_on_a_store_that_keeps_objects() -> None:
    bench = Bench()
    store: MemoryStore[Window] = MemoryStore()
    bench.store = store  # type: ignore[assignment]
    bench.row("m1")
    bench.row("m2", 1)
    assert [i.row_id for w in store.data.values() for i in w.pending] == ["m1", "m2"]


def test_a_dead_letter_keeps_the_original_and_says_why_in_headers() -> None:
    original = Record("t", 5, 99, START - 7, b"\x00key", b"\xffvalue", [("a", b"1"), ("dlq.replay_count", b"2")])
    emit = APP.dead_letter(original, Undecodable("not_json", "unexpected: byte, at 3\n"), START)

    assert emit == Emit("recado.test.cdc.dlq", b"\x00key", b"\xffvalue", emit.headers, 5, START - 7)
    assert emit.headers[0] == ("a", b"1")
    letter = parse(emit.headers)
    assert letter is not None
    assert encode(letter) == encode(
        {
            "topic": "t",
            "partition": 5,
            "offset": 99,
            "timestamp_ms": START - 7,
            "group": "recado.test.coalescer",
            "stage": "coalescer",
            "code": "not_json",
            "error_class": "Undecodable",
            "message": "unexpected byte at 3",
            "attempts": 1,
            "first_failed_ms": START,
            "failed_ms": START,
            "replay_count": 2,
            "app_version": "1.2.3",
            "notification_id": None,
        }
    )


def test_it_asks_nobody() -> None:
    with pytest.raises(NotImplementedError):
        asyncio.run(APP.perform(None))

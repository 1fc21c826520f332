"""Decoding of Debezium's change events."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from cdc.change import Change, ChangeError, Row, SourceBlock, created_ms, decode
from tests.cdc.samples import HERE, records

SOURCE = {"name": "loja", "ts_ms": 5, "table": "Messages", "snapshot": None}
ROW = {"id": "A1", "ticketId": 7, "fromMe": False, "createdAt": "2026-11-22T12:44:24.258601Z"}


def event(**changes: Any) -> bytes:
    return json.dumps({"op": "c", "source": SOURCE, "after": ROW, "ts_ms": 9, "before": None} | changes).encode()


def row(**changes: Any) -> Row:
    after = decode(event(after=ROW | changes)).after
    assert after is not None
    return after


def test_a_created_row_is_decoded_with_defaults_for_what_the_flavour_lacks() -> None:
    assert decode(event()) == Change(
        op="c",
        source=SourceBlock(name="loja", ts_ms=5, table="Messages"),
        after=Row(
            id="A1",
            ticket_id=7,
            from_me=False,
            created_at=datetime(2026, 11, 22, 12, 44, 24, 258601, tzinfo=UTC),
        ),
        ts_ms=9,
    )


def test_every_sample_of_the_connector_is_decoded_to_its_own_columns() -> None:
    seen = 0
    for _, value, parsed in records("ticketz"):
        decoded = decode(value)
        after, raw = decoded.after, parsed["after"]
        assert after is not None
        assert (after.id, after.ticket_id, after.from_me, after.company_id, after.contact_id) == (
            raw["id"], raw["ticketId"], raw["fromMe"], raw["companyId"], raw["contactId"]
        )  # fmt: skip
        assert (after.read, after.ack, after.media_type, after.remote_jid, after.is_deleted) == (
            raw["read"], raw["ack"], raw["mediaType"], raw["remoteJid"], raw["isDeleted"]
        )  # fmt: skip
        assert after.body == raw["body"].encode("utf-8", "ignore").decode()
        assert decoded.source.ts_ms == parsed["source"]["ts_ms"]
        seen += 1
    assert seen == 47


def test_every_sample_of_a_flavour_without_companies_is_decoded_with_defaults_for_them() -> None:
    seen = 0
    for _, value, parsed in records("canove"):
        after, raw = decode(value).after, parsed["after"]
        assert after is not None
        assert (after.id, after.ticket_id, after.from_me, after.contact_id) == (
            raw["id"], raw["ticketId"], raw["fromMe"], raw["contactId"]
        )  # fmt: skip
        assert (after.read, after.ack, after.media_type, after.is_deleted) == (
            raw["read"], raw["ack"], raw["mediaType"], raw["isDeleted"]
        )  # fmt: skip
        assert (after.company_id, after.tenant_id, after.remote_jid) == (None, None, None)
        assert after.body == raw["body"].encode("utf-8", "ignore").decode()
        assert created_ms(after) == parsed["source"]["ts_ms"]
        seen += 1
    assert seen == 70


def test_a_body_cut_inside_an_emoji_is_read_without_the_half() -> None:
    value = event(after=ROW | {"body": "x" * 15 + "\ud83d", "contactId": 3})
    assert rb"x\ud83d" in value
    decoded = decode(value)
    assert decoded.after is not None
    assert (decoded.after.body, decoded.after.contact_id) == ("x" * 15, 3)


def test_whole_emoji_and_a_typed_backslash_stay_as_they_are_when_another_field_needs_the_second_try() -> None:
    decoded = row(body="\\ud83d 😀 a\ud83d", fromMe=0)
    assert decoded.body == "\\ud83d 😀 a"


@pytest.mark.parametrize(
    ("raw", "start"),
    [
        (b'"oi"', "oi"),
        (b'""', ""),
        (b"null", None),
        (b'"\\uD83D"', ""),
        (b'"oi \\uD83D\\uDE00"', "oi 😀"),
        (b'"abc\\uD83D"', "abc"),
    ],
)
def test_the_start_of_a_body_is_what_a_person_could_have_typed(raw: bytes, start: str | None) -> None:
    after = decode(event(after=ROW | {"body": "TEXT"}).replace(b'"TEXT"', raw)).after
    assert after is not None
    assert after.body == start


def test_integers_stand_for_booleans_where_the_source_has_none() -> None:
    decoded = row(fromMe=1, read=0, isDeleted=1)
    assert (decoded.from_me, decoded.read, decoded.is_deleted) == (True, False, True)


@pytest.mark.parametrize("snapshot", [None, False, "false", "true", "last"])
def test_any_form_of_the_snapshot_flag_is_read(snapshot: object) -> None:
    assert decode(event(source=SOURCE | {"snapshot": snapshot})).source.snapshot == snapshot


@pytest.mark.parametrize("op", ["u", "d", "m", "t"])
def test_other_operations_are_decoded_even_without_a_row(op: str) -> None:
    assert decode(event(op=op, after=None)).op == op


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"{", "not_json"),
        (b"\xff", "not_json"),
        (b"null", "not_change"),
        (b"[]", "not_change"),
        (b'{"ts_ms":1795362523758}', "not_change"),
        (b'{"schema":{},"payload":{}}', "not_change"),
        (event(after=None), "no_row"),
        (event(after={"id": "A"}), "not_change"),
        (event(after=ROW | {"id": 7}), "not_change"),
        (event(after=ROW | {"body": 12}), "not_change"),
        (event(after=ROW | {"body": "TEXT"}).replace(b"TEXT", b"\xff"), "not_json"),
        (event(source=SOURCE | {"table": "OldMessages"}), "foreign_table"),
    ],
)
def test_what_is_no_change_of_messages_is_refused_with_a_code_fit_for_a_header(
    value: bytes | None, code: str
) -> None:
    with pytest.raises(ChangeError) as caught:
        decode(value)
    assert caught.value.code == code
    assert caught.value.detail.isascii()
    assert caught.value.detail.isprintable()
    assert "," not in caught.value.detail


def test_a_refusal_does_not_repeat_the_record() -> None:
    with pytest.raises(ChangeError) as caught:
        decode(event(after=ROW | {"ticketId": "segredo"}))
    assert "segredo" not in str(caught.value)


@pytest.mark.parametrize(
    ("created_at", "offset_ms", "utc_ms"),
    [
        ("2026-11-22T12:44:24.258601Z", 0, 1795351464258),
        ("2026-11-22T09:44:24.258-03:00", 0, 1795351464258),
        ("2026-11-22T09:44:24.258Z", 10_800_000, 1795351464258),
        (1795340664258601, 10_800_000, 1795351464258),
        (1795351464258601, 0, 1795351464258),
        ("2026-11-22T09:44:24.258", 10_800_000, 1795351464258),
    ],
)
def test_creation_is_in_utc_whatever_clock_the_source_keeps(
    created_at: str | int, offset_ms: int, utc_ms: int
) -> None:
    assert created_ms(row(createdAt=created_at), offset_ms) == utc_ms


def test_decoding_is_fast_enough_for_one_core_to_follow_a_busy_connector() -> None:
    values = [value for _, value, _ in records("ticketz")]
    best = 0.0
    for _ in range(3):
        started = time.perf_counter()
        for _ in range(100):
            for value in values:
                decode(value)
        best = max(best, 100 * len(values) / (time.perf_counter() - started))
    assert (
        best > 50_000
    )  # over 400,000 a second on a quiet core; the bound only tells a slow decoder from a busy box


def test_what_the_connector_really_wrote_is_decoded() -> None:
    """Bytes of Debezium 3.6.3 itself, the second with an emoji that its truncation cut in two."""
    lines = (HERE / "debezium.jsonl").read_bytes().splitlines()
    changes = [decode(line) for line in lines]
    assert [(c.op, c.source.name, c.source.lsn, c.source.snapshot, c.ts_ms) for c in changes] == [
        ("c", "loja", 36330288, None, 1795372378152),
        ("c", "loja", 36332528, None, 1795372378158),
    ]
    rows = [change.after for change in changes if change.after is not None]
    assert [(row.id, row.ticket_id, row.remote_jid, row.body, created_ms(row)) for row in rows] == [
        ("3EB0C0FFEE", 7, "5", "Olá, preciso mui", 1795372378097),
        ("3EB0E3301A", 7, "5", "123456789012345", 1795372378101),
    ]

"""ticketz: what its rows mean, from recorded traffic."""

from collections import Counter
from typing import Any

import pytest

from cdc.change import Row, decode
from cdc.flavours.api import Column, Shape, TableShape
from cdc.flavours.registry import flavour
from cdc.flavours.ticketz import kind_of
from schemas.reasons import Ignored
from tests.cdc.samples import records

TICKETZ = flavour("ticketz")
MARKER = "[Whaticket]"


def row(body: str = "Oi", **changes: Any) -> Row:
    columns: dict[str, Any] = {
        "id": "3EB0AA", "ticket_id": 7, "from_me": False, "created_at": 0, "contact_id": 3, "remote_jid": "5",
    }  # fmt: skip
    return Row(**(columns | changes), body=body)


def own(body: str = "Oi", **changes: Any) -> Row:
    return row(body, **({"from_me": True, "read": True, "ack": 1, "contact_id": None} | changes))


@pytest.mark.parametrize(
    ("given", "meaning"),
    [
        (row(), "customer"),
        (row(""), "customer"),
        (row(read=True), "customer"),
        (row("[Whaticketing] eu"), "customer"),
        (row("\u200eOi"), Ignored.MARKER),
        (row("[Whaticket] Nova"), Ignored.MARKER),
        (row("👍", media_type="reactionMessage"), Ignored.REACTION),
        (own("👍", media_type="reactionMessage"), Ignored.REACTION),
        (row(media_type="call_log", remote_jid=None), Ignored.CALL_LOG),
        (row(id="3EB0AA-7"), Ignored.QUOTED_COPY),
        (row(remote_jid=None), Ignored.QUOTED_COPY),
        (own(id="3EB0AA-7"), Ignored.QUOTED_COPY),
        (own(remote_jid=None), Ignored.QUOTED_COPY),
        (row(id="3EB0AA-77"), "customer"),
        (own(), "undecided"),
        (own(ack=0), "undecided"),
        (own(ack=2), "human"),
        (own(ack=3), "human"),
        (own("\u200eOi"), "bot"),
        (own("[Whaticket] Nova"), "undecided"),
    ],
)
def test_a_row_is_told_apart_by_its_columns_and_first_characters(given: Row, meaning: str) -> None:
    assert TICKETZ.classify(given, MARKER) == meaning


def test_a_tenant_without_a_marker_ignores_only_the_invisible_one() -> None:
    assert TICKETZ.classify(row("[Whaticket] Nova"), "") == "customer"
    assert TICKETZ.classify(row("\u200e"), "") == Ignored.MARKER


def test_a_marker_longer_than_what_is_captured_is_compared_as_far_as_it_goes() -> None:
    assert TICKETZ.classify(row("[Aviso da Loja S"), "[Aviso da Loja Sol]") == Ignored.MARKER


def test_recorded_scenarios_hold_the_rows_that_people_made() -> None:
    meanings: dict[str, Counter[str]] = {}
    for scenario, value, _ in records("ticketz"):
        after = decode(value).after
        assert after is not None
        meanings.setdefault(scenario[:2], Counter())[TICKETZ.classify(after, MARKER)] += 1
    assert meanings == {
        "01": {"customer": 1, "undecided": 1},
        "02": {"customer": 2, "undecided": 2},
        "13": {"customer": 3},
        "15": {"customer": 3, "marker": 1},
        "18": {"customer": 1, "undecided": 1},
        "40": {"reaction": 3},
        "42": {"customer": 3},
        "43": {"customer": 3},
        "44": {"customer": 4},
        "45": {"customer": 4},
        "46": {"customer": 3},
        "48": {"customer": 2, "quoted_copy": 2},
        "50": {"customer": 2, "human": 1},
        "54": {"marker": 1, "undecided": 1},
        "55": {"human": 3},
    }


def test_recorded_kinds_are_what_the_customers_sent() -> None:
    kinds: dict[str, list[str]] = {}
    for scenario, value, _ in records("ticketz"):
        after = decode(value).after
        assert after is not None
        kinds.setdefault(scenario[:2], []).append(TICKETZ.kind(after))
    assert {s: kinds[s] for s in ("42", "43", "44", "45", "46")} == {
        "42": ["image", "image", "image"],
        "43": ["audio", "audio", "video"],
        "44": ["document", "document", "document", "sticker"],
        "45": ["location", "location", "contact", "contact"],
        "46": ["text", "text", "text"],
    }


@pytest.mark.parametrize(
    ("media_type", "text", "kind"),
    [
        (None, "", "text"),
        (None, "📍 aqui", "text"),
        (None, "Latitude: onde?", "text"),
        (None, "Latitude: -23.56", "location"),
        (None, '{"ticketzvCard":', "contact"),
        (None, '{"outra": "coisa"', "text"),
        ("image", "sticker", "sticker"),
        ("image", "sticker novo", "image"),
        ("text", "", "document"),
        ("application", "contrato", "document"),
        ("novidade", "", "other"),
    ],
)
def test_a_media_type_has_one_normalised_kind(media_type: str | None, text: str, kind: str) -> None:
    assert kind_of(media_type, text) == kind


def shape() -> dict[str, TableShape]:
    tables = {table: dict.fromkeys(columns) for table, columns in TICKETZ.grants.items()}
    tables["Messages"] |= dict.fromkeys(TICKETZ.columns)
    return {
        table: TableShape(
            {name: Column(name, "text") for name in columns}, ("id", "ticketId") if table == "Messages" else ("id",)
        )
        for table, columns in tables.items()
    }


def test_a_schema_with_every_needed_column_and_the_composite_key_fits() -> None:
    assert TICKETZ.detect(shape()).fits


def test_a_schema_that_lacks_something_names_it() -> None:
    given: Shape = {
        **{table: there for table, there in shape().items() if table != "UserQueues"},
        "Messages": TableShape(
            {name: column for name, column in shape()["Messages"].columns.items() if name != "remoteJid"}, ("id",)
        ),
    }
    match = TICKETZ.detect(given)
    assert (match.fits, match.missing) == (
        False,
        ("Messages.remoteJid", "UserQueues", "Messages primary key (id, ticketId) (it is: id)"),
    )


def test_what_may_be_read_and_captured_holds_neither_secrets_nor_whole_messages() -> None:
    assert not {"passwordHash", "email", "token", "session", "dataJson"} & {
        column for columns in TICKETZ.grants.values() for column in columns
    }
    assert "dataJson" not in TICKETZ.columns
    assert TICKETZ.truncate == {"body": 16, "remoteJid": 1}

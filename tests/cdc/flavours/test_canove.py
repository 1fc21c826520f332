"""canove: what its rows mean, from recorded traffic."""

from collections import Counter
from typing import Any

import pytest

from cdc.change import Row, decode
from cdc.flavours.canove import kind_of
from cdc.flavours.registry import flavour
from schemas.reasons import Ignored
from tests.cdc.samples import records

CANOVE = flavour("canove")
MARKER = "[Whaticket]"


def row(body: str = "Oi", **changes: Any) -> Row:
    columns: dict[str, Any] = {
        "id": "3EB0AA", "ticket_id": 7, "from_me": False, "created_at": 0, "contact_id": 3, "media_type": "chat",
    }  # fmt: skip
    return Row(**(columns | changes), body=body)


def own(body: str = "Oi", **changes: Any) -> Row:
    return row(body, **({"from_me": True, "read": True, "contact_id": None} | changes))


@pytest.mark.parametrize(
    ("given", "meaning"),
    [
        (row(), "customer"),
        (row(""), "customer"),
        (row(read=True), "customer"),
        (row(contact_id=None), "customer"),
        (row(id="3EB0AA-7"), "customer"),
        (row("[Whaticketing] eu"), "customer"),
        (row("\u200eOi"), Ignored.MARKER),
        (row("[Whaticket] Nova"), Ignored.MARKER),
        (own(), "human"),
        (own(ack=2), "human"),
        (own("[Whaticket] Nova"), "human"),
        (own("\u200eOlá, escolha um"), "bot"),
        (own("\u200e"), "bot"),
        (own("Olá\u200e"), "human"),
    ],
)
def test_a_row_is_told_apart_by_who_wrote_it_and_its_first_character(given: Row, meaning: str) -> None:
    assert CANOVE.classify(given, MARKER) == meaning


def test_a_tenant_without_a_marker_ignores_only_the_invisible_one() -> None:
    assert CANOVE.classify(row("[Whaticket] Nova"), "") == "customer"
    assert CANOVE.classify(row("\u200e"), "") == Ignored.MARKER


def test_recorded_scenarios_hold_the_rows_that_people_made() -> None:
    meanings: dict[str, Counter[str]] = {}
    for scenario, value, _ in records("canove"):
        after = decode(value).after
        assert after is not None
        meanings.setdefault(scenario[:2], Counter())[CANOVE.classify(after, MARKER)] += 1
    assert meanings == {
        "01": {"customer": 1, "bot": 1},
        "02": {"customer": 2, "bot": 2},
        "03": {"customer": 3, "bot": 1},
        "04": {"customer": 1},
        "05": {"customer": 2},
        "06": {"customer": 3},
        "07": {"customer": 7, "marker": 1},
        "08": {"customer": 2},
        "09": {"customer": 1, "human": 1},
        "10": {"human": 3},
        "11": {"customer": 1},
        "12": {"customer": 1},
        "13": {"customer": 1},
        "14": {"customer": 1},
        "15": {"customer": 1},
        "16": {"customer": 1, "bot": 1},
        "17": {"customer": 1},
        "18": {"customer": 1},
        "19": {"customer": 10},
        "21": {"customer": 2},
        "22": {"customer": 1},
        "23": {"human": 1},
        "24": {"customer": 2, "human": 1},
        "25": {"customer": 2, "bot": 1},
        "26": {"marker": 1},
        "27": {"human": 3},
        "28": {"customer": 4},
        "29": {"customer": 2},
    }


def test_recorded_kinds_are_what_the_customer_sent() -> None:
    kinds = [
        CANOVE.kind(after)
        for scenario, value, _ in records("canove")
        if scenario.startswith("19") and (after := decode(value).after) is not None
    ]
    assert kinds == [
        "image", "image", "audio", "audio", "video", "document", "document",
        "image",  # a sticker: the end of its file's name was cut off; the live row tells
        "location", "contact",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("media_type", "text", "kind"),
    [
        ("chat", "", "text"),
        ("ptt", "voz.ogg", "audio"),
        ("image", "WEi3o-1795363353125.webp", "sticker"),
        ("image", "foto.webp.jpeg", "image"),
        ("text", "pedidos.csv", "document"),
        ("application", "nota.pdf", "document"),
        ("vcard", "BEGIN:VCARD", "contact"),
        ("novidade", "", "other"),
        (None, "", "other"),
    ],
)
def test_a_media_type_has_one_normalised_kind(media_type: str | None, text: str, kind: str) -> None:
    assert kind_of(media_type, text) == kind


def test_the_fork_knows_no_companies_no_bot_flag_and_no_reader() -> None:
    assert (CANOVE.sole_company, CANOVE.has_bot_flag, CANOVE.read_means_person) == (0, False, False)


def test_what_may_be_read_and_captured_holds_neither_secrets_nor_whole_messages() -> None:
    assert not {"passwordHash", "email", "session", "qrcode", "value"} & {
        column for columns in CANOVE.grants.values() for column in columns
    }
    assert CANOVE.truncate == {"body": 16}

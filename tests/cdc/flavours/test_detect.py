"""Detection of the flavour, and the registry."""

import pytest

from cdc.flavours.api import Column, TableShape
from cdc.flavours.detect import detect
from cdc.flavours.registry import FLAVOURS, flavour
from schemas.errors import Exit, Invalid
from tests.cdc.flavours.test_ticketz import shape


def test_a_ticketz_schema_is_recognised() -> None:
    assert detect(shape()).name == "ticketz"


def test_a_foreign_schema_is_refused_with_the_differences_to_the_nearest_flavour() -> None:
    given = {**shape(), "Tickets": TableShape({"id": Column("id", "integer")}, ("id",))}
    with pytest.raises(Invalid) as caught:
        detect(given)
    assert (caught.value.code, caught.value.exit) == ("RCD-112", Exit.CONFIGURATION)
    assert caught.value.detail == (
        "nearest is ticketz, which lacks: Tickets.status, Tickets.contactId, Tickets.userId, Tickets.whatsappId, "
        "Tickets.isGroup, Tickets.queueId, Tickets.companyId, Tickets.uuid, Tickets.chatbot"
    )


def test_an_empty_database_is_refused_as_such() -> None:
    with pytest.raises(Invalid, match="RCD-112: the database has no tables"):
        detect({})


def test_long_lists_of_differences_are_cut() -> None:
    with pytest.raises(Invalid, match=r" and \d+ more$"):
        detect({"Messages": TableShape({}), "Tickets": TableShape({}), "Users": TableShape({})})


def test_flavours_are_found_by_name() -> None:
    assert [flavour(known.name) for known in FLAVOURS] == list(FLAVOURS)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(Invalid, match="RCD-112: no flavour is called 'whatever'; known: ticketz"):
        flavour("whatever")

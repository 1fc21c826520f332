"""Detection of the flavour, and the registry."""

import pytest

from cdc.flavours.api import Column, Shape, TableShape
from cdc.flavours.detect import detect
from cdc.flavours.registry import FLAVOURS, flavour
from deploy.demo import ddl
from schemas.errors import Exit, Invalid
from tests.cdc.flavours.test_ticketz import shape
from tests.cdc.ticketz_database import TRACES


def schema(fork: str) -> Shape:
    """A fork's whole schema as its own migrations made it."""
    return {
        table.name: TableShape(
            {c.name: Column(c.name, c.type, not c.required) for c in table.columns.values()}, table.primary_key
        )
        for table in ddl.read(TRACES / "schemas" / f"{fork}.tsv").values()
    }


@pytest.mark.parametrize("fork", ["ticketz", "canove"])
def test_a_forks_true_schema_is_recognised(fork: str) -> None:
    assert detect(schema(fork)).name == fork
    assert [known.name for known in FLAVOURS if known.detect(schema(fork)).fits] == [fork]


@pytest.mark.parametrize(
    ("fork", "differences"),
    [
        ("press", "nearest is canove; this schema has besides: Users.whatsappNumber"),
        (
            "flavio",
            "nearest is canove; this schema has besides: Tickets.companyId, Users.companyId",
        ),
        (
            "maurilio",
            "nearest is ticketz; this schema lacks: Messages primary key (id, ticketId) (it is: id)",
        ),
        (
            "izing",
            "nearest is canove; this schema lacks: Queues.name, UserQueues, WhatsappQueues; "
            "has besides: Messages.tenantId, Messages.messageId, Tickets.tenantId, Users.tenantId",
        ),
    ],
)
def test_a_fork_that_is_not_known_yet_is_mistaken_for_none(fork: str, differences: str) -> None:
    with pytest.raises(Invalid) as caught:
        detect(schema(fork))
    assert (caught.value.code, caught.value.detail) == ("RCD-112", differences)


def test_columns_that_a_shop_added_for_itself_do_not_matter() -> None:
    given = {**schema("canove")}
    tickets = given["Tickets"]
    given["Tickets"] = TableShape(
        {**tickets.columns, "protocolo": Column("protocolo", "text")}, tickets.primary_key
    )
    assert detect(given).name == "canove"


def test_a_ticketz_schema_is_recognised() -> None:
    assert detect(shape()).name == "ticketz"


def test_a_foreign_schema_is_refused_with_the_differences_to_the_nearest_flavour() -> None:
    given = {**shape(), "Tickets": TableShape({"id": Column("id", "integer")}, ("id",))}
    with pytest.raises(Invalid) as caught:
        detect(given)
    assert (caught.value.code, caught.value.exit) == ("RCD-112", Exit.CONFIGURATION)
    assert caught.value.detail == (
        "nearest is ticketz; this schema lacks: Tickets.status, Tickets.contactId, Tickets.userId, "
        "Tickets.whatsappId, Tickets.isGroup, Tickets.queueId, Tickets.companyId, Tickets.uuid, Tickets.chatbot"
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
    with pytest.raises(Invalid, match="RCD-112: no flavour is called 'whatever'; known: ticketz, canove"):
        flavour("whatever")

"""Reaching a source's database, and what is found there."""

import socket
from dataclasses import replace

import pytest

from cdc.flavours.registry import flavour
from cdc.postgres import Publication, SourceState, connect, names, read_state, require_logical
from schemas.errors import Exit, Fatal, Invalid, Recoverable
from tests.cdc.ticketz_database import as_role
from tests.stack_fixture import Database

TICKETZ = flavour("ticketz")
EMPTY = SourceState(
    names=names("loja"),
    version=160_000,
    wal_level="logical",
    slots_used=0,
    slots_max=10,
    slot_exists=False,
    table_owner="postgres",
    may_publish=True,
    publication=None,
    cdc_role=None,
    app_role=None,
    missing_grants=TICKETZ.grants,
)


def test_our_objects_carry_the_sources_name() -> None:
    ours = names("loja")
    assert tuple(getattr(ours, each) for each in ("publication", "slot", "cdc_role", "app_role")) == (
        "recado_loja", "recado_loja", "recado_cdc_loja", "recado_app_loja"
    )  # fmt: skip


@pytest.mark.parametrize("source", ["", "Loja", "1loja", "loja;", 'a"b', "a" * 32])
def test_what_is_no_source_id_names_nothing(source: str) -> None:
    with pytest.raises(Invalid, match="RCD-405"):
        names(source)


def test_a_server_that_does_not_answer_is_a_dependency_that_is_down() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Recoverable) as caught:
            connect(f"postgresql://recado:segredo@127.0.0.1:{port}/ticketz")
    assert (caught.value.code, caught.value.exit) == ("RCD-110", Exit.DEPENDENCY_DOWN)
    assert caught.value.detail.startswith(f"127.0.0.1:{port}/ticketz: ")
    assert "segredo" not in str(caught.value)


def test_a_connection_string_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(Invalid) as caught:
        connect("host=db password=segredo muito")
    assert str(caught.value) == "RCD-111: the connection string cannot be read"
    assert caught.value.__suppress_context__


def test_changes_can_only_be_captured_with_a_logical_wal() -> None:
    with pytest.raises(Fatal, match="RCD-101: wal_level is 'replica', Debezium needs 'logical'"):
        require_logical(replace(EMPTY, wal_level="replica"))


def test_a_full_server_has_no_slot_for_us() -> None:
    with pytest.raises(Fatal, match=r"RCD-102: no free replication slot \(10 of 10\)"):
        require_logical(replace(EMPTY, slots_used=10))
    require_logical(replace(EMPTY, slots_used=10, slot_exists=True))


PLAIN = Publication(False, frozenset({"insert"}), frozenset({("public", "Messages")}), narrowed=False)


@pytest.mark.parametrize(
    ("publication", "fits"),
    [
        (PLAIN, True),
        (replace(PLAIN, all_tables=True), False),
        (replace(PLAIN, operations=frozenset({"insert", "update"})), False),
        (replace(PLAIN, tables=frozenset()), False),
        (replace(PLAIN, tables=PLAIN.tables | {("public", "Settings")}), False),
        (replace(PLAIN, narrowed=True), False),
    ],
)
def test_only_a_plain_publication_of_the_inserts_of_messages_fits(publication: Publication, fits: bool) -> None:
    assert publication.fits is fits


@pytest.mark.stack
def test_a_wrong_password_and_an_unknown_user_are_wrong_configuration(database: Database) -> None:
    for role, password in (("postgres", "errada"), ("ninguem", "segredo"), ("postgres", "")):
        with pytest.raises(Invalid) as caught:
            connect(as_role(database.dsn, role, password))
        assert caught.value.code == "RCD-111"
        assert caught.value.detail.endswith(f"/{database.name} refuses user {role!r}")


@pytest.mark.stack
def test_a_missing_database_is_not_reachable(database: Database) -> None:
    with pytest.raises(Recoverable, match=r'RCD-110: .* database "gone" does not exist'):
        connect(database.dsn.replace(f"/{database.name}", "/gone"))


@pytest.mark.stack
def test_an_untouched_ticketz_has_nothing_of_ours(ticketz: Database) -> None:
    source = ticketz.name
    with connect(ticketz.dsn) as connection:
        state = read_state(connection, source, TICKETZ)
    assert state == replace(
        EMPTY,
        names=names(source),
        version=state.version,
        slots_used=state.slots_used,
        slots_max=state.slots_max,
        table_owner="postgres",
    )
    assert state.version >= 150_000

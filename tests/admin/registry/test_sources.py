"""Sources are added once, changed in parts, and removed when nothing hangs on them."""

from typing import Any

import pytest
from sqlalchemy import Connection

from admin.registry import agents, sources, tenants
from schemas.errors import Invalid
from tests.admin.registry.conftest import AGENT, BY, SHOP

pytestmark = pytest.mark.stack


def add(connection: Connection, source: str = "shop", **changed: Any) -> bool:
    """Add a source; tell whether that changed something."""
    words: dict[str, Any] = {"flavour": "ticketz", "dsn": "postgresql://app@db:5433/whaticket"} | changed
    return not sources.add(connection, BY, source, **words).is_nothing


def test_a_source_is_kept_in_parts_with_its_password_by_reference(connection: Connection) -> None:
    add(
        connection,
        password="env:SHOP_PASSWORD",
        frontend_url="https://desk.example/",
        session_numbers=["1130611234"],
    )
    kept = sources.show(connection, "shop")[0]
    assert {name: kept[name] for name in kept if not name.endswith("_at")} == {
        "source": "shop",
        "flavour": "ticketz",
        "dsn_ref": None,
        "dialect": "postgresql",
        "host": "db",
        "port": 5433,
        "database": "whaticket",
        "username": "app",
        "secret_ref": "env:SHOP_PASSWORD",
        "created_offset_ms": 0,
        "session_numbers": ["+55 11 ****-1234"],  # shown masked
        "frontend_url": "https://desk.example",
        "state": "added",
    }


def test_a_whole_dsn_may_be_a_reference(connection: Connection) -> None:
    add(connection, dsn="file:/run/secrets/shop")
    kept = sources.show(connection)[0]
    assert (kept["dsn_ref"], kept["host"], kept["secret_ref"]) == ("file:/run/secrets/shop", None, None)


def test_changing_from_parts_to_a_reference_forgets_the_parts(connection: Connection) -> None:
    add(connection, password="env:A")
    sources.change(connection, BY, "shop", dsn="env:DSN")
    kept = sources.show(connection, "shop")[0]
    assert (kept["dsn_ref"], kept["host"], kept["secret_ref"]) == ("env:DSN", None, None)


def test_adding_the_same_again_changes_nothing(connection: Connection) -> None:
    assert [add(connection), add(connection)] == [True, False]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"source": "Shop"}, "RCD-405"),
        ({"source": "s" * 32}, "RCD-405"),
        ({"flavour": "zendesk"}, "RCD-112"),
        ({"dsn": "somewhere"}, "RCD-405"),
        ({"dsn": "postgresql://db/whaticket"}, "RCD-405"),
        ({"dsn": "sqlite:///file"}, "RCD-405"),
        ({"dsn": "env:not a name"}, "RCD-602"),
        ({"dsn": "postgresql://app:hunter2@db/whaticket"}, "RCD-602"),
        ({"password": "hunter2"}, "RCD-602"),
        ({"frontend_url": "desk"}, "RCD-405"),
        ({"frontend_url": "javascript:alert(1)"}, "RCD-405"),
        ({"session_numbers": ["98765-4321"]}, "RCD-401"),
    ],
)
def test_what_makes_no_source_is_refused_and_no_password_is_repeated(
    connection: Connection, words: dict[str, Any], code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        add(connection, **words)
    assert refused.value.code == code
    assert "hunter2" not in str(refused.value)
    assert sources.show(connection) == []


def test_an_id_that_is_taken_is_refused(connection: Connection) -> None:
    add(connection)
    with pytest.raises(Invalid) as refused:
        add(connection, frontend_url="https://other")
    assert refused.value.code == "RCD-404"


def test_an_unknown_source_is_refused(connection: Connection) -> None:
    for ask in (sources.require, sources.show):
        with pytest.raises(Invalid) as refused:
            ask(connection, "bank")
        assert refused.value.code == "RCD-403"
    with pytest.raises(Invalid, match="bank"):
        sources.change(connection, BY, "bank", flavour="ticketz")


def test_a_source_goes_when_its_tenants_and_their_agents_have_gone(world: Connection) -> None:
    with pytest.raises(Invalid) as refused:
        sources.discard(world, BY, "shop")
    assert refused.value.code == "RCD-404"
    with pytest.raises(Invalid) as refused:
        tenants.discard(world, BY, SHOP)
    assert refused.value.code == "RCD-404"
    agents.discard(world, BY, AGENT)
    tenants.discard(world, BY, SHOP)
    sources.discard(world, BY, "shop")
    assert (sources.show(world), tenants.show(world), agents.show(world)) == ([], [], [])

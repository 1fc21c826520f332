"""Tenants begin switched off, refuse what makes no sense, and are enabled only when they are ready."""

from typing import Any

import pytest
from sqlalchemy import Connection

from admin.registry import agents, channels, sources, tenants
from schemas.errors import Fatal, Invalid
from schemas.identity import TenantId
from schemas.reasons import Mode
from tests.admin.registry.conftest import AGENT, BY, SANDBOX, SHOP

pytestmark = pytest.mark.stack

SECOND = TenantId("shop", "2")


def shown(connection: Connection, tenant: TenantId = SHOP) -> dict[str, Any]:
    return tenants.show(connection, tenant)[0]


def make_ready(world: Connection) -> None:
    agents.change(world, BY, AGENT, notify_on_new_message=True)
    agents.verify(world, BY, AGENT)
    channels.mark_tested(world, BY, "phones")


def test_a_new_tenant_is_off_and_has_the_designs_defaults(world: Connection) -> None:
    tenants.change(world, BY, SECOND)
    kept = shown(world, SECOND)
    assert {name: kept[name] for name in kept if not name.endswith("_at")} == {
        "tenant": "shop/2",
        "source": "shop",
        "company": "2",
        "name": "",
        "mode": "off",
        "lane": None,
        "channel_id": None,
        "parameters": {},
        "recipients": ["assignee", "queue", "admins"],
        "first_only": False,
        "fan_out": 3,
        "groups": False,
        "bot_policy": "wait",
        "quiet_policy": "hold",
        "unknown_policy": "resend",
        "marker": "[Whaticket]",
        "template": "plan",
        "language": "pt_BR",
        "zone": "America/Sao_Paulo",
        "region": "BR",
        "frontend_url": None,
        "quiet_hours": None,
        "holidays": [],
        "revision": 1,
    }


def test_each_change_counts_as_a_revision(world: Connection) -> None:
    tenants.change(world, BY, SHOP, name="Loja Lua")
    tenants.change(world, BY, SHOP, name="Loja Lua")
    assert shown(world)["revision"] == 2


def test_parameters_are_merged_and_taken_away_one_by_one(world: Connection) -> None:
    tenants.change(world, BY, SHOP, parameters={"settle": 0, "window": 10_000})
    tenants.change(world, BY, SHOP, parameters={"settle": None, "max_items": 5})
    assert shown(world)["parameters"] == {"window": 10_000, "max_items": 5}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"parameters": {"tempo": 1}}, "RCD-601"),
        ({"parameters": {"settle": -1}}, "RCD-601"),
        ({"parameters": {"max_age": 86_400_000}}, "RCD-601"),
        ({"parameters": {"settle": "3s"}}, "RCD-601"),
        ({"recipients": ["everybody"]}, "RCD-405"),
        ({"recipients": []}, "RCD-405"),
        ({"recipients": ["queue", "queue"]}, "RCD-405"),
        ({"fan_out": 0}, "RCD-405"),
        ({"bot_policy": "shout"}, "RCD-405"),
        ({"quiet_policy": "shout"}, "RCD-405"),
        ({"unknown_policy": "shout"}, "RCD-405"),
        ({"marker": ""}, "RCD-405"),
        ({"marker": "a marker that is too long"}, "RCD-405"),
        ({"template": "{x}"}, "RCD-603"),
        ({"language": "tlh"}, "RCD-405"),
        ({"zone": "Mars/Olympus"}, "RCD-408"),
        ({"region": "XX"}, "RCD-405"),
        ({"name": "two\nlines"}, "RCD-405"),
        ({"lane": "A Lane"}, "RCD-405"),
        ({"frontend_url": "ftp://desk"}, "RCD-405"),
        ({"channel_id": "nothing"}, "RCD-403"),
    ],
)
def test_what_makes_no_sense_is_refused(world: Connection, words: dict[str, Any], code: str) -> None:
    before = shown(world)
    with pytest.raises(Invalid) as refused:
        tenants.change(world, BY, SHOP, **words)
    assert refused.value.code == code
    assert shown(world) == before


def test_a_tenant_of_an_unknown_source_is_refused(connection: Connection) -> None:
    with pytest.raises(Invalid) as refused:
        tenants.change(connection, BY, SHOP)
    assert refused.value.code == "RCD-403"


def test_an_unknown_tenant_is_refused(world: Connection) -> None:
    for ask in (tenants.require, tenants.lacking, tenants.show):
        with pytest.raises(Invalid) as refused:
            ask(world, SECOND)
        assert refused.value.code == "RCD-403"


def test_who_joins_a_channel_joins_its_lane(world: Connection) -> None:
    tenants.change(world, BY, SECOND, channel_id="phones")
    assert (shown(world)["lane"], shown(world, SECOND)["lane"]) == (None, "shop/1")


def test_a_channel_in_two_lanes_is_refused(world: Connection) -> None:
    with pytest.raises(Invalid) as refused:
        tenants.change(world, BY, SECOND, channel_id="phones", lane="other")
    assert (refused.value.code, refused.value.detail) == (
        "RCD-404",
        "channel phones belongs to lane shop/1; use --lane shop/1 or another channel",
    )
    tenants.change(world, BY, SECOND, channel_id="phones")
    with pytest.raises(Invalid):
        tenants.change(world, BY, SHOP, lane="other")


def test_who_is_not_ready_is_told_everything_that_lacks(world: Connection) -> None:
    tenants.change(world, BY, SECOND)
    channels.add(world, BY, "spare", "sandbox", SANDBOX)
    sources.change(world, BY, "shop", session_numbers=[])
    assert tenants.lacking(world, SHOP) == [
        "no agent is verified and has notices on (recado user set --notify, user verify)",
        "channel phones is untested (recado channel test phones)",
        "no session number is known, so notices could loop (recado channel set --session-number)",
    ]
    with pytest.raises(Fatal) as refused:
        tenants.set_mode(world, BY, SECOND, Mode.ON)
    assert (refused.value.code, refused.value.detail) == (
        "RCD-407",
        "tenant shop/2: no agent is verified and has notices on (recado user set --notify, user verify); "
        "no channel (recado tenant set shop/2 --channel)",
    )


def test_who_is_ready_is_switched_on(world: Connection) -> None:
    make_ready(world)
    assert tenants.lacking(world, SHOP) == []
    assert tenants.set_mode(world, BY, SHOP, Mode.ON).fields == [("mode", "off", "on")]
    assert tenants.set_mode(world, BY, SHOP, Mode.ON).is_nothing


def test_shadow_needs_nothing(world: Connection) -> None:
    assert tenants.set_mode(world, BY, SHOP, Mode.SHADOW).fields == [("mode", "off", "shadow")]


def test_when_it_was_switched_off_is_remembered_after_it_is_on_again(world: Connection) -> None:
    make_ready(world)
    assert shown(world)["disabled_at"] is None
    tenants.set_mode(world, BY, SHOP, Mode.ON)
    tenants.set_mode(world, BY, SHOP, Mode.OFF)
    disabled_at = shown(world)["disabled_at"]
    tenants.set_mode(world, BY, SHOP, Mode.ON)
    assert disabled_at is not None
    assert shown(world)["disabled_at"] == disabled_at


def test_changed_settings_of_a_channel_make_it_untested(world: Connection) -> None:
    make_ready(world)
    channels.change(world, BY, "phones", settings={"url": "http://127.0.0.1:9000"})
    assert tenants.lacking(world, SHOP) == ["channel phones is untested (recado channel test phones)"]

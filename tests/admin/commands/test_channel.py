"""`recado channel` as an operator uses it: every kind of gateway is added, checked, tested, broken and repaired."""

import json
from pathlib import Path

import pytest

from provider.factory import REGISTRY
from tests.admin.conftest import Command
from tests.provider.pairs import PAIRS, Pair
from tests.provider.sandbox.serving import serving

SOURCE = ("source", "add", "shop", "--flavour", "ticketz", "--dsn", "postgresql://app@db/whaticket")


def test_every_kind_of_gateway_is_listed_with_what_it_needs(command: Command) -> None:
    kinds = {row["provider"]: row for row in json.loads(command("channel", "providers", "--json").out)}
    assert set(kinds) == set(REGISTRY)
    assert kinds["evolution"] == {
        "provider": "evolution",
        "title": "Evolution API v2",
        "settings": "url, instance, api_key",
        "can": "receipts, number check",
    }


@pytest.mark.parametrize(("language", "meaning"), [("pt_BR.UTF-8", "Nome da instância"), ("C", "Name of the inst")])
def test_a_gateways_settings_are_explained_in_the_readers_language(
    command: Command, monkeypatch: pytest.MonkeyPatch, language: str, meaning: str
) -> None:
    monkeypatch.setenv("LC_ALL", language)
    rows = {row["setting"]: row for row in json.loads(command("channel", "providers", "evolution", "--json").out)}
    assert rows["instance"]["meaning"].startswith(meaning)
    assert (rows["api_key"]["needed"], rows["api_key"]["secret"]) == (True, "env: or file:")


def test_an_unknown_kind_is_refused_with_the_known_ones(command: Command) -> None:
    said = command("channel", "providers", "pigeon")
    assert (said.code, said.err.startswith("RCD-306: no provider 'pigeon'; known: ")) == (20, True)


def settings(pair: Pair, url: str, folder: Path) -> list[str]:
    """Return `-s name=value` words; secrets as files."""
    secret = {each.name for each in REGISTRY[pair.provider].settings if each.secret}
    words = ["-s", f"url={url}"]
    for name, value in pair.settings.items():
        if name in secret:
            (folder / name).write_text(value)
            words += ["-s", f"{name}=file:{folder / name}"]
        elif name != "accept_agent_tickets":
            words += ["-s", f"{name}={value}"]
    return words


@pytest.mark.stack
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_a_channel_is_added_tested_broken_and_repaired(recado: Command, tmp_path: Path, pair: Pair) -> None:
    recado(*SOURCE)
    recado("tenant", "set", "shop/1", "--name", "Loja Sol")
    recado("user", "set", "shop/1/7", "--name", "Ana", "--number", "11 98765-4321")
    recado("user", "verify", "shop/1/7", "--reason", "known")
    test = ("channel", "test", "phones", "--to", "shop/1/7")
    with serving(pair.gateway) as gateway:
        add = ["channel", "add", "phones", "--provider", pair.provider, *settings(pair, gateway.address, tmp_path)]
        if REGISTRY[pair.provider].abilities.side_effects:
            refused = recado(*add)
            assert (refused.code, refused.err.split(":")[0]) == (40, "RCD-308")
            add.append("--accept-agent-tickets")
        assert recado(*add).code == 0
        assert recado("channel", "check", "phones").code == 0
        tested = recado(*test, "--json")
        assert (tested.code, json.loads(tested.out)["ok"]) == (0, True), tested.err
        assert [m["body"].removeprefix("\u200e") for m in gateway.seen()] == [
            "[Whaticket] Teste do canal phones: os avisos do Recado chegam por aqui."
        ]

        recado("channel", "set", "phones", "-s", "url=http://127.0.0.1:1")
        broken = recado("channel", "check", "phones")
        assert (broken.code, broken.err.split(":")[0]) == (30, "RCD-310")
        assert "(connect): nothing listens at that host and port" in broken.err
        assert json.loads(recado("channel", "list", "--json").out)[0]["tested_at"] is None
        recado("channel", "set", "phones", "-s", f"url={gateway.address}")
        assert recado(*test).code == 0


@pytest.mark.stack
def test_a_wrong_token_says_so_and_is_repaired_in_its_file(recado: Command, tmp_path: Path) -> None:
    with serving("evolution") as gateway:
        key = tmp_path / "key"
        key.write_text("wrong\n")
        words = ("-s", f"url={gateway.address}", "-s", "instance=loja", "-s", f"api_key=file:{key}")
        assert recado("channel", "add", "phones", "--provider", "evolution", *words).code == 0
        said = recado("channel", "check", "phones")
        assert (said.code, said.err.split(":")[0]) == (20, "RCD-302")
        key.write_text("right\n")
        assert recado("channel", "check", "phones").code == 0
        gateway.client.put("/v1/health/loja", json={"ok": False})
        said = recado("channel", "check", "phones")
        assert said.code == 30
        assert said.err.startswith("RCD-301: channel phones: the instance is close. Reconnect the session")


@pytest.mark.stack
def test_a_test_outside_the_window_goes_out_as_the_channels_template(recado: Command, tmp_path: Path) -> None:
    recado(*SOURCE)
    recado("tenant", "set", "shop/1", "--name", "Loja Sol")
    recado("user", "set", "shop/1/7", "--name", "Ana", "--number", "11 98765-4321")
    recado("user", "verify", "shop/1/7", "--reason", "known")
    (tmp_path / "token").write_text("t0ken")
    test = ("channel", "test", "phones", "--to", "shop/1/7")
    with serving("meta") as graph:
        assert graph.client.put("/v1/window", json={"open": False}).status_code == 204
        words = ("-s", f"url={graph.address}", "-s", "phone_number_id=1", "-s", f"token=file:{tmp_path / 'token'}")
        assert recado("channel", "add", "phones", "--provider", "meta", *words).code == 0
        said = recado(*test)
        assert said.code == 20
        assert said.err.startswith(
            "RCD-304: channel phones: it needs a template to open a conversation, and none is set (no_template)."
        )
        recado("channel", "set", "phones", "-s", "template=aviso")
        assert recado(*test).code == 0
        assert [m["body"] for m in graph.seen()] == [
            "Recado: [Whaticket] Teste do canal phones: os avisos do Recado chegam por aqui."
        ]


@pytest.mark.stack
def test_a_gateway_in_a_private_network_waits_for_the_operators_word(
    recado: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving("sandbox") as gateway:
        recado("channel", "add", "phones", "--provider", "sandbox", "-s", f"url={gateway.address}")
        monkeypatch.setenv("RECADO_GATEWAYS__NETWORKS", "10.0.0.0/8")
        said = recado("channel", "check", "phones")
        assert (said.code, said.err.split(":")[0]) == (20, "RCD-307")
        monkeypatch.setenv("RECADO_GATEWAYS__NETWORKS", "127.0.0.1/32")
        assert recado("channel", "check", "phones").code == 0


@pytest.mark.stack
@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"url": "evolution:8080"}, "RCD-306", "'url' must be like http://127.0.0.1:8099"),
        ({"instance": ""}, "RCD-306", "'instance' is missing: Name of the instance (not its id) (-s instance=…)."),
        ({"key": "x"}, "RCD-306", "evolution has no setting 'key'; known: url, instance, api_key, webhook_secret"),
        ({"api_key": "hunter2"}, "RCD-602", "api_key"),
    ],
)
def test_a_mistake_is_said_when_it_is_made(recado: Command, changes: dict[str, str], code: str, said: str) -> None:
    values = {"url": "http://e", "instance": "loja", "api_key": "env:KEY"} | changes
    words = [word for name, value in values.items() for word in ("-s", f"{name}={value}")]
    found = recado("channel", "add", "phones", "--provider", "evolution", *words)
    assert (found.code, found.err.split(":")[0]) == (20, code)
    assert said in found.err
    assert "hunter2" not in found.err


@pytest.mark.stack
def test_a_sender_of_unusual_form_is_shown_masked_and_does_not_spoil_a_test_that_arrived(
    recado: Command, tmp_path: Path
) -> None:
    recado(*SOURCE)
    recado("tenant", "set", "shop/1", "--name", "Loja Sol")
    recado("user", "set", "shop/1/7", "--name", "Ana", "--number", "11 98765-4321")
    recado("user", "verify", "shop/1/7", "--reason", "known")
    (tmp_path / "token").write_text("t0ken")
    with serving("twilio") as gateway:
        words = ("-s", f"url={gateway.address}", "-s", "account_sid=AC1", "-s", f"token=file:{tmp_path / 'token'}")
        added = recado("channel", "add", "phones", "--provider", "twilio", *words, "-s", "sender=+5511333344440")
        assert added.code == 0
        assert "sender=+55 11 9****-4440" in added.out
        said = recado("channel", "test", "phones", "--to", "shop/1/7")
        assert (said.code, len(gateway.seen())) == (0, 1), said.err


@pytest.mark.stack
def test_what_cannot_be_undone_is_shown_first_with_what_it_concerns(recado: Command) -> None:
    recado(*SOURCE)
    recado("tenant", "set", "shop/1", "--name", "Loja Sol")
    recado("user", "set", "shop/1/7", "--name", "Ana")
    recado("channel", "add", "phones", "--provider", "sandbox", "-s", "url=http://a")
    said = recado("control", "erase", "--agent", "shop/1/7")
    assert (said.code, said.err.strip()) == (
        10,
        "would erase what waits for agent shop/1/7; it cannot be undone. Do it with --apply",
    )
    said = recado("control", "purge", "--tenant", "shop/1", "--json")
    assert (said.code, json.loads(said.out)) == (10, {"action": "purge", "lanes": ["shop/1"], "applied": False})
    said = recado("control", "purge", "--channel", "phones")
    assert (said.code, said.err.strip()) == (0, "nothing to purge: no tenant uses channel phones")


@pytest.mark.stack
def test_a_zone_without_hours_is_refused_for_it_would_be_kept_nowhere(recado: Command) -> None:
    recado(*SOURCE)
    recado("tenant", "set", "shop/1", "--name", "Loja Sol")
    said = recado("user", "set", "shop/1/7", "--quiet-zone", "America/Manaus")
    assert (said.code, said.err.split(". ")[0]) == (
        20,
        "RCD-405: --quiet-zone is the zone of --quiet-hours: give both",
    )

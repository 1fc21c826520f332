"""`recado` from words to exit codes, as a person or a script meets it."""

import json
import sys
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

from admin import cli
from schemas.codec import encode
from tests.admin.conftest import Command
from tests.stack_fixture import Processes

SOURCE = ("source", "add", "shop", "--flavour", "ticketz", "--dsn", "postgresql://app@db/whaticket")
CHANNEL = ("channel", "add", "phones", "--provider", "sandbox", "-s", "url=http://127.0.0.1:8099")


def test_without_words_it_shows_what_there_is(command: Command) -> None:
    said = command()
    assert said.code == 20
    for name in ("source", "tenant", "user", "channel", "flag", "install", "version", "run", "up"):
        assert f" {name} " in said.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nope",), "No such command 'nope'. The form is told by --help\n"),
        (("source", "add", "shop"), "Missing option '--flavour'. The form is told by --help\n"),
    ],
)
def test_a_wrong_form_is_one_line_and_20(command: Command, words: tuple[str, ...], said: str) -> None:
    assert command(*words) == (20, "", said)


@pytest.mark.parametrize("group", ["source", "tenant", "user", "channel", "flag"])
def test_every_group_and_command_has_help(command: Command, group: str) -> None:
    assert command(group, "--help").code == 0


def test_version(command: Command) -> None:
    assert command("version").out.startswith("recado 0.")
    assert set(json.loads(command("version", "--json").out)) == {"recado", "python"}


def test_without_an_address_it_says_which_setting(command: Command) -> None:
    said = command("tenant", "list")
    assert (said.code, said.out) == (20, "")
    assert said.err.startswith("RCD-601: RECADO_DATABASE_URL is not set, and no local stack was started here")


def test_a_wrong_setting_is_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECADO_ORDINAL", "first")
    said = command("tenant", "list")
    assert said.code == 20
    assert said.err.startswith("RCD-601: RECADO_ORDINAL: ")


def test_a_database_that_is_down_is_30(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECADO_DATABASE_URL", "postgresql://recado:hunter2@127.0.0.1:1/recado")
    said = command("tenant", "list")
    assert said.code == 30
    assert said.err.startswith("RCD-801: 127.0.0.1:1/recado: ")
    assert "hunter2" not in said.err


def test_a_command_whose_packages_are_absent_is_left_out_but_a_bug_of_ours_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def names() -> set[str | None]:
        return {found.name for found in cli.make_app().registered_commands}

    class Absent(ModuleType):
        def register(self, _app: object) -> None:
            raise ModuleNotFoundError(name=self.__doc__)

    absent = Absent("admin.commands.stack", "supervisor.options")
    monkeypatch.setitem(sys.modules, "admin.commands.stack", absent)
    assert "up" not in names()
    absent.__doc__ = "deploy.gone"
    with pytest.raises(ModuleNotFoundError):
        names()


@pytest.mark.stack
def test_a_database_without_tables_says_what_to_run(
    command: Command, postgres: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECADO_DATABASE_URL", postgres.url("postgres"))  # type: ignore[attr-defined]
    said = command("tenant", "list")
    assert said.code == 30
    assert "RCD-803" in said.err
    assert "recado install --apply" in said.err


@pytest.mark.stack
def test_the_local_stack_is_found_without_settings(
    command: Command, recado_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECADO_CELL", "main")  # what the environment says wins over the file
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "stack.env").write_text(f"RECADO_DATABASE_URL='{recado_url}'\nRECADO_CELL=other\n")
    monkeypatch.setenv("RECADO_DATABASE_URL", "")
    monkeypatch.delenv("RECADO_DATABASE_URL")
    assert command("source", "list").code == 0
    monkeypatch.delenv("RECADO_DATABASE_URL")


@pytest.mark.stack
def test_the_whole_set_up_without_a_panel(recado: Command, processes: Processes, tmp_path: Path) -> None:
    """A source, a channel, a tenant, an agent; nothing is sent to who is not verified; then it is enabled."""
    address = tmp_path / "address"
    ledger = tmp_path / "ledger.jsonl"
    processes.python("-m", "provider.sandbox", "--ledger", str(ledger), "--address-file", str(address))
    processes_wait(address)
    url = address.read_text().strip()

    assert recado(*SOURCE, "--password", "env:SHOP_PASSWORD", "--session-number", "(11) 3061-1234").code == 0
    assert recado("channel", "add", "phones", "--provider", "sandbox", "-s", f"url={url}").code == 0
    assert (
        recado("tenant", "set", "shop/1", "--name", "Loja Sol", "--channel", "phones", "-p", "settle=0").code == 0
    )
    assert recado("user", "set", "shop/1/7", "--name", "Ana", "--number", "11 98765-4321", "--notify").code == 0

    refused = recado("channel", "test", "phones", "--to", "shop/1/7")
    assert (refused.code, refused.err.split(":")[0]) == (40, "RCD-402")
    refused = recado("tenant", "enable", "shop/1")
    assert refused.code == 40
    assert refused.err.startswith("RCD-407: tenant shop/1: no agent is verified")
    assert not ledger.exists() or ledger.read_text() == ""

    assert recado("user", "verify", "shop/1/7", "--reason", "called her desk").code == 0
    tested = recado("channel", "test", "phones", "--to", "shop/1/7", "--json")
    assert (tested.code, json.loads(tested.out)["ok"]) == (0, True)
    seen = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [(line["to"], line["body"]) for line in seen] == [
        ("+5511987654321", "[Whaticket] Teste do canal phones: os avisos do Recado chegam por aqui.")
    ]

    enabled = recado("tenant", "enable", "shop/1")
    assert enabled == (0, "shop/1: changed\n  mode: off → on\n", "1 agent is told\n")
    assert recado("tenant", "enable", "shop/1").out == "shop/1: nothing to change\n"
    assert recado("flag", "global", "on").code == 0
    shown = json.loads(recado("tenant", "show", "shop/1", "--json").out)
    assert (shown["mode"], shown["parameters"], shown["lacks"]) == ("on", {"settle": 0}, [])
    assert "98765" not in "".join((recado("user", "list").out, recado("user", "list", "--json").out))


def processes_wait(path: Path) -> None:
    import time

    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, "the sandbox did not start"
        time.sleep(0.05)


@pytest.mark.stack
def test_a_tenants_texts_are_seen_before_they_are_stored(recado: Command) -> None:
    recado(*SOURCE)
    recado("source", "set", "shop", "--frontend-url", "https://desk.example")
    recado("tenant", "set", "shop/1", "--name", "Loja Sol", "--template", "compact")
    shown = json.loads(recado("tenant", "preview", "shop/1", "--json").out)
    assert shown["single"] == (
        '*Maria Souza* · #4821\n"Oi, meu pedido ainda não chegou, podem verificar?"\n'
        "https://desk.example/tickets/4821"
    )
    own = recado(
        "tenant", "preview", "shop/1", "--template", "{count}x #{ticketNumber}: {preview}", "--language", "en"
    )
    assert own.out.startswith('── single\n1x #4821: "Oi, meu pedido ainda não chegou, podem verificar?"\n')
    assert json.loads(recado("tenant", "show", "shop/1", "--json").out)["template"] == "compact"


@pytest.mark.stack
def test_a_channel_that_cannot_send_is_refused_and_stays_untested(recado: Command) -> None:
    recado(*SOURCE)
    recado("channel", "add", "phones", "--provider", "sandbox", "-s", "url=http://127.0.0.1:1")
    recado("tenant", "set", "shop/1")
    recado("user", "set", "shop/1/7", "--number", "11 98765-4321")
    recado("user", "verify", "shop/1/7", "--reason", "known")
    said = recado("channel", "test", "phones", "--to", "shop/1/7")
    assert (said.code, said.err.split(":")[0]) == (30, "RCD-310")
    assert json.loads(recado("channel", "list", "--json").out)[0]["tested_at"] is None


@pytest.mark.stack
@pytest.mark.parametrize(
    ("words", "code", "rcd"),
    [
        (("source", "show", "bank"), 20, "RCD-403"),
        (("source", "add", "shop", "--flavour", "ticketz", "--dsn", "postgresql://a:hunter2@db/w"), 20, "RCD-602"),
        (("source", "set", "shop", "--dsn", "mysql://app@db/whaticket"), 20, "RCD-405"),
        (("tenant", "set", "shop"), 20, "RCD-405"),
        (("tenant", "set", "shop/?"), 20, "RCD-405"),
        (("tenant", "set", "bank/1"), 20, "RCD-403"),
        (("tenant", "set", "shop/1", "-p", "settle=soon"), 20, "RCD-405"),
        (("tenant", "set", "shop/1", "-p", "tempo=1"), 20, "RCD-601"),
        (("tenant", "enable", "shop/9"), 20, "RCD-403"),
        (("tenant", "set", "shop/1", "--template", "{preview} #{ticketNumber} {senha}"), 20, "RCD-603"),
        (("tenant", "preview", "shop/1", "--template", "{preview}"), 20, "RCD-603"),
        (("tenant", "preview", "shop/1", "--language", "tlh"), 20, "RCD-405"),
        (("tenant", "preview", "shop/9"), 20, "RCD-403"),
        (("user", "set", "shop/1"), 20, "RCD-405"),
        (("user", "set", "shop/1/7", "--number", "98765-4321"), 20, "RCD-401"),
        (("user", "set", "shop/1/7", "--quiet", "at night"), 20, "RCD-408"),
        (("user", "verify", "shop/1/7", "--reason", ""), 20, "RCD-403"),
        (("channel", "remove", "phones"), 20, "RCD-403"),
        (("channel", "add", "phones", "--provider", "sandbox", "-s", "url"), 20, "RCD-405"),
        (("source", "remove", "shop"), 40, "RCD-404"),
    ],
)
def test_what_is_refused_changes_nothing(recado: Command, words: tuple[str, ...], code: int, rcd: str) -> None:
    recado(*SOURCE)
    recado("tenant", "set", "shop/1")
    before = recado("source", "list", "--json").out + recado("tenant", "list", "--json").out
    said = recado(*words)
    assert (said.code, said.out, said.err.split(":")[0]) == (code, "", rcd)
    assert "hunter2" not in said.err
    assert recado("source", "list", "--json").out + recado("tenant", "list", "--json").out == before


@pytest.mark.stack
def test_changes_are_printed_and_audited_with_their_reason(recado: Command, recado_url: str) -> None:
    recado(*SOURCE)
    recado("tenant", "set", "shop/1", "--name", "Loja Sol")
    said = recado("tenant", "set", "shop/1", "--name", "Loja Lua", "--reason", "renamed", "--json")
    (document,) = json.loads(said.out)
    assert (document["what"], document["subject"], document["changed"]) == ("tenant.set", "shop/1", True)
    assert (document["before"]["name"], document["after"]["name"]) == ("Loja Sol", "Loja Lua")
    with psycopg.connect(recado_url) as connection:
        last = connection.execute("SELECT via, what, why FROM audit ORDER BY audit_id DESC LIMIT 1").fetchone()
    assert last == ("cli", "tenant.set", "renamed")


@pytest.mark.stack
def test_tables_for_scripts_are_json_and_for_pipes_are_not_cut(recado: Command) -> None:
    recado(*SOURCE, "--frontend-url", "https://desk.example")
    long = "https://" + "x" * 150 + ".example"
    recado("channel", "add", "phones", "--provider", "sandbox", "-s", f"url={long}")
    assert long in recado("channel", "list").out
    (row,) = json.loads(recado("source", "list", "--json").out)
    assert (row["source"], row["frontend_url"]) == ("shop", "https://desk.example")
    assert "\x1b[" not in recado("source", "list").out


@pytest.mark.stack
def test_a_name_cannot_paint_the_terminal(recado: Command) -> None:
    recado(*SOURCE)
    assert recado("tenant", "set", "shop/1", "--name", "\x1b[31mLoja").code == 20
    recado("tenant", "set", "shop/1", "--name", "[red]Loja[/red]")
    assert "[red]Loja[/red]" in recado("tenant", "list").out


@pytest.mark.stack
def test_the_global_switch_tells_when_the_process_would_not_consent(recado: Command, recado_url: str) -> None:
    said = recado("flag", "global", "on")
    assert said.code == 0
    assert "NOTIFY_NEW_MESSAGE_ENABLED is not set here" in said.err
    assert json.loads(recado("flag", "global", "--json").out) == {"database": True, "environment": False}
    assert recado("flag", "global", "off").out == "global: changed\n  value: yes → no\n  disabled_at: - → " + (
        recado_disabled_at(recado_url) + "\n"
    )


def recado_disabled_at(url: str) -> str:
    with psycopg.connect(url) as connection:
        connection.execute("SET TIMEZONE TO 'UTC'")
        found = connection.execute("SELECT disabled_at FROM flags").fetchone()
    assert found is not None
    return str(found[0].isoformat(timespec="seconds"))


@pytest.mark.stack
def test_what_the_command_line_writes_is_what_the_workers_load(recado: Command, recado_url: str) -> None:
    from consumers.directory.snapshot import load
    from schemas.database import transaction

    recado(*SOURCE, "--session-number", "1130611234")
    recado(*CHANNEL, "--session-number", "1130619999")
    recado("tenant", "set", "shop/1", "--channel", "phones", "-p", "window=10s", "--recipients", "assignee, queue")
    recado("user", "set", "shop/1/7", "--number", "1187654321", "--notify", "--quiet", "seg-sex 20:00-08:00")
    recado("user", "verify", "shop/1/7", "--reason", "known")
    recado("tenant", "shadow", "shop/1")
    recado("flag", "global", "on")
    with transaction(recado_url) as connection:
        snapshot = load(connection)
    (tenant,), (agent,) = snapshot.tenants, snapshot.agents
    assert (tenant.mode, tenant.machine.window, tenant.recipients) == ("shadow", 10_000, ("assignee", "queue"))
    assert (agent.number, agent.verified, agent.notify_on_new_message) == ("+5511987654321", True, True)
    assert json.loads(agent.quiet_hours or "") == {
        "ranges": [{"start": "20:00", "end": "08:00", "days": [0, 1, 2, 3, 4]}],
        "zone": None,
    }
    assert snapshot.loop_numbers == {"shop": ("551130611234", "551130619999", "551187654321")}
    assert snapshot.enabled is True
    assert b"hunter" not in encode(snapshot)

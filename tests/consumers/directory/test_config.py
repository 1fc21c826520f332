"""The configuration is followed while the database lives, and outlives it."""

import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from consumers.directory.config import ConfigHolder, dsn_of
from schemas.codec import encode
from schemas.config import ChannelConfig, ConfigView, Snapshot, SourceConfig, SourceConnection
from schemas.errors import Invalid, RecadoError
from tests.recado_database import Postgres

NOWHERE = "postgresql://recado@127.0.0.1:1/recado"


def eventually(what: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def execute(url: str, statement: str, *values: object) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode(), values or None)


@pytest.fixture
def holders() -> Iterator[list[ConfigHolder]]:
    started: list[ConfigHolder] = []
    yield started
    for holder in started:
        holder.stop()


@pytest.fixture
def hold(holders: list[ConfigHolder], tmp_path: Path) -> Callable[..., ConfigHolder]:
    def make(url: str, *, enabled: bool = True, poll_s: float = 30.0) -> ConfigHolder:
        holder = ConfigHolder(url, tmp_path / "data", enabled, poll_s=poll_s)
        holders.append(holder)
        return holder

    return make


Hold = Callable[..., ConfigHolder]


def test_without_database_and_without_file_it_waits_and_says_rcd_801(hold: Hold) -> None:
    with pytest.raises(RecadoError) as refused:
        hold(NOWHERE).start(patience_s=0.5)
    assert (refused.value.code, refused.value.recoverable) == ("RCD-801", True)


def test_waiting_ends_when_it_is_stopped(hold: Hold) -> None:
    holder = hold(NOWHERE)
    refused: list[str | None] = []

    def start() -> None:
        try:
            holder.start()
        except RecadoError as error:
            refused.append(error.code)

    thread = threading.Thread(target=start)
    thread.start()
    holder.stop()
    thread.join(20)
    holder.stop()
    assert refused == ["RCD-801"]


def test_without_database_the_last_known_file_is_in_force(hold: Hold, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "config.json").write_bytes(encode(Snapshot(version=41, enabled=True)))
    holder = hold(NOWHERE)
    view = holder.start(patience_s=0)
    assert (view.version, view.enabled, holder.is_connected) == (41, True, False)


def test_a_spoilt_file_is_no_file(hold: Hold, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "config.json").write_bytes(b'{"version": "no')
    with pytest.raises(RecadoError) as refused:
        hold(NOWHERE).start(patience_s=0)
    assert refused.value.code == "RCD-801"


def test_reading_the_view_before_start_is_a_bug(hold: Hold) -> None:
    with pytest.raises(RuntimeError, match="start"):
        _ = hold(NOWHERE).view


@pytest.mark.stack
def test_a_change_arrives_by_notification_and_is_kept_in_a_private_file(
    hold: Hold, recado_url: str, tmp_path: Path
) -> None:
    holder = hold(recado_url, poll_s=3600)
    versions: list[int] = []
    holder.on_change(lambda view: versions.append(view.version))
    assert holder.start().version == 0
    eventually(lambda: holder.is_connected)
    execute(recado_url, "INSERT INTO channels (channel_id, provider) VALUES ('phones', 'sandbox')")
    eventually(lambda: holder.view.version == 1)
    assert versions == [1]
    found = holder.view.channel("phones")
    assert found is not None
    assert found.provider == "sandbox"
    path = tmp_path / "data" / "config.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b'"version":1' in path.read_bytes()
    assert [file.name for file in path.parent.iterdir()] == ["config.json"]


@pytest.mark.stack
def test_many_changes_at_once_end_in_the_last(hold: Hold, recado_url: str) -> None:
    holder = hold(recado_url, poll_s=3600)
    holder.start()
    execute(recado_url, "INSERT INTO channels (channel_id, provider) VALUES ('phones', 'sandbox')")
    with psycopg.connect(recado_url, autocommit=True) as connection:
        for number in range(50):
            connection.execute("UPDATE channels SET provider = %s", (f"p{number}",))
    eventually(lambda: holder.view.version == 51)
    found = holder.view.channel("phones")
    assert found is not None
    assert found.provider == "p49"


@pytest.mark.stack
def test_a_missed_notification_is_found_by_the_slow_poll(hold: Hold, recado_url: str) -> None:
    holder = hold(recado_url, poll_s=0.1)
    holder.start()
    eventually(lambda: holder.is_connected)
    execute(recado_url, "UPDATE config_state SET version = 77")
    eventually(lambda: holder.view.version == 77)


@pytest.mark.stack
def test_one_listeners_mistake_does_not_deafen_the_others(hold: Hold, recado_url: str) -> None:
    holder = hold(recado_url)
    heard: list[ConfigView] = []

    def fails(_: ConfigView) -> None:
        message = "a listener's bug"
        raise ValueError(message)

    holder.on_change(fails)
    holder.on_change(heard.append)
    holder.start()
    for number in (1, 2):
        execute(recado_url, "INSERT INTO channels (channel_id, provider) VALUES (%s, 'sandbox')", f"phones{number}")
        eventually(lambda number=number: len(heard) == number)  # type: ignore[misc]


@pytest.mark.stack
@pytest.mark.parametrize(("flag", "environment"), [(True, True), (True, False), (False, True), (False, False)])
def test_the_global_switch_needs_both_consents(hold: Hold, recado_url: str, flag: bool, environment: bool) -> None:
    execute(recado_url, "INSERT INTO flags (name, value) VALUES ('global', %s)", flag)
    assert hold(recado_url, enabled=environment).start().enabled is (flag and environment)


@pytest.mark.stack
def test_the_file_keeps_the_databases_half_of_the_switch_only(
    hold: Hold, recado_url: str, postgres: Postgres
) -> None:
    execute(recado_url, "INSERT INTO flags (name, value) VALUES ('global', true)")
    assert hold(recado_url, enabled=False).start().enabled is False
    assert hold(NOWHERE, enabled=True).start(patience_s=0).enabled is True


@pytest.mark.stack
def test_a_restored_database_with_the_same_version_replaces_the_file(
    hold: Hold, recado_url: str, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    stale = Snapshot(version=1, channels=(ChannelConfig("gone", "sandbox"),))
    (tmp_path / "data" / "config.json").write_bytes(encode(stale))
    execute(recado_url, "INSERT INTO channels (channel_id, provider) VALUES ('phones', 'sandbox')")
    execute(recado_url, "ALTER TABLE config_state RENAME TO hidden")
    holder = hold(recado_url)
    assert holder.start(patience_s=0).channel("gone") is not None
    execute(recado_url, "ALTER TABLE hidden RENAME TO config_state")
    eventually(lambda: holder.view.channel("phones") is not None)
    assert (holder.view.version, holder.view.channel("gone")) == (1, None)


@pytest.mark.stack
def test_a_database_without_tables_is_waited_for_as_rcd_803(hold: Hold, postgres: Postgres) -> None:
    with pytest.raises(RecadoError) as refused:
        hold(postgres.url("postgres")).start(patience_s=0)
    assert refused.value.code == "RCD-803"


@pytest.mark.stack
@pytest.mark.slow
def test_a_database_that_goes_down_stops_nothing_and_is_followed_again(recado_url: str, tmp_path: Path) -> None:
    own = Postgres()
    try:
        from schemas import migrations

        url = own.url("recado")
        migrations.create_database(url)
        migrations.upgrade(url)
        holder = ConfigHolder(url, tmp_path / "data", True)
        holder.start()
        try:
            eventually(lambda: holder.is_connected)
            execute(url, "INSERT INTO channels (channel_id, provider) VALUES ('phones', 'sandbox')")
            eventually(lambda: holder.view.version == 1)
            own.stop()
            eventually(lambda: not holder.is_connected)
            assert holder.view.channel("phones") is not None
            own.start()
            execute(url, "UPDATE channels SET provider = 'meta'")
            eventually(lambda: holder.view.version == 2)
        finally:
            holder.stop()
    finally:
        own.remove()


@pytest.mark.stack
def test_the_live_directory_gets_flavour_and_dsn(
    hold: Hold, recado_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DSN", "postgresql+psycopg://app@db/whaticket")
    execute(recado_url, "INSERT INTO sources (source, flavour, dsn_ref) VALUES ('shop', 'ticketz', 'env:SHOP_DSN')")
    holder = hold(recado_url)
    holder.start()
    assert holder.source_dsn("shop") == ("ticketz", "postgresql://app@db/whaticket")
    assert holder.source_dsn("bank") is None


def test_a_dsn_is_made_of_its_parts_and_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "it's a \\ secret")
    where = SourceConnection(host="db", database="whaticket", username="app", secret_ref="env:SHOP_PASSWORD")
    dsn = dsn_of(SourceConfig("shop", "ticketz", connection=where))
    assert psycopg.conninfo.conninfo_to_dict(dsn) == {
        "host": "db",
        "port": "5432",
        "dbname": "whaticket",
        "user": "app",
        "password": "it's a \\ secret",
    }


@pytest.mark.parametrize(
    ("where", "code"),
    [
        (None, "RCD-405"),
        (SourceConnection(), "RCD-405"),
        (SourceConnection(host="db", database="w", username="u", dialect="mariadb"), "RCD-405"),
        (SourceConnection(dsn_ref="env:NOT_SET_ANYWHERE"), "RCD-602"),
        (SourceConnection(host="db", database="w", username="u", secret_ref="file:/nowhere/at/all"), "RCD-602"),
    ],
)
def test_a_source_that_cannot_be_reached_as_configured_is_refused(
    where: SourceConnection | None, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        dsn_of(SourceConfig("shop", "ticketz", connection=where))
    assert refused.value.code == code

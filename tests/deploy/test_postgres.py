import os
import stat
from pathlib import Path

import pytest

from deploy import postgres
from schemas.errors import Fatal

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands PostgreSQL to another account")


def test_the_server_listens_on_loopback_without_a_socket_and_with_logical_changes() -> None:
    program = postgres.program(postgres.Home(Path("/bin"), Path("/data"), None, None), 20001)
    assert program.argv[:3] == ("/bin/postgres", "-D", "/data")
    assert {"listen_addresses=127.0.0.1", "unix_socket_directories=", "wal_level=logical", "port=20001"} <= set(
        program.argv
    )
    assert (program.stop_signal, program.uid) == ("INT", None)


@as_root
@pytest.mark.slow
def test_as_root_binaries_go_to_a_folder_of_their_account_and_the_note_is_kept(tmp_path: Path) -> None:
    private = tmp_path / "private"
    home = postgres.place(private)
    try:
        assert home.private is not None
        assert stat.S_IMODE(home.private.stat().st_mode) == 0o700
        assert home.account is not None
        assert postgres.can_run(home.binaries, home.account)
        assert postgres.place(private) == home
    finally:
        postgres.purge(private)
    assert not home.private.exists()


@as_root
def test_no_folder_for_the_server_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(postgres, "BASES", (tmp_path, tmp_path / "missing"))
    with pytest.raises(Fatal) as error:
        postgres.place(tmp_path / "postgres")
    assert error.value.code == "RCD-705"
    assert [path.name for path in tmp_path.iterdir()] == ["postgres"]


def test_purge_touches_only_folders_of_its_own_making(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "home.json").write_text(f'{{"private": "{precious}"}}')
    postgres.purge(folder)
    assert (precious.exists(), folder.exists()) == (True, False)

"""Whatever happens, a shell gets one clear line and the right exit code."""

from pathlib import Path

import pytest

from admin.boundary import guarded
from schemas.errors import CODES, Exit, Fatal, Invalid, RecadoError, Recoverable


def raising(error: BaseException) -> int:
    def fails() -> None:
        raise error

    return guarded(fails)


def test_an_error_of_ours_is_one_line_with_what_to_do_and_where_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(Invalid("RCD-403", "no source 'bank'")) == Exit.CONFIGURATION
    assert capsys.readouterr().err == (
        "RCD-403: no source 'bank'. List them: recado source list, tenant list, user list or channel list. "
        "(docs/errors.md#rcd-403)\n"
    )


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_ends_with_its_exit_status(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(Fatal(code, "a case")) == CODES[code].exit
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"{code}: a case. ")


def test_a_bug_is_70_and_its_traceback_goes_to_a_private_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RECADO_DATA_DIR", str(tmp_path / "data"))
    assert raising(ZeroDivisionError("oops")) == Exit.BUG
    file = tmp_path / "data" / "crash.log"
    assert (
        capsys.readouterr().err == f"An error of Recado itself: ZeroDivisionError. Please report it with {file}\n"
    )
    assert "ZeroDivisionError: oops" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_bug_is_told_even_when_no_file_can_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RECADO_DATA_DIR", str(tmp_path / "file"))
    assert raising(ZeroDivisionError("oops")) == Exit.BUG
    assert "ZeroDivisionError: oops" in capsys.readouterr().err


def test_an_error_without_a_code_is_a_bug_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(RecadoError(None, "it should not happen")) == Exit.BUG
    assert capsys.readouterr().err == "it should not happen\n"


def test_interrupting_is_130() -> None:
    assert raising(KeyboardInterrupt()) == 130


@pytest.mark.parametrize(("result", "code"), [(None, 0), (Exit.HUMAN_STEP, 10), (0, 0)])
def test_a_command_may_choose_its_exit_status(result: object, code: int) -> None:
    assert guarded(lambda: result) == code


def test_a_dependency_that_is_down_is_30(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(Recoverable("RCD-207", "127.0.0.1:1")) == Exit.DEPENDENCY_DOWN

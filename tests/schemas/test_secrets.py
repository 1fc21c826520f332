"""Secrets come by reference, and no refusal shows one."""

from pathlib import Path

import pytest

from schemas.errors import Invalid
from schemas.secrets import is_reference, names_a_secret, resolve, resolve_all


def test_an_environment_reference_gives_the_variable() -> None:
    assert resolve("env:WHATICKET_PASSWORD", {"WHATICKET_PASSWORD": "s3cret"}) == "s3cret"


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATICKET_PASSWORD", "from the process")
    assert resolve("env:WHATICKET_PASSWORD") == "from the process"


def test_a_file_reference_gives_its_text_without_the_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    assert resolve(f"file:{tmp_path}/password") == "s3cret"


def test_only_references_are_replaced_in_a_channels_settings() -> None:
    settings = {"url": "http://127.0.0.1:8080", "token": "env:TOKEN"}
    assert resolve_all(settings, {"TOKEN": "t"}) == {"url": "http://127.0.0.1:8080", "token": "t"}


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("env:MISSING", "env:MISSING: the variable is not set"),
        ("file:/nowhere/at/all", "file:/nowhere/at/all: No such file or directory"),
        ("hunter2", "a secret is given as env:NAME or file:/absolute/path"),
        ("file:relative", "a secret is given as env:NAME or file:/absolute/path"),
    ],
)
def test_what_does_not_resolve_is_refused_by_name(reference: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        resolve(reference, {})
    assert (refused.value.code, refused.value.detail) == ("RCD-602", said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (b"\xff\xfe", "not UTF-8 text"),
        (b"x" * 65_537, "larger than 64 KiB"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)
    with pytest.raises(Invalid) as refused:
        resolve(f"file:{path}")
    assert refused.value.detail == f"file:{path}: {said}"


def test_the_setting_is_named_when_its_reference_fails() -> None:
    with pytest.raises(Invalid) as refused:
        resolve_all({"token": "env:MISSING"}, {})
    assert refused.value.detail == "token: env:MISSING: the variable is not set"


def test_settings_that_hold_secrets_are_known_by_name() -> None:
    names = ("url", "token", "apiKey", "api_key", "password", "phone_number_id")
    assert [name for name in names if names_a_secret(name)] == ["token", "apiKey", "api_key", "password"]


def test_a_reference_is_known_by_its_form() -> None:
    assert (is_reference("env:A"), is_reference("file:/a"), is_reference("s3cret")) == (True, True, False)

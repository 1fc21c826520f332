import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from formatter import catalogues, languages


@pytest.fixture
def locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped catalogues that a test may spoil."""
    copy = tmp_path / "locale"
    shutil.copytree(languages.LOCALE, copy)
    monkeypatch.setattr(languages, "LOCALE", copy)
    monkeypatch.setattr(catalogues, "TEMPLATE", copy / "recado.pot")
    return copy


def spoil(locale: Path, language: str, old: str, new: str) -> None:
    path = locale / language / "LC_MESSAGES" / "recado.po"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_shipped_catalogues_are_complete() -> None:
    assert catalogues.problems() == []


def test_a_missing_translation_fails(locale: Path) -> None:
    spoil(locale, "en", 'msgstr "[Audio]"', 'msgstr ""')
    assert catalogues.problems() == ["en: '[Áudio]' is not translated"]


def test_a_fuzzy_translation_fails(locale: Path) -> None:
    spoil(locale, "es", 'msgid "[Áudio]"', '#, fuzzy\nmsgid "[Áudio]"')
    assert catalogues.problems() == ["es: '[Áudio]' is fuzzy"]


def test_another_placeholder_fails(locale: Path) -> None:
    spoil(locale, "en", "Told: {count} agents.", "Told: {counts} agents.")
    key = "'Avisado: {count} atendente.'"
    assert catalogues.problems() == [f"en: {key} has other placeholders than its key in 'Told: {{counts}} agents.'"]


def test_a_text_that_no_language_knows_and_one_that_nobody_uses_fail(locale: Path) -> None:
    spoil(locale, "es", 'msgid "[Áudio]"', 'msgid "[Som]"')
    assert catalogues.problems() == ["es: '[Áudio]' is missing", "es: '[Som]' is not used any more"]


def test_a_new_text_in_the_source_fails_until_it_is_extracted(locale: Path) -> None:
    (locale / "recado.pot").write_text("")
    assert catalogues.problems() == ["recado.pot is out of date; run: make messages"]


def test_the_command_fails_and_names_the_problem_then_update_mends_what_it_can(locale: Path) -> None:
    (locale / "recado.pot").unlink()
    assert CliRunner().invoke(catalogues.app, ["check"]).exit_code == 1
    assert CliRunner().invoke(catalogues.app, ["update"]).exit_code == 0
    assert CliRunner().invoke(catalogues.app, ["check"]).exit_code == 0


def test_update_changes_nothing_when_nothing_changed(locale: Path) -> None:
    before = {path: path.read_bytes() for path in locale.rglob("*.po*")}
    assert CliRunner().invoke(catalogues.app, ["update"]).exit_code == 0
    assert {path: path.read_bytes() for path in locale.rglob("*.po*")} == before

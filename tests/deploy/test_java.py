from pathlib import Path

import pytest

from deploy import java
from schemas.errors import Fatal


def script(path: Path, shown: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{shown}' >&2\n")
    path.chmod(0o755)
    return path


def test_the_bundled_java_is_new_enough() -> None:
    found = java.find(None)
    assert found.path.exists()
    assert found.major >= java.OLDEST


def test_a_chosen_java_may_be_an_executable_or_a_home(tmp_path: Path) -> None:
    executable = script(tmp_path / "home" / "bin" / "java", 'openjdk version "21.0.4" 2024-07-16')
    expected = java.Java(executable, "21.0.4", 21)
    assert java.find(executable) == java.find(tmp_path / "home") == expected


@pytest.mark.parametrize("shown", ['java version "1.8.0_402"', 'openjdk version "11.0.2"', "what?"])
def test_an_old_or_unknown_java_is_refused(tmp_path: Path, shown: str) -> None:
    with pytest.raises(Fatal) as error:
        java.find(script(tmp_path / "java", shown))
    assert error.value.code == "RCD-703"


def test_a_java_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Fatal) as error:
        java.find(tmp_path / "nowhere" / "java")
    assert error.value.code == "RCD-703"

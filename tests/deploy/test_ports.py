import json
import socket
from pathlib import Path

import pytest

from deploy import ports
from schemas.errors import Fatal, Invalid


def test_ports_are_chosen_once_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    chosen = ports.load_or_choose(file)
    assert sorted(chosen) == sorted(ports.NAMES)
    assert len(set(chosen.values())) == len(ports.NAMES)
    assert all(ports.FIRST <= port <= ports.LAST for port in chosen.values())
    assert ports.load_or_choose(file) == chosen == json.loads(file.read_text())


def test_a_name_that_is_new_gets_a_port_and_the_others_keep_theirs(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    file.write_text('{"kafka": 20001}')
    chosen = ports.load_or_choose(file)
    assert (chosen["kafka"], sorted(chosen)) == (20001, sorted(ports.NAMES))


@pytest.mark.parametrize("text", ["", "[]", '{"kafka": "x"}'])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ports.json"
    file.write_text(text)
    with pytest.raises(Invalid) as error:
        ports.load_or_choose(file)
    assert error.value.code == "RCD-704"


def test_a_port_that_somebody_took_is_named() -> None:
    with socket.socket() as other:
        other.bind((ports.HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Fatal) as error:
            ports.require_free("kafka", port)
    assert str(error.value) == f"RCD-704: {ports.HOST}:{port} of kafka is used by another program"
    ports.require_free("kafka", port)

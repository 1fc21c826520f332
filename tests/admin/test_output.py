"""What commands print off a terminal."""

import pytest

from admin import output


def test_a_plan_is_narrow_each_line_with_its_words_and_its_undo(capsys: pytest.CaptureFixture[str]) -> None:
    output.plan(
        [
            {"part": "shop", "what": "create role [x]", "exactly": "CREATE ROLE x", "undo": "DROP ROLE x"},
            {"part": "shop", "what": "see a heartbeat", "exactly": "reads only", "undo": ""},
        ]
    )
    assert capsys.readouterr().out == (
        "shop: create role [x]\n    CREATE ROLE x\n    undo: DROP ROLE x\nshop: see a heartbeat\n    reads only\n"
    )

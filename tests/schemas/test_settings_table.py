"""docs/settings.md and docs/errors.md say what the code says."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from schemas.config import Parameters
from schemas.errors import CODES, Invalid
from schemas.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
COMPUTED = {"RECADO_CACHE_DIR": "`$XDG_CACHE_HOME/recado`, else `~/.cache/recado`"}
ACCEPTED_AS = {"RECADO_ENABLED": "NOTIFY_NEW_MESSAGE_ENABLED"}


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    text = (DOCS / page).read_text("utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table]


def names(model: type[BaseModel], prefix: str = "RECADO_") -> dict[str, str]:
    """Each setting's variable and its default as the page writes it."""
    found: dict[str, str] = {}
    for name, field in model.model_fields.items():
        variable = prefix + name.upper()
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= names(kind, variable + "__")
        else:
            shown = COMPUTED.get(variable) or said(field.get_default(call_default_factory=True, validated_data={}))
            found[ACCEPTED_AS.get(variable, variable)] = shown
    return found


def said(default: Any) -> str:
    if default is None or default is PydanticUndefined or default == {}:
        return "-"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_every_setting_is_listed_with_its_default() -> None:
    assert {row[0].strip("`"): row[1] for row in rows("settings.md", "Processes")} == names(Settings)


def test_every_setting_says_what_it_is() -> None:
    assert [row[0] for row in rows("settings.md", "Processes") if len(row) != 3 or not row[2]] == []


def test_every_parameter_is_listed_with_its_default() -> None:
    listed = {row[0].strip("`"): row[1] for row in rows("settings.md", "Parameters of a tenant")}
    assert listed == {field.name: duration(field) for field in msgspec.structs.fields(Parameters)}


def duration(field: msgspec.structs.FieldInfo) -> str:
    counts = {"max_items", "max_pending", "ticket_cap", "agent_cap", "max_seen", "attempts", "max_hops"}
    counts |= {"pair_burst", "echo_rounds", "suspend_after"}
    value = int(field.default)
    if field.name in counts or value == 0:
        return f"`{value}`"
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000)):
        if value % size == 0 and (unit != "d" or value // size > 1):
            return f"`{value // size}{unit}`"
    return f"`{value}ms`"


def test_every_error_has_its_anchor_sentence_remedy_and_exit_code() -> None:
    page = (DOCS / "errors.md").read_text("utf-8")
    found = re.findall(r"^### (RCD-\d+)\n\n(.+)\n\n(.+)\n\nExit code: (\d+)\.$", page, re.MULTILINE)
    assert {code: (title, remedy, int(exit_)) for code, title, remedy, exit_ in found} == {
        code: (f"{entry.title[0].upper()}{entry.title[1:]}.", entry.remedy, int(entry.exit))
        for code, entry in CODES.items()
    }


@pytest.mark.parametrize(
    ("variable", "value", "said_of"),
    [
        ("RECADO_CELL", "Main", "RECADO_CELL"),
        ("RECADO_ORDINAL", "-1", "RECADO_ORDINAL"),
        ("RECADO_KAFKA__PARTITIONS", "many", "RECADO_KAFKA__PARTITIONS"),
        ("RECADO_LOG__LEVEL", "loud", "RECADO_LOG__LEVEL"),
        ("RECADO_TIMINGS__COMMIT_MS", "20000", "RECADO_TIMINGS"),
        ("NOTIFY_NEW_MESSAGE_ENABLED", "perhaps", "NOTIFY_NEW_MESSAGE_ENABLED"),
    ],
)
def test_a_wrong_setting_is_rcd_601_by_name_and_not_by_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said_of: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Invalid) as refused:
        Settings.load()
    assert refused.value.code == "RCD-601"
    assert refused.value.detail.startswith(f"{said_of}: ")
    assert value not in refused.value.detail.replace(said_of, "")


def test_the_plans_own_name_of_the_switch_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().enabled is False
    monkeypatch.setenv("NOTIFY_NEW_MESSAGE_ENABLED", "true")
    assert Settings.load().enabled is True

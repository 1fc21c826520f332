"""Who plays in the demonstration: the recorded companies, agents and their phones."""

import json
from pathlib import Path
from typing import NamedTuple

import msgspec

from schemas.errors import Invalid
from schemas.phone import comparison_key


class Agent(NamedTuple):
    """An agent of the recording. `number` is E.164."""

    company: int
    user: int
    name: str
    number: str


class Cast(NamedTuple):
    """The agents, the numbers of the WhatsApp sessions, and the companies of a recording."""

    agents: tuple[Agent, ...]
    sessions: tuple[str, ...]
    companies: tuple[tuple[int, str], ...]


class _Ids(msgspec.Struct):
    users: dict[str, int]
    session_numbers: dict[str, str]
    agent_phones_for_the_scenarios: dict[str, str]


_ADMIN_NUMBER = "+5511977771009"
_NAMES = {
    "ANA": (1, "Ana"),
    "BRU": (1, "Bruno"),
    "CAR": (1, "Carla"),
    "DIE": (1, "Diego"),
    "EVA": (2, "Eva"),
    "ADMIN": (1, "Admin"),
}
_COMPANIES = ((1, "Loja Sol"), (2, "Padaria Lua"))


def read(folder: Path) -> Cast:
    """Read who is who from a recording's `base-ids.json`.

    Raises:
        Invalid: RCD-601, the file is missing or of another form.
    """
    try:
        ids = msgspec.json.decode((folder / "base-ids.json").read_bytes(), type=_Ids)
    except (OSError, msgspec.DecodeError, json.JSONDecodeError) as error:
        raise Invalid("RCD-601", f"the recording {folder.name} lacks a readable base-ids.json") from error
    agents = []
    for key, user in ids.users.items():
        company, name = _NAMES[key]
        spoken = ids.agent_phones_for_the_scenarios.get(key, _ADMIN_NUMBER).split()[0]
        agents.append(Agent(company, user, name, "+" + spoken.lstrip("+")))
    sessions = tuple("+" + number for number in ids.session_numbers.values())
    keys = {comparison_key(number) for number in sessions}
    if any(comparison_key(agent.number) in keys for agent in agents):
        raise Invalid("RCD-601", f"the recording {folder.name} gives an agent a session's number")
    return Cast(tuple(agents), sessions, _COMPANIES)

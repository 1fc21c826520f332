"""Who plays in a recording: agents with their phones, sessions, and the settings under which both machines run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.config import (
    AgentConfig,
    ChannelConfig,
    Parameters,
    Snapshot,
    SourceConfig,
    StaticConfig,
    TenantConfig,
)
from schemas.phone import comparison_key
from schemas.reasons import Mode

SOURCE = "loja"
NUMBERS = {"ADMIN": "5511977771009"}
"""The recording gives no phone to the administrator; in the arm every agent has one."""
NO_COMPANY = 0
_FORKS_WITHOUT_COMPANIES = frozenset({"canove"})


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is who in a recording: key -> (company, user, number), the sessions' numbers, the source's id."""

    flavour: str
    agents: Mapping[str, tuple[int, int, str]]
    sessions: tuple[str, ...]
    source: str = SOURCE

    @classmethod
    def read(cls, folder: Path, source: str = SOURCE) -> "Cast":
        """Read `base-ids.json` of a recording; the folder is named as its flavour."""
        ids = json.loads((folder / "base-ids.json").read_text(encoding="utf-8"))
        spoken = NUMBERS | ids["agent_phones_for_the_scenarios"]
        agents = {
            key: (_company(folder.name, key), user, spoken[key].split()[0]) for key, user in ids["users"].items()
        }
        return cls(folder.name, agents, tuple(ids["session_numbers"].values()), source)

    def config(self, machine: Parameters) -> StaticConfig:
        """Everybody is verified and wants notices."""
        return StaticConfig(together([self], machine))

    def of(self, agent: str) -> str:
        """Return the key of an agent id."""
        return next(
            key for key, (company, user, _) in self.agents.items() if agent == f"{self.source}/{company}/{user}"
        )

    def by_number(self, number: str) -> str:
        """Return the key of whose phone this is."""
        return next(key for key, agent in self.agents.items() if comparison_key(agent[2]) == comparison_key(number))


def _company(flavour: str, agent: str) -> int:
    if flavour in _FORKS_WITHOUT_COMPANIES:
        return NO_COMPANY
    return 2 if agent == "EVA" else 1


def together(casts: Sequence[Cast], machine: Parameters) -> Snapshot:
    """Return the settings of several sources of one cell: everybody is verified and wants notices.

    The same numbers in two sources are different people, so each source's loop guard holds its own.
    """
    channel = ChannelConfig("phones", "sandbox")
    return Snapshot(
        version=1,
        enabled=True,
        sources=tuple(SourceConfig(c.source, c.flavour, session_numbers=c.sessions) for c in casts),
        tenants=tuple(
            TenantConfig(
                f"{cast.source}/{company}",
                mode=Mode.ON,
                name=f"Empresa {company}",
                lane=f"{cast.source}/{company}",
                channel_id=channel.channel_id,
                machine=machine,
                frontend_url="https://desk.example",
            )
            for cast in casts
            for company in sorted({company for company, _, _ in cast.agents.values()})
        ),
        agents=tuple(
            AgentConfig(
                f"{cast.source}/{company}/{user}",
                name=key,
                number=f"+{number}",
                verified=True,
                notify_on_new_message=True,
            )
            for cast in casts
            for key, (company, user, number) in cast.agents.items()
        ),
        channels=(channel,),
        loop_numbers={cast.source: _loop(cast) for cast in casts},
    )


def _loop(cast: Cast) -> tuple[str, ...]:
    numbers = (*cast.sessions, *(agent[2] for agent in cast.agents.values()))
    return tuple(key for key in map(comparison_key, numbers) if key is not None)

"""Who plays in a recording: agents with their phones, sessions, and the settings under which both machines run."""

import json
from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is who in a recording: key -> (company, user, number), and the sessions' numbers."""

    agents: Mapping[str, tuple[int, int, str]]
    sessions: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> "Cast":
        """Read `base-ids.json`."""
        ids = json.loads((folder / "base-ids.json").read_text(encoding="utf-8"))
        spoken = ids["agent_phones_for_the_scenarios"] | NUMBERS
        agents = {
            key: (2 if key == "EVA" else 1, user, spoken[key].split()[0]) for key, user in ids["users"].items()
        }
        return cls(agents, tuple(ids["session_numbers"].values()))

    def config(self, machine: Parameters) -> StaticConfig:
        """Everybody is verified and wants notices."""
        channel = ChannelConfig("phones", "sandbox")
        loop = (comparison_key(number) for number in (*self.sessions, *(a[2] for a in self.agents.values())))
        return StaticConfig(
            Snapshot(
                version=1,
                enabled=True,
                sources=(SourceConfig(SOURCE, "ticketz", session_numbers=self.sessions),),
                tenants=tuple(
                    TenantConfig(
                        f"{SOURCE}/{company}",
                        mode=Mode.ON,
                        name=f"Empresa {company}",
                        lane=f"{SOURCE}/{company}",
                        channel_id=channel.channel_id,
                        machine=machine,
                        frontend_url="https://desk.example",
                    )
                    for company in sorted({company for company, _, _ in self.agents.values()})
                ),
                agents=tuple(
                    AgentConfig(
                        f"{SOURCE}/{company}/{user}",
                        name=key,
                        number=f"+{number}",
                        verified=True,
                        notify_on_new_message=True,
                    )
                    for key, (company, user, number) in self.agents.items()
                ),
                channels=(channel,),
                loop_numbers={SOURCE: tuple(key for key in loop if key is not None)},
            )
        )

    def of(self, agent: str) -> str:
        """Return the key of an agent id."""
        return next(key for key, (company, user, _) in self.agents.items() if agent == f"{SOURCE}/{company}/{user}")

    def by_number(self, number: str) -> str:
        """Return the key of whose phone this is."""
        return next(key for key, agent in self.agents.items() if comparison_key(agent[2]) == comparison_key(number))

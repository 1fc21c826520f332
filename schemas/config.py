"""What the cores know of settings: immutable, swapped whole. Loaded by `consumers.directory`, kept as a file."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, Protocol

import msgspec

from schemas.identity import TenantId
from schemas.quiet import Holiday
from schemas.reasons import Mode

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


class Parameters(msgspec.Struct, frozen=True):
    """Parameters of both machines; all times in milliseconds. Names and defaults are those of the design."""

    settle: int = 3 * SECOND
    max_settle: int = 10 * SECOND
    window: int = 60 * SECOND
    max_window: int = 8 * MINUTE
    max_items: int = 20
    max_pending: int = 500
    ticket_cap: int = 12
    agent_cap: int = 30
    max_age: int = 30 * MINUTE
    seen_keep: int = 35 * MINUTE
    max_seen: int = 4_096
    late_grace: int = 5 * SECOND
    reset_after: int = 30 * MINUTE
    fresh_ms: int = 5 * SECOND
    stale_ttl: int = 4 * HOUR
    send_lease: int = 5 * SECOND
    http_timeout: int = 10 * SECOND
    attempts: int = 5
    base: int = 2 * SECOND
    bot_hold: int = 15 * MINUTE
    menu_hold: int = 2 * MINUTE
    unknown_wait_receipts: int = 60 * SECOND
    unknown_wait: int = 0
    ack_wait: int = 60 * SECOND
    receipt_ttl: int = 24 * HOUR
    dead_ttl: int = 30 * 24 * HOUR
    resolve_timeout: int = 2 * SECOND
    max_hops: int = 8
    pair_interval: int = 6 * SECOND
    pair_burst: int = 3
    release_spread: int = 5 * SECOND
    echo_window: int = 15 * SECOND
    echo_rounds: int = 3
    echo_silence: int = HOUR
    suspend_after: int = 3

    def __post_init__(self) -> None:
        """Refuse combinations that would break the laws."""
        if self.seen_keep < self.max_age + 5 * MINUTE:
            message = "seen_keep must be at least max_age + 5 minutes"
            raise ValueError(message)
        if min(self.settle, self.window, self.unknown_wait) < 0 or self.max_settle < self.settle:
            message = "settle, window and unknown_wait must not be negative, max_settle not below settle"
            raise ValueError(message)
        if self.pair_burst < 1 or self.echo_rounds < 1 or self.suspend_after < 1:
            message = "pair_burst, echo_rounds and suspend_after must be positive"
            raise ValueError(message)
        if self.max_items < 1 or self.max_pending < self.max_items or self.attempts < 1:
            message = "max_items and attempts must be positive, max_pending not below max_items"
            raise ValueError(message)


class AgentConfig(msgspec.Struct, frozen=True):
    """An agent's preferences. `number` is E.164 with `+`; `address` what the provider wants, when it is known.

    `disabled_at_ms` is when notices were last switched off: what was admitted before is never sent (0: never).
    `suspended_at_ms`: since when nothing is sent because providers refused the number for good (0: not suspended).
    """

    agent: str
    name: str = ""
    number: str | None = None
    address: str | None = None
    verified: bool = False
    notify_on_new_message: bool = False
    paused_until_ms: int = 0
    language: str | None = None
    quiet_hours: str | None = None
    contact_id: int | None = None
    disabled_at_ms: int = 0
    address_source: Literal["e164", "lookup", "meta_wa_id", "manual"] | None = None
    suspended_at_ms: int = 0


class ChannelConfig(msgspec.Struct, frozen=True):
    """A sending session. `settings` are the provider's own (never a secret: references `env:` or `file:`).

    `rate_per_minute` and `in_flight` None: the provider's usual limits. `weight` is its share where channels of a
    partition compete for places.
    """

    channel_id: str
    provider: str
    settings: dict[str, str] = {}
    session_number: str | None = None
    rate_per_minute: int | None = None
    in_flight: int | None = None
    weight: int = 1


class TenantConfig(msgspec.Struct, frozen=True):
    """A tenant's rules. `lane` is the unit of order and of limits in the sender.

    `quiet_hours` (`schemas.quiet.QuietHours` as JSON) are those of agents who have none of their own.
    """

    tenant: str
    mode: Mode = Mode.OFF
    name: str = ""
    disabled_at_ms: int = 0
    lane: str = ""
    channel_id: str | None = None
    machine: Parameters = Parameters()
    recipients: tuple[Literal["assignee", "queue", "admins"], ...] = ("assignee", "queue", "admins")
    first_only: bool = False
    fan_out: int = 3
    groups: bool = False
    bot_policy: Literal["wait", "suppress"] = "wait"
    quiet_policy: Literal["hold", "drop"] = "hold"
    unknown_policy: Literal["resend", "dead"] = "resend"
    marker: str = "[Whaticket]"
    template: str = "plan"
    language: str = "pt_BR"
    zone: str = "America/Sao_Paulo"
    frontend_url: str = ""
    version: int = 0
    quiet_hours: str | None = None
    holidays: tuple[Holiday, ...] = ()


class SourceConnection(msgspec.Struct, frozen=True):
    """How to reach a source: a whole DSN by reference, or its parts and the password by reference. No secret."""

    dsn_ref: str | None = None
    dialect: Literal["postgresql", "mysql", "mariadb"] = "postgresql"
    host: str | None = None
    port: int | None = None
    database: str | None = None
    username: str | None = None
    secret_ref: str | None = None


class SourceConfig(msgspec.Struct, frozen=True):
    """A Whaticket database as the cores see it. `created_offset_ms` is added to `createdAt` to get UTC."""

    source: str
    flavour: str
    created_offset_ms: int = 0
    session_numbers: tuple[str, ...] = ()
    frontend_url: str = ""
    connection: SourceConnection | None = None


class ConfigView(Protocol):
    """An immutable view of all settings that the cores use."""

    version: int
    enabled: bool
    disabled_at_ms: int
    """When the global switch was last turned off (0: never); what was admitted before is never sent."""

    def tenant(self, source: str, company_id: int | None) -> TenantConfig:
        """Return the tenant's rules; an unknown tenant is `off`, an unknown company `source/?` the merged mode."""
        ...

    def source(self, source: str) -> SourceConfig | None:
        """Return what is known of the source, None when it is not ours."""
        ...

    def agent(self, agent: str) -> AgentConfig | None:
        """Return the agent's preferences by `source/company/user`."""
        ...

    def channel(self, channel_id: str) -> ChannelConfig | None:
        """Return the channel."""
        ...

    def agent_contacts(self, source: str) -> Mapping[int, str]:
        """Return contact id -> agent id for agents whose own WhatsApp is a contact of this source."""
        ...

    def numbers(self, source: str) -> frozenset[str]:
        """Return comparison keys (no 9th digit) of agents' and sessions' numbers: the loop guard's set."""
        ...


class Snapshot(msgspec.Struct, frozen=True):
    """The stored form of a `ConfigView`: everything, in one JSON document."""

    version: int = 0
    enabled: bool = False
    sources: tuple[SourceConfig, ...] = ()
    tenants: tuple[TenantConfig, ...] = ()
    agents: tuple[AgentConfig, ...] = ()
    channels: tuple[ChannelConfig, ...] = ()
    loop_numbers: dict[str, tuple[str, ...]] = {}
    disabled_at_ms: int = 0


class StaticConfig:
    """`ConfigView` over a `Snapshot`. An unknown tenant is `off`; `source/?` is on if any tenant of it is."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.version = snapshot.version
        self.enabled = snapshot.enabled
        self.disabled_at_ms = snapshot.disabled_at_ms
        self._sources = {s.source: s for s in snapshot.sources}
        self._tenants = {t.tenant: t for t in snapshot.tenants}
        self._agents = {a.agent: a for a in snapshot.agents}
        self._channels = {c.channel_id: c for c in snapshot.channels}
        self._numbers = {source: frozenset(keys) for source, keys in snapshot.loop_numbers.items()}
        contacts: dict[str, dict[int, str]] = {}
        for agent in snapshot.agents:
            if agent.contact_id is not None:
                contacts.setdefault(agent.agent.split("/", 1)[0], {})[agent.contact_id] = agent.agent
        self._contacts = {source: MappingProxyType(found) for source, found in contacts.items()}

    def tenant(self, source: str, company_id: int | None) -> TenantConfig:
        """Return the tenant's rules; see `ConfigView.tenant`."""
        name = str(TenantId.of(source, company_id))
        found = self._tenants.get(name)
        if found is None:
            mode = Mode.OFF
            if company_id is None and any(
                t.mode != Mode.OFF for t in self._tenants.values() if t.tenant.startswith(f"{source}/")
            ):
                mode = Mode.ON
            found = self._tenants[name] = TenantConfig(tenant=name, mode=mode, lane=name)
        return found

    def source(self, source: str) -> SourceConfig | None:
        """Return what is known of the source."""
        return self._sources.get(source)

    def agent(self, agent: str) -> AgentConfig | None:
        """Return the agent's preferences."""
        return self._agents.get(agent)

    def channel(self, channel_id: str) -> ChannelConfig | None:
        """Return the channel."""
        return self._channels.get(channel_id)

    def agent_contacts(self, source: str) -> Mapping[int, str]:
        """Return contact id -> agent id."""
        return self._contacts.get(source, MappingProxyType({}))

    def numbers(self, source: str) -> frozenset[str]:
        """Return the loop guard's comparison keys."""
        return self._numbers.get(source, frozenset())

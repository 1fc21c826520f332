"""The settings in force, as rows need them: looked up once for each source and tenant, not for each row."""

from collections.abc import Callable

import msgspec

from cdc.flavours.api import Flavour
from consumers.runtime.api import Undecodable
from schemas.config import ConfigView, Parameters, SourceConfig
from schemas.errors import Invalid
from schemas.identity import TenantId
from schemas.reasons import Mode


class TenantRules(msgspec.Struct, frozen=True):
    """What one tenant's rows and timers need to know. `version` is that of the settings."""

    tenant: str
    lane: str
    off: bool
    disabled_at_ms: int
    marker: str
    machine: Parameters
    version: int


class SourceRules:
    """What one source's rows need to know.

    `contacts` are the agents' own contacts (contact id -> agent id), `tenants` those companies' rules that were
    looked up already.
    """

    def __init__(self, config: ConfigView, source: SourceConfig, flavour: Flavour) -> None:
        self.name = source.source
        self.classify = flavour.classify
        self.kind = flavour.kind
        self.sole_company = flavour.sole_company
        self.offset_ms = source.created_offset_ms
        self.contacts = config.agent_contacts(source.source)
        self._config = config
        self.tenants: dict[int | None, TenantRules] = {}

    def tenant(self, company_id: int | None) -> TenantRules:
        """Return the rules of a company; None is the lane `source/?` of a source whose rows tell no company."""
        rules = self.tenants.get(company_id)
        if rules is None:
            rules = self.tenants[company_id] = tenant_rules(self._config, self.name, company_id)
        return rules

    def number(self, agent: str) -> str | None:
        """Return an agent's number, None when it is not known."""
        found = self._config.agent(agent)
        return found.number if found else None


def tenant_rules(config: ConfigView, source: str, company_id: int | None, *, removed: bool = False) -> TenantRules:
    """Return a tenant's rules; of a `removed` source as if switched off, for nobody can be told any more."""
    found = config.tenant(source, company_id)
    name = str(TenantId.of(source, company_id))
    return TenantRules(
        tenant=name,
        lane=found.lane or name,
        off=removed or found.mode == Mode.OFF,
        disabled_at_ms=found.disabled_at_ms,
        marker=found.marker,
        machine=found.machine,
        version=config.version,
    )


class Rules:
    """All sources' rules under the settings in force; settings that were swapped count at the next event."""

    def __init__(self, config: Callable[[], ConfigView], flavours: Callable[[str], Flavour]) -> None:
        self._config = config
        self._flavours = flavours
        self._view: ConfigView | None = None
        self._sources: dict[str, SourceRules] = {}

    def source(self, name: str) -> SourceRules | None:
        """Return the rules of a source, None when it is not ours.

        Raises:
            Undecodable: the source has a flavour that this release does not know; the other sources go on.
        """
        view = self._config()
        if view is not self._view:
            self._view = view
            self._sources = {}
        rules = self._sources.get(name)
        return rules if rules is not None else self._load(view, name)

    def tenant(self, source: str, company_id: int | None) -> TenantRules:
        """Return the rules for a window that exists already, whatever became of its source meanwhile."""
        try:
            rules = self.source(source)
        except Undecodable:  # its flavour matters to rows only: what waits already is told
            return tenant_rules(self._config(), source, company_id)
        if rules is None:
            return tenant_rules(self._config(), source, company_id, removed=True)
        return rules.tenant(company_id)

    def _load(self, view: ConfigView, name: str) -> SourceRules | None:
        found = view.source(name)
        if found is None:
            return None
        try:
            flavour = self._flavours(found.flavour)
        except Invalid as error:
            code = "unknown_flavour"
            raise Undecodable(code, error.detail) from None
        rules = self._sources[name] = SourceRules(view, found, flavour)
        return rules

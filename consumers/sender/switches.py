"""Switches: whether a tenant and an agent want to be told at all. Pure; asked when resolved and before sending."""

import re

from schemas.config import AgentConfig, ConfigView, TenantConfig
from schemas.reasons import Mode, Suppressed

_E164 = re.compile(r"\+[1-9][0-9]{7,14}")


def tenant_off(config: ConfigView, tenant: TenantConfig) -> Suppressed | None:
    """Return why nobody of the tenant may be told now, None when they may."""
    if not config.enabled:
        return Suppressed.GLOBAL_DISABLED
    if tenant.mode == Mode.OFF:
        return Suppressed.TENANT_DISABLED
    return None


def agent_off(agent: AgentConfig | None) -> Suppressed | None:
    """Return why this agent may not be told now, None when they may. Nobody is told who did not switch it on."""
    if agent is None or not agent.notify_on_new_message:
        return Suppressed.AGENT_DISABLED
    if not agent.number:
        return Suppressed.NO_NUMBER
    if not _E164.fullmatch(agent.number):
        return Suppressed.BAD_NUMBER
    if not agent.verified:
        return Suppressed.UNVERIFIED
    return None


def off_since(config: ConfigView, tenant: TenantConfig, admitted_ms: int) -> Suppressed | None:
    """Return why a message admitted then may not be told although everything is on again, None when it may.

    What waited when something was switched off is not sent when it is switched on again.
    """
    if admitted_ms <= config.disabled_at_ms:
        return Suppressed.GLOBAL_DISABLED
    if admitted_ms <= tenant.disabled_at_ms:
        return Suppressed.TENANT_DISABLED
    return None

"""A small world for the registry: a source, a tenant, a channel, an agent."""

import pytest
from sqlalchemy import Connection

from admin.registry import agents, channels, sources, tenants
from admin.registry.rows import By
from schemas.identity import AgentId, TenantId

BY = By("ana", "cli", "because")
SHOP = TenantId("shop", "1")
AGENT = AgentId("shop", "1", 7)
NUMBER = "+5511987654321"
SESSION = "+551130611234"
SANDBOX = {"url": "http://127.0.0.1:8099"}


@pytest.fixture
def world(connection: Connection) -> Connection:
    sources.add(connection, BY, "shop", "ticketz", "postgresql://app@db/whaticket", session_numbers=[SESSION])
    channels.add(connection, BY, "phones", "sandbox", SANDBOX)
    tenants.change(connection, BY, SHOP, name="Loja Sol", channel_id="phones")
    agents.change(connection, BY, AGENT, name="Ana", whatsapp_notification_number=NUMBER)
    return connection

"""Whether a company or user that somebody names is there: asked of the source's own database, as its read role."""

import psycopg
from psycopg import sql

from admin.install import address as addresses
from admin.install import registration
from cdc.flavours.registry import flavour
from cdc.postgres import Connection, connect
from schemas.errors import RecadoError
from schemas.identity import AgentId, TenantId

_COMPANY = "companyId"
_SHOWN = 10


def doubt(url: str, tenant: TenantId, agent: AgentId | None = None) -> str | None:
    """Return a sentence when Whaticket knows no such company or user, or could not be asked; else None.

    Nothing is asked before the source is installed: only then there is a role that may read. Blocks for seconds
    at most.
    """
    row = registration.row(url, tenant.source)
    address = None if row is None else addresses.of_row(row)
    if row is None or address is None or row["state"] != registration.INSTALLED:
        return None
    fork = flavour(row["flavour"])
    try:
        with connect(address.conninfo()) as connection:
            connection.execute("SET default_transaction_read_only = on; SET statement_timeout = '2s'")
            if _COMPANY not in fork.grants["Users"]:
                return _alone(connection, tenant, agent)
            return _one_of_many(connection, tenant, agent)
    except (RecadoError, psycopg.Error) as error:
        code = error.code if isinstance(error, RecadoError) else type(error).__name__
        return f"whether {tenant if agent is None else agent} exists could not be asked: {code}"


def _one_of_many(connection: Connection, tenant: TenantId, agent: AgentId | None) -> str | None:
    column = sql.Identifier(_COMPANY)
    asked = sql.SQL('SELECT DISTINCT {}::text FROM "Users" WHERE {} IS NOT NULL').format(column, column)
    companies = sorted((name for (name,) in connection.execute(asked)), key=int)
    if tenant.company not in companies:
        known = ", ".join(companies[:_SHOWN]) or "none"
        return (
            f"Whaticket has no user in a company {tenant.company} of {tenant.source}; companies with users: {known}"
        )
    if agent is None:
        return None
    asked = sql.SQL('SELECT {}::text FROM "Users" WHERE id = %s').format(column)
    found = connection.execute(asked, [agent.user]).fetchone()
    return None if found == (tenant.company,) else f"Whaticket has no user {agent.user} in company {tenant}"


def _alone(connection: Connection, tenant: TenantId, agent: AgentId | None) -> str | None:
    if tenant.company != "0":
        return f"this Whaticket has no companies: the tenant is {tenant.source}/0"
    if agent is None:
        return None
    found = connection.execute('SELECT FROM "Users" WHERE id = %s', [agent.user]).fetchone()
    return None if found is not None else f"Whaticket has no user {agent.user} in {tenant.source}"

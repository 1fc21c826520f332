"""What the sender learns of agents' numbers, written into the recado database. Audited, as by the system."""

from sqlalchemy import insert, select, update

from schemas.database import transaction
from schemas.identity import AgentId, address_hash
from schemas.phone import mask
from schemas.tables import agents, audit

WHO = "sender"


def learn_address(url: str, agent: str, number_hash: str, address: str, source: str) -> None:
    """Keep the address by which an agent's number is reached; blocks.

    Nothing when the number is another one meanwhile, or when a person chose the address.

    Raises:
        RecadoError: as `schemas.database.transaction`.
    """
    values = {"wa_address": address, "wa_address_source": source}
    _write(url, agent, number_hash, "user.address", values, "wa_address_checked_at")


def suspend(url: str, agent: str, number_hash: str, reason: str) -> None:
    """Suspend a number that was refused for good; blocks. Nothing when it is another one meanwhile.

    Raises:
        RecadoError: as `schemas.database.transaction`.
    """
    _write(url, agent, number_hash, "user.suspend", {"suspended_reason": reason}, "suspended_at")


def _write(url: str, agent: str, number_hash: str, what: str, values: dict[str, str], stamp: str) -> None:
    who = AgentId.parse(agent)
    key = (agents.c.source == who.source, agents.c.company == who.company, agents.c.user_id == who.user)
    with transaction(url) as connection:
        found = connection.execute(select(agents).where(*key).with_for_update()).mappings().one_or_none()
        if found is None or address_hash(found["whatsapp_notification_number"] or "") != number_hash:
            return
        chosen = "wa_address" in values and found["wa_address_source"] == "manual"
        if chosen or all(found[name] == value for name, value in values.items()):
            return
        now = connection.exec_driver_sql("SELECT now()").scalar_one()
        connection.execute(update(agents).where(*key).values(**values, **{stamp: now, "updated_at": now}))
        shown = {name: mask(value) if name == "wa_address" else value for name, value in values.items()}
        before = {
            name: found[name] and (mask(found[name]) if name == "wa_address" else found[name]) for name in values
        }
        connection.execute(
            insert(audit).values(who=WHO, via="system", what=what, subject=agent, before=before, after=shown)
        )

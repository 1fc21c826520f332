"""Numbers: which way of writing one reaches the phone, and which reaches nobody any more.

Brazil's 9th digit, and its like in Argentina and Mexico: the stored number has it, the WhatsApp account may not. So
a number that is refused for good is tried once in its other form before it counts as refused. What the provider
says that it used is told to the recado database and used from then on. A number refused for good `suspend_after`
times in a row is suspended: its agent's messages end as `bad_number` until somebody gives or vouches for it anew.
No number rests in the state, only its hash and which form of it works.
"""

from typing import Literal

import structlog

from consumers.sender.turn import Turn
from consumers.sender.work import Reported, Tell
from provider.api import Accepted, Address
from schemas.config import MINUTE, AgentConfig
from schemas.identity import address_hash
from schemas.phone import other_form
from schemas.reasons import Suppressed
from schemas.records import Header, Reached, Sending

log = structlog.get_logger(__name__)

Form = Literal["stored", "other"]
TELL_AGAIN_MS = MINUTE


def hash_of(agent: AgentConfig) -> str:
    """Return the hash of the number that the agent is told at now."""
    return address_hash(agent.number or "")


def address_of(agent: AgentConfig, header: Header) -> Address:
    """Return where the agent is told: in the form that works, else what a look-up found, else the number."""
    number = agent.number or ""
    reached = _reached(agent, header)
    if reached is not None and reached.tried_other:
        return Address(_formed(agent, reached.form), "e164")
    if agent.address:
        return Address(agent.address, agent.address_source or "lookup")
    return Address(number, "e164")


def refused(turn: Turn, agent: str, header: Header, code: str, number_hash: str | None = None) -> bool:
    """Take note that the number was refused for good; True when it is to be tried in another way before it counts.

    That is its other form, or the number that the agent has had since (`number_hash` is of the refused one).
    """
    me = turn.config.agent(agent)
    if me is None or not me.number:
        return False
    if number_hash is not None and number_hash != hash_of(me):
        return True
    reached = header.reached = _reached(me, header) or Reached(number_hash=hash_of(me))
    machine = turn.tenant_of(agent).machine
    used = address_of(me, header)
    form = _untried(me, used)
    if not reached.tried_other and form is not None and used.source != "manual":
        reached.tried_other, reached.form = True, form
        return True
    # Both ways were refused: the stored one is the one to show, and the next message tries it again.
    reached.tried_other, reached.form = False, "stored"
    reached.refusals += 1
    reached.code = code
    if reached.refusals >= machine.suspend_after:
        reached.suspended_ms, reached.unreported = turn.now_ms, True
        log.warning("number is refused for good and suspended", agent=agent, code=code, times=reached.refusals)
        tell(turn, agent, header)
    return False


def worked(turn: Turn, agent: str, header: Header, sending: Sending, accepted: Accepted) -> None:
    """Learn from an accepted message which address works."""
    me = turn.config.agent(agent)
    if me is None or not me.number or hash_of(me) != sending.address_hash:
        return
    reached = _reached(me, header)
    if reached is not None:
        reached.refusals, reached.suspended_ms, reached.unreported = 0, 0, False
    used = Address(accepted.address_used or sending.address)
    hidden = used.value.endswith("@lid")  # no number: not every gateway sends to one
    if hidden or used.digits in {Address(me.address or me.number).digits, ""}:
        if reached is not None and not reached.tried_other:
            header.reached = None  # nothing is known that the settings do not know
        return
    channel = turn.config.channel(sending.channel_id)
    source = "meta_wa_id" if channel is not None and channel.provider == "meta" else "lookup"
    turn.after_commit(Tell(agent, hash_of(me), address=used.value, source=source))


def suspended(agent: AgentConfig | None, header: Header) -> Suppressed | None:
    """Return why the agent's number may not be used now, None when it may."""
    if agent is None:
        return None
    reached = _reached(agent, header)
    if agent.suspended_at_ms or (reached is not None and reached.suspended_ms and reached.unreported):
        return Suppressed.BAD_NUMBER
    return None


def tell(turn: Turn, agent: str, header: Header) -> None:
    """Tell the recado database of a suspension that it has not confirmed, at most once a minute."""
    reached = header.reached
    if reached is None or not reached.unreported or turn.now_ms < reached.reported_ms + TELL_AGAIN_MS:
        return
    reached.reported_ms = turn.now_ms
    turn.put_header(agent, header)
    turn.after_commit(Tell(agent, reached.number_hash, suspended_ms=reached.suspended_ms, code=reached.code))


def told(turn: Turn, work: Tell, result: object) -> None:
    """Apply the database's confirmation; without one it is told again with the agent's next message."""
    header = turn.header(work.agent)
    reached = header.reached
    if not isinstance(result, Reported) or reached is None or reached.number_hash != work.number_hash:
        return
    if work.suspended_ms:
        reached.unreported = False
        turn.put_header(work.agent, header)
    elif work.address is not None and reached.tried_other:
        header.reached = None  # from now on the settings say it
        turn.put_header(work.agent, header)


def _reached(agent: AgentConfig, header: Header) -> Reached | None:
    reached = header.reached
    return reached if reached is not None and reached.number_hash == hash_of(agent) else None


def _formed(agent: AgentConfig, form: str) -> str:
    number = agent.number or ""
    return (other_form(number) or number) if form == "other" else number


def _untried(agent: AgentConfig, used: Address) -> Form | None:
    """Return the form that is not the one just used, None when there is none."""
    forms: tuple[Form, Form] = ("stored", "other")
    for form in forms:
        if Address(_formed(agent, form)).digits != used.digits:
            return form
    return None

"""The books: everything that the topics say of messages, obligations and notices, indexed."""

from collections import Counter, defaultdict
from typing import NamedTuple

import msgspec

from deploy.demo.verifier.evidence import Evidence, Seen, latest
from schemas.codec import decoder
from schemas.records import Alert, AlertsRecord, Header, OutboxEntry, Outcome, Window

ALIVE = frozenset({"HELD", "SENDING", "UNKNOWN"})

_outcome = decoder(Outcome)
_alerts_record = msgspec.json.Decoder(AlertsRecord)
_window = decoder(Window)
_entry = decoder(OutboxEntry)
_header = decoder(Header)


class Obligation(NamedTuple):
    """The duty to tell an agent of a message."""

    ref: str
    agent: str
    hop: int

    def __str__(self) -> str:
        return f"{self.ref} for {self.agent} (hop {self.hop})"


class Books:
    """Births and ends of obligations, ends without an agent, places where messages wait, notices by id.

    `alive` are the obligations of entries in the sender's state, `in_flight` the notices on their way.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.outcomes = [_outcome.decode(record.value or b"") for record in evidence.outcomes]
        self.alerts = alerts_of(evidence.alerts)
        self.births: Counter[Obligation] = Counter()
        self.ends: dict[Obligation, list[Outcome]] = defaultdict(list)
        self.agentless: dict[str, list[Outcome]] = defaultdict(list)
        self.bounced: Counter[tuple[str, str]] = Counter()
        self.by_notice: dict[str, list[Outcome]] = defaultdict(list)
        self.waiting: dict[str, list[str]] = defaultdict(list)
        self.alive: Counter[Obligation] = Counter()
        self.in_flight: set[str] = set()
        self._read_outcomes()
        self._read_windows(evidence)
        self._read_outboxes(evidence)
        self._read_unread_alerts(evidence)

    def obligations(self) -> set[Obligation]:
        """Return every obligation that anything speaks of."""
        return {*self.births, *self.ends, *self.alive}

    def accounted(self) -> set[str]:
        """Return the messages that ended, are owed, or wait visibly."""
        ended = {ref for ref, ends in self.agentless.items() if ends}
        return {*ended, *self.waiting, *(o.ref for o in self.obligations())}

    def _read_outcomes(self) -> None:
        for outcome in self.outcomes:
            if outcome.notification_id:
                self.by_notice[outcome.notification_id].append(outcome)
            for ref in outcome.message_refs:
                self._book(ref, outcome)

    def _book(self, ref: str, outcome: Outcome) -> None:
        if outcome.agent is None:
            if outcome.kind in {"suppressed", "dead"}:
                self.agentless[ref].append(outcome)
            elif outcome.kind == "revived" and self.agentless[ref]:
                self.agentless[ref].pop()  # redriven before anybody was responsible: it is pending again
            return
        mine = Obligation(ref, outcome.agent, outcome.hop)
        if outcome.kind in {"assigned", "revived", "bounced"}:
            self.births[mine] += 1
        if outcome.kind in {"sent", "suppressed", "dead", "moved"}:
            self.ends[mine].append(outcome)
        if outcome.kind == "bounced":
            self.bounced[ref, outcome.agent] += 1
        if outcome.kind == "moved":
            for agent in outcome.to:
                hop = outcome.hop + 1 if outcome.to_hop is None else outcome.to_hop
                self.births[Obligation(ref, agent, hop)] += 1

    def _read_windows(self, evidence: Evidence) -> None:
        for key, value in latest(evidence.coalescer_changelog).items():
            for item in _window.decode(value).pending:
                self.waiting[item.message_ref].append(f"window {key}")

    def _read_outboxes(self, evidence: Evidence) -> None:
        for key, value in latest(evidence.sender_changelog).items():
            if key.startswith("u/"):
                for item in _entry.decode(value).items:
                    self.waiting[item.message_ref].append(f"unresolved {key}")
            elif key.startswith("e/"):
                entry = _entry.decode(value)
                agent = key[2:].rpartition("/")[0]
                if entry.phase in ALIVE:
                    self.alive.update(Obligation(item.message_ref, agent, entry.hop) for item in entry.items)
            elif key.startswith("o/"):
                sending = _header.decode(value).sending
                if sending is not None:
                    self.in_flight.add(sending.notification_id)

    def _read_unread_alerts(self, evidence: Evidence) -> None:
        if evidence.alerts_read_to is None:
            return
        for record, alert in self.alerts:
            if record.offset >= evidence.alerts_read_to.get(record.partition, 0) and alert.redrive_of is None:
                for item in alert.items:
                    self.waiting[item.message_ref].append(f"alert {record.partition}:{record.offset}")


def alerts_of(records: list[Seen]) -> list[tuple[Seen, Alert]]:
    """Return the alerts among a topic's records."""
    decoded = ((record, _alerts_record.decode(record.value or b"")) for record in records)
    return [(record, alert) for record, alert in decoded if isinstance(alert, Alert)]

"""In-memory indexes of one partition's entries, rebuilt at restore: by ticket, by agent, by alert, by message."""

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from consumers.sender import keys
from schemas.records import OutboxEntry

K = TypeVar("K")


class Facts(NamedTuple):
    """What the indexes know of an entry."""

    source: str
    ticket_id: int
    agent: str | None
    alert_id: str
    phase: str
    due_ms: int
    message: str | None
    notification: str | None


def _facts(key: str, entry: OutboxEntry) -> Facts:
    agent, alert_id = keys.parse_entry(key)
    message = entry.provider_message_id if entry.phase == "SENT" else None
    notification = entry.notification_id if entry.phase in {"SENDING", "UNKNOWN"} else None
    return Facts(entry.source, entry.ticket_id, agent, alert_id, entry.phase, entry.due_ms, message, notification)


class Index:
    """Entries by what one looks them up with. `note` is called for every change of an entry."""

    def __init__(self) -> None:
        self._facts: dict[str, Facts] = {}
        self._tickets: dict[tuple[str, int], dict[str, None]] = {}
        self._agents: dict[str, dict[str, None]] = {}
        self._alerts: dict[str, dict[str, None]] = {}
        self._messages: dict[str, dict[str, None]] = {}
        self._notifications: dict[str, dict[str, None]] = {}

    def note(self, key: str, entry: OutboxEntry | None) -> None:
        """Take the present value of an entry, None when it is gone."""
        old = self._facts.pop(key, None)
        new = None if entry is None else _facts(key, entry)
        if new is not None:
            self._facts[key] = new
        if old is not None and new is not None and old[0:4] == new[0:4] and old[6:] == new[6:]:
            return
        for facts, add in ((old, False), (new, True)):
            if facts is None:
                continue
            _change(self._tickets, (facts.source, facts.ticket_id), key, add=add)
            _change(self._alerts, facts.alert_id, key, add=add)
            if facts.agent is not None:
                _change(self._agents, facts.agent, key, add=add)
            if facts.message is not None:
                _change(self._messages, facts.message, key, add=add)
            if facts.notification is not None:
                _change(self._notifications, facts.notification, key, add=add)

    def of_ticket(self, source: str, ticket_id: int) -> list[str]:
        """Return the entries of a ticket."""
        return list(self._tickets.get((source, ticket_id), ()))

    def of_alert(self, alert_id: str) -> list[str]:
        """Return the entries of an alert, the unresolved one included."""
        return list(self._alerts.get(alert_id, ()))

    def of_message(self, provider_message_id: str) -> list[str]:
        """Return the SENT entries that a provider's message carried."""
        return list(self._messages.get(provider_message_id, ()))

    def of_notification(self, notification_id: str) -> str | None:
        """Return the agent whose attempt, in flight or unknown, has this id."""
        return next((self._facts[key].agent for key in self._notifications.get(notification_id, ())), None)

    def in_flight(self) -> list[str]:
        """Return the ids of all attempts in flight or unknown."""
        return list(self._notifications)

    def held(self, agent: str) -> list[str]:
        """Return the HELD entries of an agent."""
        return [key for key in self._agents.get(agent, ()) if self._facts[key].phase == "HELD"]

    def of_agent(self, agent: str) -> list[str]:
        """Return all entries of an agent."""
        return list(self._agents.get(agent, ()))

    def agents(self) -> list[str]:
        """Return the agents with any entry."""
        return list(self._agents)

    def all(self) -> Iterator[tuple[str, Facts]]:
        """Iterate over a copy of everything."""
        yield from list(self._facts.items())

    def facts(self, key: str) -> Facts:
        """Return what is known of an entry that is present."""
        return self._facts[key]


def _change(table: dict[K, dict[str, None]], name: K, key: str, *, add: bool) -> None:
    if add:
        table.setdefault(name, {})[key] = None
        return
    found = table[name]
    del found[key]
    if not found:
        del table[name]

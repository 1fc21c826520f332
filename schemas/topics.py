"""Topics, groups and ids of a cell. Created by `recado install`, never by auto-creation."""

from typing import NamedTuple

DAY = 24 * 3600 * 1000
CHANGELOG = {
    "cleanup.policy": "compact",
    "segment.ms": str(10 * 60 * 1000),
    "min.cleanable.dirty.ratio": "0.2",
    "max.compaction.lag.ms": str(DAY),
    "delete.retention.ms": str(DAY),
}


class Topic(NamedTuple):
    """A topic to create: name, partition count and configuration."""

    name: str
    partitions: int
    config: dict[str, str]


class Cell:
    """Names within one cell: `recado.<cell>.…`."""

    def __init__(self, name: str = "main") -> None:
        self.name = name
        self.prefix = f"recado.{name}."
        self.messages = self.prefix + "messages"
        self.coalescer_changelog = self.prefix + "coalescer.changelog"
        self.alerts = self.prefix + "alerts"
        self.sender_changelog = self.prefix + "sender.changelog"
        self.outcomes = self.prefix + "outcomes"
        self.dlq = self.prefix + "dlq"
        self.cdc_dlq = self.prefix + "cdc.dlq"
        self.heartbeats = self.prefix + "heartbeats"
        self.signals = self.prefix + "signals"
        self.notifications = self.prefix + "notifications"
        self.coalescer_group = self.prefix + "coalescer"
        self.sender_group = self.prefix + "sender"

    def all(self, partitions: int = 12) -> list[Topic]:
        """Return every topic of the cell with its configuration."""
        keep = {"cleanup.policy": "delete"}
        return [
            Topic(self.messages, partitions, {**keep, "retention.ms": str(3 * DAY), "compression.type": "lz4"}),
            Topic(self.coalescer_changelog, partitions, CHANGELOG),
            Topic(self.alerts, partitions, {**keep, "retention.ms": str(7 * DAY)}),
            Topic(self.sender_changelog, partitions, CHANGELOG),
            Topic(self.outcomes, partitions, {**keep, "retention.ms": str(30 * DAY)}),
            Topic(self.dlq, partitions, {**keep, "retention.ms": str(30 * DAY)}),
            Topic(self.cdc_dlq, partitions, {**keep, "retention.ms": str(14 * DAY)}),
            Topic(self.heartbeats, 1, {**keep, "retention.ms": str(DAY)}),
            Topic(self.signals, 1, {**keep, "retention.ms": str(DAY)}),
            Topic(self.notifications, 1, {**keep, "retention.ms": str(DAY)}),
        ]

"""Every metric's name, labels and meaning: one typed list. A typo is a type error; docs include this table."""

from typing import Literal, NamedTuple

MetricName = Literal[
    "recado_records_total",
    "recado_ignored_total",
    "recado_undecodable_total",
    "recado_alerts_total",
    "recado_outcomes_total",
    "recado_transactions_total",
    "recado_transaction_seconds",
    "recado_restore_seconds",
    "recado_rebuilds_total",
    "recado_state_entries",
    "recado_oldest_due_seconds",
    "recado_work_in_flight",
    "recado_send_seconds",
    "recado_sends_total",
    "recado_seen_dropped_total",
    "recado_redrive_refused_total",
    "recado_resolve_seconds",
    "recado_config_version",
    "recado_hooks_total",
    "recado_unacknowledged_total",
    "recado_breaker_opened_total",
    "recado_loops_total",
    "recado_alerts_dropped_total",
    "recado_rules_failed_total",
    "recado_put_aside",
]


class Metric(NamedTuple):
    """Kind, labels and one sentence. Labels are low in number: never a ticket, an agent or a phone."""

    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


METRICS: dict[MetricName, Metric] = {
    "recado_records_total": Metric("counter", ("app",), "Input records processed."),
    "recado_ignored_total": Metric("counter", ("source", "reason"), "Rows that are no customer message, by reason."),
    "recado_undecodable_total": Metric("counter", ("app",), "Records written to the dead-letter topic of the input."),
    "recado_alerts_total": Metric("counter", ("source", "reason"), "Alerts emitted by the coalescer: lead or summary."),
    "recado_outcomes_total": Metric("counter", ("source", "kind", "reason"), "Outcomes written."),
    "recado_transactions_total": Metric("counter", ("app", "result"), "Transactions: committed, aborted, failed."),
    "recado_transaction_seconds": Metric("histogram", ("app",), "Begin to commit of a transaction."),
    "recado_restore_seconds": Metric("histogram", ("app",), "Restore of a partition's state."),
    "recado_rebuilds_total": Metric("counter", ("app", "reason"), "Rebuilds of producer, consumer and state after doubt."),
    "recado_state_entries": Metric("gauge", ("app", "partition"), "Keys in a partition's state."),
    "recado_oldest_due_seconds": Metric("gauge", ("app",), "How late the oldest due timer is."),
    "recado_work_in_flight": Metric("gauge", ("app",), "Look-ups and sends under way."),
    "recado_send_seconds": Metric("histogram", ("provider",), "HTTP time of a send."),
    "recado_sends_total": Metric("counter", ("provider", "result"), "Attempts by result."),
    "recado_seen_dropped_total": Metric("counter", ("source",), "Seen ids dropped because a ticket had too many."),
    "recado_redrive_refused_total": Metric("counter", ("reason",), "Redrive records without a dead entry."),
    "recado_resolve_seconds": Metric("histogram", ("source",), "Time to ask the source who is responsible."),
    "recado_breaker_opened_total": Metric("counter", ("provider", "reason"), "Channel breakers that opened."),
    "recado_loops_total": Metric("counter", ("source",), "Agents who are told no more of a ticket, because its messages echo the notices."),
    "recado_alerts_dropped_total": Metric("counter", ("reason",), "Alerts, receipts and commands that changed nothing, by reason."),
    "recado_rules_failed_total": Metric("counter", ("app",), "Events on which the rules failed: a bug (RCD-213)."),
    "recado_put_aside": Metric("gauge", ("app",), "Keys whose timers and answers are left alone, because the rules failed on them."),
    "recado_hooks_total": Metric("counter", ("provider", "result"), "Webhooks of gateways, by what was answered."),
    "recado_unacknowledged_total": Metric("counter", ("channel",), "Notices accepted of which the gateway has reported nothing since."),
    "recado_config_version": Metric("gauge", (), "Version of the configuration in force."),
}  # fmt: skip

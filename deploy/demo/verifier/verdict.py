"""What the verifier says: numbers, findings, latency by step."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from schemas.records import Outcome

LOST = frozenset({"unaccounted"})
DOUBLED = frozenset({"doubled"})

STEPS = (
    ("capture", "created_ms", "captured_ms"),
    ("admit", "captured_ms", "admitted_ms"),
    ("window", "admitted_ms", "fired_ms"),
    ("resolve", "fired_ms", "resolved_ms"),
    ("hold", "resolved_ms", "marked_ms"),
    ("send", "marked_ms", "at_ms"),
)
"""Steps of a notice, between two times of its `sent` outcome. `window` and `hold` are waits on purpose."""

ON_PURPOSE = frozenset({"window", "hold"})


class Finding(msgspec.Struct, frozen=True, order=True):
    """A law that is broken. `what`: unaccounted, doubled, or a stable short name; `subject` never holds a text."""

    law: str
    what: str
    subject: str
    detail: str


class Percentiles(msgspec.Struct, frozen=True):
    """Milliseconds over `n` notices; None where there were none."""

    n: int
    p50: int | None
    p99: int | None


class Tally(msgspec.Struct):
    """Counts. `admitted` are messages, `notices` are texts; all others are ends.

    An end is that of an obligation (message and agent), or of a message that nobody had to be told of. So one
    message for two agents is one `admitted` and two `sent`.
    """

    admitted: int = 0
    sent: int = 0
    shadow: int = 0
    moved: int = 0
    dead: int = 0
    pending: int = 0
    notices: int = 0
    suppressed: dict[str, int] = {}

    def end(self, kind: str, reason: str | None) -> None:
        """Count one end."""
        if kind == "suppressed":
            name = reason or "unknown"
            self.suppressed[name] = self.suppressed.get(name, 0) + 1
        else:
            setattr(self, kind, getattr(self, kind) + 1)


class Verdict(msgspec.Struct):
    """The whole answer. `ok`: nothing is pending, lost, doubled or otherwise against the laws."""

    tally: Tally
    findings: list[Finding]
    latency_ms: Percentiles
    steps_ms: dict[str, Percentiles]

    @classmethod
    def of(cls, tally: Tally, findings: Iterable[Finding], outcomes: Sequence[Outcome]) -> "Verdict":
        """Put the answer together; see `latency` for what is measured."""
        total, steps = latency(outcomes)
        tally.suppressed = dict(sorted(tally.suppressed.items()))
        return cls(tally, sorted(findings), total, steps)

    @property
    def unaccounted(self) -> list[Finding]:
        """What got lost."""
        return [finding for finding in self.findings if finding.what in LOST]

    @property
    def doubled(self) -> list[Finding]:
        """What was told twice."""
        return [finding for finding in self.findings if finding.what in DOUBLED]

    @property
    def broken(self) -> list[Finding]:
        """Every other breach of the laws."""
        return [finding for finding in self.findings if finding.what not in LOST | DOUBLED]

    @property
    def ok(self) -> bool:
        """Tell whether nothing is pending and nothing was found."""
        return not self.findings and not self.tally.pending

    def summary(self) -> dict[str, Any]:
        """Return the summary as plain values for JSON."""
        return {
            "admitted": self.tally.admitted,
            "sent": self.tally.sent,
            "suppressed": self.tally.suppressed,
            "dead": self.tally.dead,
            "pending": self.tally.pending,
            "unaccounted": len(self.unaccounted),
            "doubled": len(self.doubled),
            "latency_ms": {"p50": self.latency_ms.p50, "p99": self.latency_ms.p99},
            "shadow": self.tally.shadow,
            "moved": self.tally.moved,
            "notices": self.tally.notices,
            "broken": dict(Counter(f"{finding.law} {finding.what}" for finding in self.broken)),
            "steps_ms": msgspec.to_builtins(self.steps_ms),
            "findings": msgspec.to_builtins(self.findings[:100]),
        }


def latency(outcomes: Sequence[Outcome]) -> tuple[Percentiles, dict[str, Percentiles]]:
    """Measure how long notices took: from the first row's `createdAt` to the provider's acceptance.

    What was waited on purpose does not count: the window (settle, and gathering of summaries) and holds. A notice
    whose alert has a `held` outcome is left out of the total, because the wait for a bot or for the directory lies
    within `resolve`. The steps are measured over all notices that left.
    """
    held = {alert_id for outcome in outcomes if outcome.kind == "held" for alert_id in outcome.alert_ids}
    left = [o for o in outcomes if o.kind == "sent" and "shadow" not in o.flags]
    steps: dict[str, list[int]] = {name: [] for name, _, _ in STEPS}
    totals = []
    for outcome in left:
        took = {name: _between(outcome, start, end) for name, start, end in STEPS}
        for name, milliseconds in took.items():
            if milliseconds is not None:
                steps[name].append(milliseconds)
        whole = _between(outcome, "created_ms", "at_ms")
        waits = [took[name] for name in ON_PURPOSE]
        if not held.intersection(outcome.alert_ids) and whole is not None and None not in waits:
            totals.append(whole - sum(wait or 0 for wait in waits))
    return _percentiles(totals), {name: _percentiles(values) for name, values in steps.items()}


def _between(outcome: Outcome, start: str, end: str) -> int | None:
    first, last = getattr(outcome, start), getattr(outcome, end)
    if "captured_ms" in {start, end} and (outcome.captured_ms or 0) < (outcome.created_ms or 0):
        return None  # it is that of an older message of the alert, which has ended in another way
    return last - first if first and last else None


def _percentiles(values: list[int]) -> Percentiles:
    ordered = sorted(values)
    if not ordered:
        return Percentiles(0, None, None)
    return Percentiles(len(ordered), *(ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.99)))

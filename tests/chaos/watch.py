"""The verifier that runs during: reads committed records as they come, and notes what must never be visible."""

from collections import Counter
from typing import TypeVar

import msgspec

from admin.demo.tail import Tail
from schemas import codec
from schemas.records import Alert, AlertsRecord, Outcome

_outcome = codec.decoder(Outcome)
_alert: "msgspec.json.Decoder[AlertsRecord]" = msgspec.json.Decoder(AlertsRecord)
K = TypeVar("K")
ENDS = frozenset({"sent", "suppressed", "dead", "moved"})


class Watch(Tail):
    """A `Tail` that also keeps books: `doubles` says, in words, what was seen twice."""

    doubles: list[str]
    sent: Counter[tuple[str, str]]
    outcomes: list[Outcome]

    def start(self) -> None:
        self.doubles, self.sent, self.outcomes = [], Counter(), []
        self._bounced: Counter[tuple[str, str]] = Counter()
        self._ended: Counter[tuple[str, str | None, int]] = Counter()
        self._alerted: Counter[tuple[str, int]] = Counter()
        self._told: Counter[str] = Counter()
        super().start()

    def state(self) -> dict[str, int]:
        """Return what is open right now: windows with messages, entries by phase."""
        phases = Counter(list(self.tally.entries.values()))
        return {"rows": self.tally.rows, "windows": len(self.tally.windows), **dict(sorted(phases.items()))}

    def _alerts(self, key: bytes, value: bytes | None) -> None:
        super()._alerts(key, value)
        alert = None if value is None else _alert.decode(value)
        if not isinstance(alert, Alert) or alert.redrive_of is not None:
            return
        self._once(self._alerted, (alert.alert_id, alert.forwards), "alert")
        if not alert.forwards:
            for item in alert.items:
                self._once(self._told, item.message_ref, "message in two alerts")

    def _outcome(self, key: bytes, value: bytes | None) -> None:
        super()._outcome(key, value)
        outcome = None if value is None else _outcome.decode(value)
        if outcome is None:
            return
        self.outcomes.append(outcome)
        if outcome.kind not in {*ENDS, "bounced"}:
            return
        for ref in outcome.message_refs:
            whom = (ref, outcome.agent or "")
            if outcome.kind == "bounced":
                self._bounced[whom] += 1
                continue
            self._once(self._ended, (ref, outcome.agent, outcome.hop), f"end ({outcome.kind})")
            if outcome.kind == "sent":
                self.sent[whom] += 1
                if self.sent[whom] > 1 + self._bounced[whom]:
                    self.doubles.append(f"sent {self.sent[whom]} times: {ref} to {outcome.agent}")

    def _once(self, counter: Counter[K], what: K, name: str) -> None:
        counter[what] += 1
        if counter[what] > 1:
            self.doubles.append(f"{name} seen {counter[what]} times: {what}")

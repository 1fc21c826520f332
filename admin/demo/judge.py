"""The judgement of a run on a fresh cell: topics, databases and phones against the laws, and what to exit with."""

import json
from collections.abc import Mapping
from pathlib import Path

from deploy.demo.verifier.collect import collect
from deploy.demo.verifier.laws import check
from deploy.demo.verifier.verdict import Verdict
from schemas.errors import Exit
from schemas.topics import Cell

BACKLOG_MS = 60_000
"""Recorded instants are moved to now, less what a recorded backlog is late by."""


def judge(bootstrap: str, cell: Cell, sources: Mapping[str, str], since_ms: int, ledger: Path) -> Verdict:
    """Check the laws from what everybody can see.

    Args:
        bootstrap: Kafka's address.
        cell: whose topics; it was made for this run, so nothing may be missing from the beginning of a topic.
        sources: source id -> DSN of its database.
        since_ms: when the first row was played.
        ledger: what the phones saw.
    """
    return check(collect(bootstrap, cell, sources, since_ms - BACKLOG_MS, str(ledger)), whole=True)


def conclude(verdict: Verdict, summary: Path | None) -> Exit:
    """Write the summary where it was asked for, and return the exit code: `FOUND` unless all is accounted for."""
    if summary is not None:
        summary.write_text(json.dumps(verdict.summary(), ensure_ascii=False, indent=2) + "\n", "utf-8")
    return Exit.OK if verdict.ok else Exit.FOUND

"""`python -m deploy.demo.verifier`: check a cell at rest; exit 0 only if nothing is pending, lost or doubled."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from deploy.demo.verifier.collect import collect
from deploy.demo.verifier.laws import check
from deploy.demo.verifier.verdict import STEPS, Verdict
from schemas.errors import Exit, Invalid, RecadoError
from schemas.topics import Cell

COUNTS = {
    "admitted": "customers' messages",
    "sent": "messages told, counted for each agent",
    "notices": "texts on phones; one may tell of many messages",
    "shadow": "decided, not sent",
    "moved": "to another agent while they waited",
    "dead": "dead letters",
    "pending": "still waiting",
    "unaccounted": "lost",
    "doubled": "told twice",
}


def table(verdict: Verdict) -> Table:
    """Return the verdict for a person's eyes."""
    shown = Table(show_header=False, box=None)
    summary = verdict.summary()
    for name, meaning in COUNTS.items():
        shown.add_row(name, str(summary[name]), f"[dim]{meaning}[/dim]")
    for reason, times in verdict.tally.suppressed.items():
        shown.add_row(f"suppressed ({reason})", str(times))
    shown.add_row("latency p50 / p99 ms", f"{verdict.latency_ms.p50} / {verdict.latency_ms.p99}")
    for name, _, _ in STEPS:
        step = verdict.steps_ms[name]
        shown.add_row(f"  {name}", f"{step.p50} / {step.p99}")
    for finding in verdict.findings[:50]:
        shown.add_row(f"[red]{finding.law} {finding.what}[/red]", f"{finding.subject}: {finding.detail}")
    return shown


def main(
    bootstrap: Annotated[str, typer.Option(help="Kafka, host:port.")],
    source: Annotated[list[str] | None, typer.Option(help="A source and its database, id=DSN; repeatable.")] = None,
    cell: Annotated[str, typer.Option(help="Cell.")] = "main",
    since_ms: Annotated[int, typer.Option(help="Rows created before (epoch ms) do not count.")] = 0,
    ledger: Annotated[str | None, typer.Option(help="What the phones saw: JSONL file or URL.")] = None,
    tenant: Annotated[list[str] | None, typer.Option(help="Tenants that are not off; none given: all.")] = None,
    marker: Annotated[str, typer.Option(help="First token of our own texts.")] = "[Whaticket]",
    summary: Annotated[Path | None, typer.Option(help="Write the summary as JSON to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Check the laws of conservation of a cell at rest, from its topics, databases and phones alone."""
    try:
        dsns = dict(_pair(text) for text in source or ())
        evidence = collect(bootstrap, Cell(cell), dsns, since_ms, ledger)
        verdict = check(evidence, marker, frozenset(tenant) if tenant else None)
    except RecadoError as error:
        Console(stderr=True).print(str(error), markup=False)
        raise typer.Exit(error.exit) from error
    answer = json.dumps(verdict.summary(), ensure_ascii=False, indent=2)
    if summary is not None:
        summary.write_text(answer + "\n", encoding="utf-8")
    if as_json:
        typer.echo(answer)
    else:
        Console().print(table(verdict))
    raise typer.Exit(Exit.OK if verdict.ok else Exit.FOUND)


def _pair(text: str) -> tuple[str, str]:
    name, equals, dsn = text.partition("=")
    if not equals:
        raise Invalid("RCD-601", "--source wants id=DSN")
    return name, dsn


if __name__ == "__main__":
    typer.run(main)

"""What commands print: tables for people, JSON for scripts, colour only on a terminal."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from admin.registry.rows import Change, Row, plain


def as_json(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def table(rows: Sequence[Row], columns: Sequence[str], *, json_wanted: bool) -> None:
    """Print rows with the given columns, all of them as JSON."""
    if json_wanted:
        as_json(list(rows))
        return
    if not rows:
        Console(stderr=True).print("nothing yet")
        return
    shown = Table(box=None, pad_edge=False)
    for column in columns:
        shown.add_column(column.replace("_", " "))
    for row in rows:
        shown.add_row(*(Text(said(row.get(column))) for column in columns))
    # Off a terminal nothing is cut to a guessed width.
    Console(width=None if sys.stdout.isatty() else 10_000).print(shown)


def plan(lines: Iterable[Mapping[str, str]]) -> None:
    """Print the lines of a plan below each other: part and what, exactly how, and the undo. Narrow everywhere."""
    # Off a terminal nothing is cut to a guessed width.
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    for line in lines:
        console.print(Text.assemble((f"{line['part']}: ", "bold"), line["what"]))
        for text in filter(None, (line["exactly"], line["undo"] and f"undo: {line['undo']}")):
            console.print(
                Padding(Text(text, style="dim"), (0, 0, 0, 4)) if sys.stdout.isatty() else f"    {text}",
                markup=False,
            )


def details(row: Row, *, json_wanted: bool) -> None:
    """Print one thing, a field a line."""
    if json_wanted:
        as_json(row)
        return
    console = Console(highlight=False, soft_wrap=True)
    for name, value in row.items():
        console.print(Text.assemble((f"{name}: ", "bold"), said(value)))


def changes(done: Iterable[Change], *, json_wanted: bool) -> None:
    """Print what was changed, field by field, or that nothing had to be."""
    listed = list(done)
    if json_wanted:
        as_json([_document(change) for change in listed])
        return
    console = Console(highlight=False, soft_wrap=True)
    for change in listed:
        if change.is_nothing:
            console.print(Text(f"{change.subject}: nothing to change"))
            continue
        if change.after is None:
            console.print(Text(f"{change.subject}: removed"))
            continue
        verb = "created" if change.before is None else "changed"
        console.print(Text(f"{change.subject}: {verb}"))
        for name, old, new in change.fields:
            if change.before is None and new in (None, "", [], {}, False):
                continue
            text = f"  {name}: {said(new)}" if change.before is None else f"  {name}: {said(old)} → {said(new)}"
            console.print(Text(text))


def texts(found: Mapping[str, str], *, json_wanted: bool) -> None:
    """Print texts of several lines, each under its name."""
    if json_wanted:
        as_json(dict(found))
        return
    console = Console(highlight=False, soft_wrap=True)
    for name, text in found.items():
        console.print(Text(f"── {name}", style="bold"))
        console.print(Text(text))
        console.print()


def note(text: str) -> None:
    """Say something beside the result, on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(text))


def said(value: Any) -> str:
    """Return a value as a person reads it."""
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(said, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}={said(item)}" for name, item in value.items())
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return str(value)


def _document(change: Change) -> Row:
    return {
        "what": change.what,
        "subject": change.subject,
        "changed": not change.is_nothing,
        "before": plain(change.before),
        "after": plain(change.after),
    }

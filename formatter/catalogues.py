"""Keeps the message catalogues in step with the source: `python -m formatter.catalogues check|update`.

Portuguese texts in the source are the keys. `update` extracts them and merges them into every language; `check`
changes nothing and fails when a text is missing, fuzzy, obsolete, or has other placeholders than its key.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import regex
import typer
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po
from rich.console import Console

from formatter.languages import DEFAULT, DOMAIN, LANGUAGES, LOCALE, po_file

ROOMS: Final = ("formatter",)
ROOT: Final = Path(__file__).parent.parent
TEMPLATE = LOCALE / f"{DOMAIN}.pot"
_HEADER: Final = "# Texts of Recado's notices. The Portuguese texts of the source are the keys."
_CHURNING: Final = ("POT-", "PO-Revision-Date", "Last-Translator", "Language-Team", "Generated-By", "Report-Msgid")
_PLACEHOLDER: Final = regex.compile(r"\{[A-Za-z]+\}")

app = typer.Typer(add_completion=False, help=__doc__)
console = Console(stderr=True, highlight=False)


def extract() -> Catalog:
    """Return the texts that the source uses now, without dates or line numbers (they would churn)."""
    found = Catalog(project="recado", version="1", domain=DOMAIN, fuzzy=False, header_comment=_HEADER)
    for room in ROOMS:
        for name, _line, message, comments, context in extract_from_dir(
            str(ROOT / room),
            method_map=[("**.py", "python")],
            comment_tags=("Translators:",),
            strip_comment_tags=True,
        ):
            found.add(message, None, [(f"{room}/{name}", 0)], auto_comments=comments, context=context)
    return found


def _read(path: Path, language: str | None = None) -> Catalog:
    with path.open("rb") as source:
        return read_po(source, locale=language, domain=DOMAIN)


def _write(catalogue: Catalog) -> bytes:
    sink = io.BytesIO()
    write_po(sink, catalogue, width=116, sort_output=True, include_lineno=False, ignore_obsolete=True)
    lines = sink.getvalue().decode().splitlines()
    stale = tuple(f'"{name}' for name in _CHURNING)
    return ("\n".join(line for line in lines if not line.startswith(stale)) + "\n").encode()


def _forms(value: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [value or ""] if isinstance(value, str | None) else list(value)


def _placeholders(texts: list[str]) -> set[str]:
    return {found for text in texts for found in _PLACEHOLDER.findall(text)}


def merged(language: str) -> Catalog:
    """Return a language's catalogue with all keys of the source; in Portuguese they are the texts too."""
    path = po_file(language)
    catalogue = _read(path, language) if path.exists() else Catalog(locale=language, domain=DOMAIN, fuzzy=False)
    catalogue.project, catalogue.version, catalogue.header_comment = "recado", "1", _HEADER
    catalogue.update(extract(), no_fuzzy_matching=True)
    if language == DEFAULT:
        for message in _messages(catalogue):
            if not any(_forms(message.string)):
                message.string = message.id
    return catalogue


def _messages(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


def problems() -> list[str]:
    """Return everything wrong with the catalogues, one sentence each."""
    found: list[str] = []
    if not TEMPLATE.exists() or TEMPLATE.read_bytes() != _write(extract()):
        found.append(f"{TEMPLATE.name} is out of date; run: make messages")
    keys = {(message.context, *_forms(message.id)) for message in _messages(extract())}
    for language in LANGUAGES:
        path = po_file(language)
        if not path.exists():
            found.append(f"{language}: no catalogue")
            continue
        catalogue = _read(path, language)
        present = {(message.context, *_forms(message.id)): message for message in _messages(catalogue)}
        found += [f"{language}: {key[1]!r} is missing" for key in sorted(keys - present.keys(), key=repr)]
        found += [f"{language}: {key[1]!r} is not used any more" for key in sorted(present.keys() - keys, key=repr)]
        for message in present.values():
            found += [
                f"{language}: {_forms(message.id)[0]!r} {what}" for what in _wrong(message, catalogue.num_plurals)
            ]
    return found


def _wrong(message: Message, plurals: int) -> Iterator[str]:
    texts = _forms(message.string)
    if message.fuzzy:
        yield "is fuzzy"
    if not all(texts):
        yield "is not translated"
        return
    if not isinstance(message.id, str) and len(texts) != plurals:
        yield f"has {len(texts)} plural forms, the language has {plurals}"
    wanted = _placeholders(_forms(message.id))
    for text in texts:
        if _placeholders([text]) != wanted:
            yield f"has other placeholders than its key in {text!r}"


@app.command()
def check() -> None:
    """Fail when a catalogue is not complete and up to date."""
    found = problems()
    for problem in found:
        console.print(problem, markup=False)
    if found:
        raise typer.Exit(1)
    console.print(f"catalogues: {', '.join(LANGUAGES)} complete")


@app.command()
def update() -> None:
    """Extract the texts of the source and merge them into all languages."""
    LOCALE.mkdir(exist_ok=True)
    TEMPLATE.write_bytes(_write(extract()))
    for language in LANGUAGES:
        catalogue = merged(language)
        po_file(language).parent.mkdir(parents=True, exist_ok=True)
        po_file(language).write_bytes(_write(catalogue))
        empty = sum(not all(_forms(message.string)) for message in _messages(catalogue))
        console.print(f"{language}: {len(catalogue)} texts, {empty} not translated")


if __name__ == "__main__":
    sys.exit(app())

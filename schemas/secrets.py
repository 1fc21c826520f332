"""Secrets by reference: `env:NAME` or `file:/absolute/path`. The database and our files hold references only."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from schemas.errors import Invalid

CODE = "RCD-602"
MAX_BYTES = 64 * 1024
_ENV = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_FILE = re.compile(r"file:(/.+)")
_SECRET_NAME = re.compile(
    r"(token|secret|passw(or)?d|api_?key|credential|private_?key|authorization)", re.IGNORECASE
)


def is_reference(text: str) -> bool:
    """Tell whether `text` is a well-formed reference (not whether it resolves)."""
    return bool(_ENV.fullmatch(text) or _FILE.fullmatch(text))


def names_a_secret(name: str) -> bool:
    """Tell whether a setting of this name holds a secret, so that only a reference is accepted for it."""
    return bool(_SECRET_NAME.search(name))


def resolve(reference: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the secret. A file's trailing line break is not part of it.

    May block on a file. The environment of the process is read unless `environ` is given.

    Raises:
        Invalid: RCD-602, naming the reference and never the value.
    """
    if found := _ENV.fullmatch(reference):
        value = (os.environ if environ is None else environ).get(found.group(1))
        if not value:
            raise Invalid(CODE, f"{reference}: the variable is not set")
        return value
    if found := _FILE.fullmatch(reference):
        return _read(reference, Path(found.group(1)))
    raise Invalid(CODE, "a secret is given as env:NAME or file:/absolute/path")


def resolve_all(settings: Mapping[str, str], environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return `settings` with every reference replaced by its secret; plain values stay as they are.

    Raises:
        Invalid: RCD-602, naming the setting.
    """
    resolved = {}
    for name, value in settings.items():
        try:
            resolved[name] = resolve(value, environ) if is_reference(value) else value
        except Invalid as error:
            raise Invalid(CODE, f"{name}: {error.detail}") from error
    return resolved


def _read(reference: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        value = raw.decode().rstrip("\r\n")
    except OSError as error:
        raise Invalid(CODE, f"{reference}: {error.strerror or 'cannot be read'}") from error
    except UnicodeDecodeError as error:
        raise Invalid(CODE, f"{reference}: not UTF-8 text") from error
    if not value or len(raw) > MAX_BYTES:
        raise Invalid(CODE, f"{reference}: {'larger than 64 KiB' if value else 'empty'}")
    return value

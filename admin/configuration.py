"""Where the command line finds its settings: the environment, else the local stack that `recado up` started."""

import os
import shlex

from schemas.errors import Invalid
from schemas.settings import Settings

STACK_FILE = "stack.env"


def settings() -> Settings:
    """Return the settings; addresses that are not set are those of the local stack, when there is one.

    Raises:
        Invalid: RCD-601.
    """
    found = Settings.load()
    file = found.data_dir / STACK_FILE
    if found.database_url is not None or not file.exists():
        return found
    for line in file.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        os.environ.setdefault(name, "".join(shlex.split(value)))
    return Settings.load()


def database_url(found: Settings | None = None) -> str:
    """Return the address of the `recado` database (it may hold a password).

    Raises:
        Invalid: RCD-601, it is not set and there is no local stack.
    """
    url = (found or settings()).database_url
    if url is None:
        raise Invalid("RCD-601", "RECADO_DATABASE_URL is not set, and no local stack was started here (recado up)")
    return url.get_secret_value()

"""The edge between our errors and a shell: one clear line, and the exit code that scripts rely on."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.text import Text
from typer.exceptions import Abort, TyperException

from schemas.errors import Exit, RecadoError

GUIDE = "docs/errors.md"
INTERRUPTED = 130


def guarded(command: Callable[[], object]) -> int:
    """Run a command and return its exit code, whatever happens.

    0 ok, 10 a human step is pending, 20 wrong configuration or usage, 30 a dependency is down, 40 refused, 70 a bug
    of ours. A bug's traceback goes to a file, because it says nothing to the person who meets it.
    """
    try:
        result = command()
    except RecadoError as error:
        say(error)
        return int(error.exit)
    except (Abort, KeyboardInterrupt):
        return INTERRUPTED
    except TyperException as error:
        if message := error.format_message().replace(
            "Value error, ", ""
        ):  # without arguments the help was shown, and there is none
            _console().print(Text(f"{message.rstrip('.')}. The form is told by --help", style="red"))
        return int(Exit.CONFIGURATION)
    except BrokenPipeError:
        # The reader (`head`) has gone. Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return int(Exit.OK)
    except Exception as error:  # the boundary: nothing may pass it as a traceback
        _console().print(Text(f"An error of Recado itself: {type(error).__name__}. {_kept()}", style="red"))
        return int(Exit.BUG)
    return result if isinstance(result, int) else int(Exit.OK)


def say(error: RecadoError) -> None:
    """Print an error: what happened, what to do, where the guide says more."""
    line = Text(str(error), style="red")
    if error.entry is not None and error.code is not None:
        line.append(f". {error.entry.remedy}", style="not red")
        line.append(f" ({GUIDE}#{error.code.lower()})", style="dim")
    _console().print(line)


def _kept() -> str:
    folder = Path(os.environ.get("RECADO_DATA_DIR", ".recado"))
    file = folder / "crash.log"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as log:
            log.write(traceback.format_exc() + "\n")
    except OSError:
        return f"It could not be written to {file}: {traceback.format_exc(limit=-1).strip()}"
    return f"Please report it with {file}"


def _console() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)

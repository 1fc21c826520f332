"""`python -m tests.stack_guard FOLDER`: ends a test's stack when the test's process is killed before it could.

It waits at its standard input, which closes with the test's process, however that ends. A last word there means
that nothing is left to do; without it whoever is last ends the stack, as `shared_stack` does.
"""

import sys
from contextlib import suppress
from pathlib import Path

FAREWELL = b"done"


def main() -> None:
    if sys.stdin.buffer.read() == FAREWELL:
        return
    # Imported late: while it waits it should cost nothing.
    import psutil

    from tests.stack_fixture import leave, private_stack

    stack = private_stack(Path(sys.argv[1]))
    if not stack.data_dir.exists():
        return
    bootstrap = stack.bootstrap
    if not leave(stack):
        return
    for process in psutil.process_iter():  # roles that the test had started itself
        with suppress(psutil.Error):
            if process.environ().get("RECADO_KAFKA__BOOTSTRAP") == bootstrap:
                process.kill()


if __name__ == "__main__":
    main()

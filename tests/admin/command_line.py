"""What one command line gave."""

from collections.abc import Callable
from typing import NamedTuple


class Ran(NamedTuple):
    """Exit code and both outputs."""

    code: int
    out: str
    err: str


Command = Callable[..., Ran]

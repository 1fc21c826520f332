"""One stack for the whole suite, which breaks it again and again."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack import LocalStack
from tests.stack_fixture import ROOT, own_stack

REPORTS = ROOT / ".recado" / "chaos"


@pytest.fixture(scope="session")
def broken_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of this suite alone."""
    yield from own_stack(tmp_path_factory.mktemp("chaos") / ".recado")


@pytest.fixture(scope="session")
def reports() -> Path:
    """Where reports go: `CHAOS_REPORTS`, else a folder of the checkout that is not kept."""
    return Path(os.environ.get("CHAOS_REPORTS") or REPORTS)

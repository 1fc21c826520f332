"""What should come of the continuous pass: the pure cores in this process, on a virtual clock."""

import asyncio
from contextlib import ExitStack
from typing import Any

from deploy.stack import LocalStack
from schemas.config import Parameters
from tests.isolated.arm import Arm
from tests.isolated.oracle import staged

Said = dict[str, dict[str, Any]]
"""`flavour/ticket/message` -> whom it was told, or why not; only what had to be accounted for."""


def reference(stack: LocalStack, flavours: tuple[str, ...], machine: Parameters, capture_ms: int) -> Said:
    """Play all recordings at once at recorded speed, over databases of their own.

    Args:
        stack: its PostgreSQL holds the databases.
        flavours: each a source.
        machine: parameters of both machines.
        capture_ms: how late every row of `Messages` is captured, to see where timing decides.
    """
    with ExitStack() as undo:
        runner = undo.enter_context(asyncio.Runner())
        stages = [undo.enter_context(staged(stack, name, name)) for name in flavours]
        arm = Arm(*(stage for stage, _ in stages), runner=runner, machine=machine, capture_ms=capture_ms)
        undo.callback(arm.close)
        played = arm.play_together({stage.cast.source: scenarios for stage, scenarios in stages})
    return {ref: said for ref, said in played.refs.items() if "ignored" not in said}

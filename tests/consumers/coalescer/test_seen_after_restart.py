"""Right after a restart the stream's time is not known yet; a ticket's own marks are, and they never fall."""

from consumers.coalescer.seen import SeenIds
from schemas.config import MINUTE, Parameters
from schemas.records import Window


def test_a_late_row_after_a_restart_is_remembered_as_long_as_the_rows_before_it() -> None:
    parameters = Parameters()
    window = Window(phase="STUB", due_ms=0, last_ts_ms=100 * MINUTE, seen=[(1, 100 * MINUTE)])
    restarted = SeenIds()
    restarted.add("vps1/7", window, 2, 80 * MINUTE, parameters)  # 20 minutes behind, and nothing else is known
    assert window.seen == [(1, 100 * MINUTE), (2, 100 * MINUTE)]
    assert window.last_ts_ms == 100 * MINUTE
    restarted.add("vps1/7", window, 3, 100 * MINUTE + parameters.seen_keep + 1, parameters)
    assert window.seen == [(3, 100 * MINUTE + parameters.seen_keep + 1)]

"""Right after a restart the stream's time is not known yet; a ticket's own marks are, and they never fall."""

from consumers.coalescer.seen import SeenIds, pack, unpack
from schemas.config import MINUTE, Parameters
from schemas.records import Window

A, B, C = b"1" * 8, b"2" * 8, b"3" * 8


def test_a_late_row_after_a_restart_is_remembered_as_long_as_the_rows_before_it() -> None:
    parameters = Parameters()
    window = Window(phase="STUB", due_ms=0, last_ts_ms=100 * MINUTE, seen=pack([(A, 100 * MINUTE)]))
    restarted = SeenIds()
    restarted.add("vps1/7", window, B, 80 * MINUTE, parameters)  # 20 minutes behind, and nothing else is known
    assert unpack(window.seen) == [(A, 100 * MINUTE), (B, 100 * MINUTE)]
    assert window.last_ts_ms == 100 * MINUTE
    restarted.add("vps1/7", window, C, 100 * MINUTE + parameters.seen_keep + 1, parameters)
    assert unpack(window.seen) == [(C, 100 * MINUTE + parameters.seen_keep + 1)]

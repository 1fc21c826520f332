"""The clock never steps back, and never stands still."""

import pytest

from schemas.clock import SystemClock

SECOND = 1_000_000_000


class Host:
    """A host whose clock can be set."""

    def __init__(self) -> None:
        self.wall, self.elapsed = 1_000 * SECOND, 5 * SECOND
        self.clock = SystemClock(lambda: self.wall, lambda: self.elapsed)

    def passes(self, seconds: float) -> int:
        self.wall += int(seconds * SECOND)
        self.elapsed += int(seconds * SECOND)
        return self.clock.now_ms()

    def is_set(self, seconds: float) -> int:
        self.wall += int(seconds * SECOND)
        return self.clock.now_ms()


def test_it_is_the_hosts_clock() -> None:
    host = Host()
    assert [host.clock.now_ms(), host.passes(1.5), host.passes(0), host.passes(60)] == [
        1_000_000, 1_001_500, 1_001_500, 1_061_500,
    ]  # fmt: skip


def test_a_step_forward_is_followed_at_once() -> None:
    host = Host()
    assert [host.is_set(3_600), host.passes(1)] == [4_600_000, 4_601_000]


@pytest.mark.parametrize("look_s", [0.01, 1.0, 10.0])
def test_after_a_step_back_it_goes_on_at_half_speed_until_the_host_has_caught_up(look_s: float) -> None:
    host = Host()
    assert host.is_set(-60) == 1_000_000
    shown = [host.passes(look_s) for _ in range(int(200 / look_s))]
    wanted = [max(1_000_000 + i * look_s * 500, 940_000 + i * look_s * 1_000) for i in range(1, len(shown) + 1)]
    assert shown == pytest.approx(wanted, abs=1)
    assert shown[-1] == 1_140_000


def test_steps_back_one_after_another_never_turn_it_back() -> None:
    host = Host()
    shown = []
    for step in (-10, -3_600, 20, -1):
        shown += [host.is_set(step), host.passes(2)]
    assert shown == sorted(shown)
    assert shown[-1] == 1_004_000

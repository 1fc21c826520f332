"""The partitioner agrees with Kafka's Java client."""

import pytest

from consumers.runtime.murmur2 import murmur2, partition


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_that_of_the_java_client(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed % 2**32


def test_a_negative_hash_loses_its_sign_before_the_modulo() -> None:
    assert partition(b"21", 12) == (-973932308 & 0x7FFFFFFF) % 12

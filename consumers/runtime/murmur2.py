"""Kafka's default partitioner: murmur2 of the key, as the Java client computes it (`Utils.murmur2`)."""

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Return the unsigned 32-bit murmur2 hash of `data`."""
    length = len(data)
    h = _SEED ^ length
    whole = length & ~3
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * _M & _MASK
        k = (k ^ k >> 24) * _M & _MASK
        h = h * _M & _MASK ^ k
    if whole < length:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partition(key: bytes, partitions: int) -> int:
    """Return the partition of a non-null key among `partitions`, as the Java client and librdkafka's murmur2 do."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions

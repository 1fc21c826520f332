"""One JSON codec: msgspec, UTF-8, unknown fields ignored (a newer release may add some)."""

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def encode(value: Any) -> bytes:
    """Encode a record or state struct as JSON."""
    return _encoder.encode(value)


def decoder(kind: type[T]) -> "msgspec.json.Decoder[T]":
    """Return a reusable decoder for `kind`; its `decode` raises `msgspec.DecodeError` on bad bytes."""
    return msgspec.json.Decoder(kind)

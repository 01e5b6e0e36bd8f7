"""Values as bytes: what `<blob>` attributes store."""

from __future__ import annotations

from typing import Any

import numpy as np

from levada._values.blob import decode_blob, encode_blob

__all__ = ["pack", "unpack"]


def pack(value: object) -> bytes:
    """Make the bytes that stand for a value.

    Raises:
        WrongValue: It cannot be stored; the message gives the path to what is in the way.
    """
    return encode_blob(value)


def unpack(blob: bytes | memoryview, squeeze: bool = False) -> Any:  # noqa: ANN401  # whatever was stored
    """Read the bytes that stand for a value, also those that DataJoint wrote.

    Args:
        squeeze: Drop the dimensions of length 1 of an array.

    Raises:
        WrongValue: The bytes are no blob, or damaged.
    """
    value = decode_blob(bytes(blob))
    return value.squeeze() if squeeze and isinstance(value, np.ndarray) else value
